import Bytes
public import Compatibility
import DeviceCode
public import Stack
import Synchronization

extension ScanResult {
  /// Reads what verdicts depend on besides headers, on `jobs` threads: the names of kernels, and the directives of PTX
  /// that has to be compiled.
  ///
  /// Nothing is read of a file whose modules all have machine code for every device. Of the others one image is read
  /// for each of the modules whose names are wanted, and the PTX whose directives are. What cannot be read becomes a problem
  /// of its file, and of facts for all devices one that is told where it matters.
  ///
  /// - Parameters:
  ///   - wanted: indices of the libraries to read; nil for all.
  ///   - cubinsTogether: whether cubin files of one folder are judged together, so that no names of theirs are needed.
  mutating func readKernels(
    for reading: CodeReading, of wanted: Set<Int>? = nil, cubinsTogether: Bool = true, jobs: Int,
    progress: ScanProgress?
  ) {
    var cubins: [FilePlace: Int] = [:]
    for entry in libraries where cubinsTogether && entry.file.format == .cubin {
      cubins[entry.place.folder, default: 0] += 1
    }
    func isTogether(_ entry: ScannedLibrary) -> Bool {
      entry.file.format == .cubin && roots[entry.place.root].kind != .file
        && cubins[entry.place.folder, default: 0] > 1
    }
    for index in libraries.indices where libraries[index].recorded != nil && isTogether(libraries[index]) {
      libraries[index].kernels = KernelNames()
      libraries[index].readingProblems = []
    }
    /// The modules whose names are wanted first, where that is known already.
    var first: [Int: [Int]] = [:]
    /// The same for units that were met: small libraries are often alike.
    var known: [CodeUnit: [Int]] = [:]
    let candidates = libraries.indices.filter { index in
      guard wanted?.contains(index) ?? true else { return false }
      let entry = libraries[index]
      guard entry.recorded == nil, !isTogether(entry) else { return false }
      if entry.file.inventory.images.contains(where: \.isUnreadPTX),
        !reading.compiledPTX(of: entry.unit).isEmpty
      {
        return true
      }
      if let modules = known[entry.unit] {
        first[index] = modules
        return !modules.isEmpty
      }
      let modules = reading.modulesToName(of: entry.unit, KernelNames())
      known[entry.unit] = modules
      first[index] = modules
      return !modules.isEmpty
    }
    guard !candidates.isEmpty else { return }
    progress?.begin(.readingKernels, of: candidates.count)
    let before = (libraries: libraries, roots: roots)
    let results = Mutex<[(index: Int, names: NameReader.Result)]>([])
    // A large library keeps all threads busy alone. A member of a zip archive is inflated by one thread at a time, so others
    // go on beside it.
    let alone = candidates.filter { roots[libraries[$0].place.root].archive == nil && !libraries[$0].isSmall }
    read(candidates, alone: Set(alone), jobs: jobs) { [first] index, jobs in
      let library = before.libraries[index]
      var reader = NameReader(library, by: reading.tables, jobs: jobs, progress: progress)
      reader.read(before.roots, library.place, for: reading, first: first[index])
      progress?.finishStep()
      results.withLock { $0.append((index, reader.result)) }
    }
    for (index, names) in results.withLock({ $0 }) {
      let place = libraries[index].place
      libraries[index].kernels = names.kernels
      if !names.directives.isEmpty {
        libraries[index].unit = CodeUnit(libraries[index].file.inventory, directives: names.directives)
      }
      let problems = reading.isForEverything ? names.otherProblems : names.allProblems
      libraries[index].file.problems += problems
      self.problems += problems.map { PlacedProblem(place: place, problem: $0) }
      if reading.isForEverything { libraries[index].readingProblems = names.problems }
      counts.bytesRead += names.bytesRead
      counts.imagesRead += names.imagesRead
    }
    self.problems.sortByPlace()
  }
}

/// Which code has to be read, besides headers, to judge files on some devices.
struct CodeReading: Sendable {
  /// Nil for all that there are.
  private let devices: [Device]?
  private let distinct: DistinctDevices
  let tables: TableSet

  var isForEverything: Bool { devices == nil }

