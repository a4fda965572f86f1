import Bytes
import Compatibility
import DeviceCode
import Stack
import Synchronization

extension ScanResult {
  /// Reads what the verdicts on the devices depend on besides headers, on `jobs` threads: the names of kernels, and the
  /// directives of PTX that has to be compiled.
  ///
  /// Nothing is read of a file whose modules all have machine code for every device. Of the others one image is read
  /// for each of the modules that ``CodeUnit/modulesToName(on:kernels:)`` names, and the PTX that
  /// ``CodeUnit/compiledPTX(on:)`` names. What cannot be read becomes a problem of its file.
  mutating func readKernels(for purpose: FactsFor, jobs: Int, progress: ScanProgress?) {
    let devices = purpose.devices
    // Of cubin files that are judged together no names are needed.
    var cubins: [FilePlace: Int] = [:]
    for entry in libraries where entry.file.format == .cubin { cubins[entry.place.folder, default: 0] += 1 }
    let candidates = libraries.indices.filter { index in
      let entry = libraries[index]
      if entry.file.format == .cubin, roots[entry.place.root].kind != .file,
        cubins[entry.place.folder, default: 0] > 1
      {
        return false
      }
      return entry.file.inventory.images.contains { $0.kind == .ptx && $0.ptxHeader == nil }
        || devices.contains { !entry.unit.modulesToName(on: $0, kernels: KernelNames()).isEmpty }
    }
    guard !candidates.isEmpty else { return }
    progress?.begin(.readingKernels, of: candidates.count)
    let before = (libraries: libraries, roots: roots)
    // What lies in one compressed stream is read in its order, by one thread.
    var streams: [ObjectIdentifier: [(offset: UInt64, index: Int)]] = [:]
    var others: [Int] = []
    for index in candidates {
      let place = libraries[index].place
      if let (stream, offset) = roots[place.root].archive?.streamPosition(of: place.path) {
        streams[ObjectIdentifier(stream), default: []].append((offset, index))
      } else {
        others.append(index)
      }
    }
    let results = Mutex<[(index: Int, names: NameReader.Result)]>([])
    // A large library keeps all threads busy alone; of small ones each thread takes one at a time.
    @Sendable func read(_ index: Int, jobs: Int) {
      let library = before.libraries[index]
      var reader = NameReader(library, jobs: jobs, progress: progress)
      reader.read(before.roots, library.place, for: purpose)
      progress?.finishStep()
      results.withLock { $0.append((index, reader.result)) }
    }
    let queue = WorkQueue<[Int]>()
    for stream in streams.values { queue.add(stream.sorted { $0 < $1 }.map(\.index)) }
    // A member of a zip archive is inflated by one thread at a time, so others go on beside it.
    let together = others.filter { roots[libraries[$0].place.root].archive != nil || libraries[$0].isSmall }
    // The queue gives the newest first: the largest are begun first.
    for index in together.sorted(by: { libraries[$0].file.size < libraries[$1].file.size }) {
      queue.add([index])
    }
    queue.run(jobs: jobs) { batch in
      for index in batch { read(index, jobs: before.libraries[index].isSmall || batch.count > 1 ? 1 : jobs) }
    }
    for index in Set(others).subtracting(together).sorted() { read(index, jobs: jobs) }
    for (index, names) in results.withLock({ $0 }) {
      let place = libraries[index].place
      libraries[index].kernels = names.kernels
      if !names.directives.isEmpty {
        libraries[index].unit = CodeUnit(libraries[index].file.inventory, directives: names.directives)
      }
      libraries[index].file.problems += names.problems
      self.problems += names.problems.map { PlacedProblem(place: place, problem: $0) }
      counts.bytesRead += names.bytesRead
      counts.imagesRead += names.imagesRead
    }
    self.problems.sort { ($0.place, $0.problem.offset ?? 0) < ($1.place, $1.problem.offset ?? 0) }
  }
}

extension ScannedLibrary {
  fileprivate var isSmall: Bool { file.inventory.images.count < 64 }
}

/// Reads the names of the kernels in some modules of one file, and the directives of its PTX.
private struct NameReader {
  struct Result: Sendable {
    var kernels = KernelNames()
    /// By image, where they differ from the header.
    var directives: [Int: PTXHeader] = [:]
    var problems: [Problem] = []
    var bytesRead: UInt64 = 0
    var imagesRead = 0
  }

  private var unit: CodeUnit
  private let inventory: Inventory
  private let jobs: Int
  private let progress: ScanProgress?
  /// The images whose directives were read, with or without success.
  private var known: Set<Int> = []
  var result = Result()

  init(_ library: ScannedLibrary, jobs: Int, progress: ScanProgress?) {
    unit = library.unit
    inventory = library.file.inventory
    self.jobs = jobs
    self.progress = progress
  }

  mutating func read(_ roots: [ScanRoot], _ place: FilePlace, for purpose: FactsFor) {
    do throws(Problem) {
      let source = try roots.open(place)
      let reader = PayloadReader(source, inventory)
      readDirectives(for: purpose, reader)
      while true {
        let modules = Set(
          purpose.devices.flatMap { unit.modulesToName(on: $0, kernels: result.kernels) })
        guard !modules.isEmpty else { break }
        read(modules.sorted(), reader)
      }
      result.bytesRead = source.bytesRead
    } catch {
      result.problems.append(error)
    }
  }

  /// Reads directives until the verdicts rest on none that is not known.
  private mutating func readDirectives(for purpose: FactsFor, _ reader: PayloadReader) {
    while true {
      var wanted: Set<Int> = []
      if purpose.isEverything {
        wanted = Set(inventory.images.indices.filter { inventory.images[$0].kind == .ptx })
      } else {
        for device in purpose.devices {
          for (module, position) in unit.compiledPTX(on: device) {
            wanted.insert(inventory.modules[module].images.lowerBound + position)
          }
        }
      }
      // Most were read with their headers.
      let images = wanted.subtracting(known).filter {
        inventory.images[$0].kind == .ptx && inventory.images[$0].ptxHeader == nil
      }.sorted()
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
        case .failure(let problem): result.problems.append(problem)
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
      case .failure(let problem): result.problems.append(problem)
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
