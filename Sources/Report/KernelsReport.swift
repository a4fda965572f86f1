public import Bytes
import Compatibility
import Demangling
public import DeviceCode
public import Scan

/// The kernels of some files, or what the bytes of these are: what the command `kernels` shows.
public struct KernelsReport: Sendable {
  /// One file that was asked for.
  public struct File: Sendable {
    public var path: Path
    public var contents: InspectedFile
    public var kernels: FileKernels
    /// The kernels to show, in their order.
    var rows: [KernelRow]

    /// - Parameter jobs: threads that demangle names.
    public init(
      path: Path, contents: InspectedFile, kernels: FileKernels, selection: KernelSelection, jobs: Int
    ) {
      self.path = path
      self.contents = contents
      self.kernels = kernels
      rows = selection.rows(of: kernels, in: contents.inventory, jobs: jobs)
    }

    /// What is wrong with the file and its images.
    public var problems: [Problem] { contents.problems + kernels.problems }
  }

  public var files: [File]
  public var selection: KernelSelection

  public init(files: [File], selection: KernelSelection) {
    self.files = files
    self.selection = selection
  }
}

/// Which kernels a report shows, and how.
public struct KernelSelection: Sendable {
  public enum Order: String, Sendable, CaseIterable {
    /// By the name that is shown.
    case name
    /// The largest first, by the bytes that all copies take in the file.
    case size
  }

  /// A regular expression that kernels are chosen by.
  public struct Pattern: Sendable {
    public var text: String
    /// For each of some names, whether it matches.
    var matches: @Sendable ([String]) -> [Bool]

    public init(_ text: String, matches: @escaping @Sendable ([String]) -> [Bool]) {
      self.text = text
      self.matches = matches
    }
  }

  /// Only copies for these targets, as ``DeviceImage/targetName`` spells them; all when empty.
  public var targets: [String] = []
  /// Only kernels whose name, as it is shown, matches.
  public var pattern: Pattern?
  public var order = Order.name
  /// At most so many of them.
  public var limit: Int?
  public var isMangled = false
  /// Only suspected stubs.
  public var isStubsOnly = false
  /// What the bytes of the files are, in place of the list of kernels.
  public var isSummary = false

  public init() {}

  /// The kernels of one file that it chooses, in their order.
  func rows(of kernels: FileKernels, in inventory: Inventory, jobs: Int) -> [KernelRow] {
    let wanted = inventory.images.map { targets.isEmpty || targets.contains($0.targetName) }
    var rows = kernels.kernels.compactMap { entry in
      let copies = targets.isEmpty ? entry.copies : entry.copies.filter { wanted[$0.image] }[...]
      return copies.isEmpty ? nil : KernelRow(entry, copies: copies, in: inventory)
    }
    if isStubsOnly { rows = rows.filter { $0.stub != nil } }
    // A summary chooses for itself.
    if isSummary { return rows }
    // Names cost more than numbers: only those that are needed are demangled.
    let needsAll = pattern != nil || order == .name
    if needsAll, !isMangled { rows.demangle(jobs) }
    if let pattern {
      let matches = pattern.matches(rows.map(\.shownName))
      rows = zip(rows, matches).filter(\.1).map(\.0)
    }
    switch order {
    case .name:
      // Moving rows costs more than moving numbers.
      let names = rows.map(\.shownName)
      let sorted = rows.indices.sorted {
        names[$0] == names[$1] ? rows[$0].name < rows[$1].name : names[$0] < names[$1]
      }
      rows = sorted.map { rows[$0] }
    case .size: rows.sort { ($1.storedSize, $1.size, $0.name) < ($0.storedSize, $0.size, $1.name) }
    }
    if let limit { rows = Array(rows.prefix(limit)) }
    if !needsAll, !isMangled { rows.demangle(jobs) }
    return rows
  }
}

/// A kernel with those of its copies that were asked for.
struct KernelRow: Sendable {
  /// As the linker knows it (mangled).
  var name: String
  /// nil where it is shown mangled, or cannot be demangled.
  var demangled: String?
  var copies: ArraySlice<KernelCopy>
  var size: UInt64
  var storedSize: UInt64
  /// What says that it was compiled out for some targets; of all its copies, not only those that were asked for.
  var stub: SuspectedStub?

  init(_ entry: KernelEntry, copies: ArraySlice<KernelCopy>, in inventory: Inventory) {
    name = entry.name
    self.copies = copies
    stub = entry.suspectedStub(in: inventory)
    size = copies.reduce(0) { $0 + $1.size }
    storedSize = copies.reduce(0) { $0 + $1.storedSize }
  }

  var shownName: String { demangled ?? name }

  /// The copies by target, those for the same target apart where they differ.
  func targets(in inventory: Inventory) -> [KernelTarget] {
    var targets: [KernelTarget] = []
    for copy in copies {
      let image = inventory.images[copy.image]
      let isNew = !targets.contains { $0.takes(copy, image) }
      if isNew { targets.append(KernelTarget(copy, image)) }
      for index in targets.indices where targets[index].takes(copy, image) { targets[index].add(copy) }
    }
    return targets.sorted { $0.comesBefore($1) }
  }
}

extension KernelEntry {
  fileprivate func suspectedStub(in inventory: Inventory) -> SuspectedStub? {
    // Few kernels have a stand-in: nothing is built for the others.
    guard copies.contains(where: { $0.resources?.body.isStandIn == true }) else { return nil }
    let instances = copies.compactMap { copy in
      copy.resources.map {
        SuspectedStub.Evidence(
          target: inventory.images[copy.image].target, codeSize: $0.codeSize, body: $0.body)
      }
    }
    return SuspectedStub(kernel: name, instances: instances)
  }
}

extension [KernelRow] {
  mutating func demangle(_ jobs: Int) {
    for (index, name) in Demangling.demangle(map(\.name), jobs: jobs).enumerated() {
      self[index].demangled = name
    }
  }
}

/// The copies of a kernel for one target that take the same resources.
struct KernelTarget {
  var kind: ImageKind
  var target: CodeTarget
  var name: String
  var ptxISA: PTXISAVersion?
  var resources: KernelResources?
  var images: [Int] = []
  var size: UInt64 = 0
  var storedSize: UInt64 = 0

  init(_ copy: KernelCopy, _ image: DeviceImage) {
    kind = image.kind
    target = image.target
    name = image.targetName
    ptxISA = image.ptxISA
    resources = copy.resources
  }

  func takes(_ copy: KernelCopy, _ image: DeviceImage) -> Bool {
    kind == image.kind && target == image.target && ptxISA == image.ptxISA && resources == copy.resources
  }

  mutating func add(_ copy: KernelCopy) {
    images.append(copy.image)
    size += copy.size
    storedSize += copy.storedSize
  }

  func comesBefore(_ other: KernelTarget) -> Bool {
    if (kind == .ptx) != (other.kind == .ptx) { return other.kind == .ptx }
    return (target, images[0]) < (other.target, other.images[0])
  }
}