  /// - Parameter stacks: what is known of the software in the views, which may bring another driver.
  init(_ purpose: FactsFor, in stacks: [StackFacts], by tables: TableSet) {
    self.tables = tables
    distinct = DistinctDevices(by: tables)
    guard case .devices(let devices) = purpose else {
      self.devices = nil
      return
    }
    // Code is also judged for its own sake, and with the driver libraries of the image.
    let drivers = stacks.flatMap(\.compatPackages).compactMap { DriverVersion($0.driver.value) }
    let releases = stacks.compactMap(\.jetsonLinux).map {
      $0.value.split(separator: ".").compactMap { Int($0) }
    }
    var all: [Device] = []
    for device in devices {
      var variants = [device, device.withoutDriver]
      for driver in drivers where device.knownDriver != nil {
        variants.append(device)
        variants[variants.count - 1].driver = driver
      }
      for release in releases where device.isTegra {
        variants.append(device)
        variants[variants.count - 1].jetsonLinux = release
      }
      for variant in variants where !all.contains(variant) { all.append(variant) }
    }
    self.devices = all
  }

  /// The modules of `unit` whose names are wanted next, ascending; empty when `kernels` has all that matter.
  func modulesToName(of unit: CodeUnit, _ kernels: KernelNames) -> [Int] {
    if let devices {
      return Set(devices.flatMap { unit.modulesToName(on: $0, kernels: kernels) }).sorted()
    }
    let devices = distinct.all(for: unit)
    let modules = unit.modulesThatMayMatter(on: devices).filter { !kernels.isRead($0) }
    guard modules.isEmpty else { return modules }
    // Where nothing runs, the driver makes no difference to whose names are wanted.
    var seen: Set<ComputeCapability> = []
    let idle = devices.filter { !unit.runs(on: $0) && seen.insert($0.computeCapability).inserted }
    return Set(idle.flatMap { unit.modulesToName(on: $0, kernels: kernels) }).sorted()
  }

  /// The PTX of `unit` whose directives are wanted, with some driver: each with a module and a position among its images.
  func compiledPTX(of unit: CodeUnit) -> [(module: Int, image: Int)] {
    guard unit.hasPTX else { return [] }
    guard let devices else { return distinct.all(for: unit).flatMap { unit.compiledPTX(on: $0) } }
    return distinct.devices(of: Set(devices.map(\.computeCapability)).sorted(), for: unit)
      .flatMap { unit.compiledPTX(on: $0) }
  }
}

extension Facts {
  /// What a scan for `devices` would have found, of facts that were gathered for all.
  ///
  /// Verdicts see the names that they would have seen, and no others; what could not be read is a problem where somebody
  /// would have tried.
  ///
  /// - Parameter images: configurations of images that the views are taken from, besides those that they have.
  public func narrowed(
    to devices: [Device], by tables: TableSet, images: [ImageConfiguration] = []
  ) -> Facts {
    var facts = self
    for index in facts.views.indices {
      let own = facts.views[index].stack.images
      facts.views[index].stack.images = images + own.filter { !images.contains($0) }
    }
    let reading = CodeReading(.devices(devices), in: facts.views.map(\.stack), by: tables)
    for index in facts.views.indices { facts.views[index].narrow(to: reading) }
    return facts
  }
}

extension View {
  fileprivate mutating func narrow(to reading: CodeReading) {
    for index in files.indices where !files[index].kernels.isEmpty || !files[index].readingProblems.isEmpty {
      let found = files[index].narrow(to: reading)
      problems += found.map { FileProblem(path: files[index].path, problem: $0) }
    }
    problems.sortByPath()
  }
}

extension CodeFile {
  /// Forgets what nobody would have read, and returns the problems of the rest.
  fileprivate mutating func narrow(to reading: CodeReading) -> [Problem] {
    var read: Set<Int> = []
    var kept = kernels.keeping(read)
    while case let modules = reading.modulesToName(of: unit, kept).filter({ !read.contains($0) }),
      !modules.isEmpty
    {
      read.formUnion(modules)
      kept = kernels.keeping(read)
    }
    kernels = kept
    guard !readingProblems.isEmpty else { return [] }
    let compiled = reading.compiledPTX(of: unit)
    let found = readingProblems.filter { entry in
      entry.ptx.map { ptx in compiled.contains { $0 == (entry.module, ptx) } } ?? read.contains(entry.module)
    }.map(\.problem).byOffset
    readingProblems = []
    problems += found
    return found
  }
}

extension [Problem] {
  /// In an order that does not depend on what was read first.
  fileprivate var byOffset: [Problem] {
    sorted { ($0.offset ?? 0, $0.description) < ($1.offset ?? 0, $1.description) }
  }
}

/// Reads the names of the kernels in some modules of one file, and the directives of its PTX.
private struct NameReader {
  struct Result: Sendable {
    var kernels: KernelNames
    /// By image, where they differ from the header.
    var directives: [Int: PTXHeader] = [:]
    var problems: [CodeFile.ReadingProblem] = []
    /// Problems of the file as a whole.
    var otherProblems: [Problem] = []
    var bytesRead: UInt64 = 0
    var imagesRead = 0

    var allProblems: [Problem] { problems.map(\.problem).byOffset + otherProblems }
  }

  private var unit: CodeUnit
  private let inventory: Inventory
  private let jobs: Int
  private let progress: ScanProgress?
  /// The images whose directives were read, with or without success.
  private var known: Set<Int> = []
  var result: Result

  init(_ library: ScannedLibrary, by tables: TableSet, jobs: Int, progress: ScanProgress?) {
    result = Result(kernels: KernelNames(by: tables))
    unit = library.unit
    inventory = library.file.inventory
    self.jobs = jobs
    self.progress = progress
  }

  /// - Parameter first: the modules whose names are wanted first; nil where that has to be found out.
  mutating func read(_ roots: [ScanRoot], _ place: FilePlace, for reading: CodeReading, first: [Int]?) {
    do throws(Problem) {
      let source = try roots.open(place)
      let reader = PayloadReader(source, inventory)
      var next = first
      if next == nil { readDirectives(for: reading, reader) }
      while case let modules = next ?? reading.modulesToName(of: unit, result.kernels), !modules.isEmpty {
        next = nil
        read(modules, reader)
      }
      result.bytesRead = source.bytesRead
    } catch {
      result.otherProblems.append(error)
    }
  }

  /// Reads directives until the verdicts rest on none that is not known.
  private mutating func readDirectives(for reading: CodeReading, _ reader: PayloadReader) {
    while true {
      let wanted = Set(
        reading.compiledPTX(of: unit).map { module, position in
          inventory.modules[module].images.lowerBound + position
        })
      let images = wanted.subtracting(known).filter { inventory.images[$0].isUnreadPTX }.sorted()
      guard !images.isEmpty else { return }
      known.formUnion(images)
      let headers = reader.ptxHeaders(of: images)
      var isNew = false
      for (index, header) in zip(images, headers) {
        let image = inventory.images[index]
        switch header {
        case .success(let header) where header.differs(from: image):
          result.directives[index] = header
          isNew = true
        case .success: break
        case .failure(let problem):
          let position = index - inventory.modules[image.module].images.lowerBound
          result.problems.append(.init(module: image.module, ptx: position, problem: problem))
        }
      }
      guard isNew else { return }
      unit = CodeUnit(inventory, directives: result.directives)
    }
  }

  private mutating func read(_ modules: [Int], _ reader: PayloadReader) {
    let images = modules.map { readableImages(of: $0) }
    let empty = add(images.compactMap(\.first), reader)
    // A kernel that is compiled for some targets only is not in every image.
    let others = zip(modules, images).filter { empty.contains($0.0) }.flatMap { $0.1.dropFirst() }
    _ = add(others, reader)
    for module in modules where result.kernels[module] == nil { result.kernels.addUnreadable(module) }
  }

  /// Adds the kernels in `images` and returns the modules of those that have none.
  private mutating func add(_ images: [Int], _ reader: PayloadReader) -> Set<Int> {
    let order = images.sorted()
    let names = reader.map(order, of: inventory, jobs: jobs, progress: progress) {
      image, bytes throws(Problem) in
      try image.kernelNames(bytes)
    }
    result.imagesRead += order.count
    var empty: Set<Int> = []
    for (image, names) in zip(order, names) {
      let module = inventory.images[image].module
      switch names {
      case .success(let names?):
        result.kernels.add(names, ofModule: module)
        if names.isEmpty { empty.insert(module) }
      case .success(nil): break
      case .failure(let problem): result.problems.append(.init(module: module, problem: problem))
      }
    }
    return empty
  }

  /// The images of a module whose kernels have names: the smallest cubin first, PTX behind all cubins.
  private func readableImages(of module: Int) -> [Int] {
    let images = inventory.modules[module].images.clamped(to: inventory.images.indices)
    func cost(_ index: Int) -> (Int, UInt64, Int) {
      let image = inventory.images[index]
      return (image.kind == .cubin ? 0 : 1, image.storedSize, index)
    }
    return images.filter { inventory.images[$0].kind == .cubin || inventory.images[$0].kind == .ptx }
      .sorted { cost($0) < cost($1) }
  }
}

extension DeviceImage {
  /// The names of the kernels in this image's bytes; nil where the image does not list them.
  fileprivate func kernelNames(_ bytes: ArraySlice<UInt8>) throws(Problem) -> [String]? {
    if kind == .ptx { return try PTXContents(bytes).kernels }
    let contents = try CubinContents(bytes)
    return contents.hasSymbols ? contents.kernels.map(\.name) : nil
  }
}

extension DeviceImage {
  /// Whether it is PTX of which no directive was read with its header.
  fileprivate var isUnreadPTX: Bool { kind == .ptx && ptxHeader == nil }
}
