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
    /// About how many bytes the images of a target take in a wheel; empty where that was not asked for.
    public var zippedSizes: [ImageTarget: UInt64]
    /// The kernels to show, in their order.
    var rows: [KernelRow]

    /// - Parameter jobs: threads that demangle names.
    public init(
      path: Path, contents: InspectedFile, kernels: FileKernels, zippedSizes: [ImageTarget: UInt64] = [:],
      selection: KernelSelection, jobs: Int
    ) {
      self.path = path
      self.contents = contents
      self.kernels = kernels
      self.zippedSizes = zippedSizes
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
  /// By the name that is shown, or by a number, the largest first.
  public enum Order: String, Sendable, CaseIterable {
    case name, size, registers, stack, local, shared, code

    /// nil for the name.
    var number: KernelNumber? { KernelNumber(rawValue: rawValue) }
  }

  /// What a number of a kernel has to be: `stack>0`.
  public struct Condition: Hashable, Sendable, CustomStringConvertible {
    public enum Relation: String, Sendable, CaseIterable {
      // Those of two characters first, so that the text of a condition is searched for them first.
      case atLeast = ">="
      case atMost = "<="
      case notEqual = "!="
      case above = ">"
      case below = "<"
      case equal = "="

      func holds(_ left: UInt64, _ right: UInt64) -> Bool {
        switch self {
        case .atLeast: left >= right
        case .atMost: left <= right
        case .notEqual: left != right
        case .above: left > right
        case .below: left < right
        case .equal: left == right
        }
      }
    }

    public var number: KernelNumber
    public var relation: Relation
    public var value: UInt64

    public init(_ number: KernelNumber, _ relation: Relation, _ value: UInt64) {
      self.number = number
      self.relation = relation
      self.value = value
    }

    public var description: String { "\(number.rawValue)\(relation.rawValue)\(value)" }

    /// Whether it holds for a number that is known.
    func holds(_ value: UInt64?) -> Bool { value.map { relation.holds($0, self.value) } ?? false }
  }

  /// A regular expression that kernels are chosen by.
  public struct Pattern: Sendable {
    public var text: String
    public var ignoresCase: Bool
    /// For each of some names, whether it matches.
    var matches: @Sendable ([String]) -> [Bool]

    public init(
      _ text: String, ignoresCase: Bool = false, matches: @escaping @Sendable ([String]) -> [Bool]
    ) {
      self.text = text
      self.ignoresCase = ignoresCase
      self.matches = matches
    }
  }

  /// Only copies for these targets, as ``DeviceImage/targetName`` spells them; all when empty.
  public var targets: [String] = []
  /// Only kernels whose name, as it is shown, matches.
  public var pattern: Pattern?
  /// Only copies for which all of these hold, and kernels whose ``KernelNumber/size`` is as they say. PTX has no numbers.
  public var conditions: [Condition] = []
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
    let ofCopies = conditions.filter { $0.number != .size }
    let ofKernels = conditions.filter { $0.number == .size }
    func isWanted(_ copy: KernelCopy) -> Bool {
      wanted[copy.image] && (conditions.isEmpty || copy.resources != nil)
        && ofCopies.allSatisfy { $0.holds($0.number.value(in: copy)) }
    }
    let takesAll = targets.isEmpty && conditions.isEmpty
    var rows = kernels.kernels.compactMap { entry -> KernelRow? in
      let copies = takesAll ? entry.copies : entry.copies.filter(isWanted)[...]
      guard !copies.isEmpty else { return nil }
      let row = KernelRow(entry, copies: copies, in: inventory)
      return ofKernels.allSatisfy { $0.holds(row.storedSize) } ? row : nil
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
    // Moving rows costs more than moving numbers.
    let sorted: [Int]
    if let number = order.number {
      let values = rows.map { $0.value(of: number) ?? 0 }
      sorted = rows.indices.sorted {
        (values[$1], rows[$1].size, rows[$0].name) < (values[$0], rows[$0].size, rows[$1].name)
      }
    } else {
      let names = rows.map(\.shownName)
      sorted = rows.indices.sorted {
        names[$0] == names[$1] ? rows[$0].name < rows[$1].name : names[$0] < names[$1]
      }
    }
    rows = sorted.prefix(limit ?? .max).map { rows[$0] }
    if !needsAll, !isMangled { rows.demangle(jobs) }
    return rows
  }
}

/// A number by which kernels are chosen and sorted.
public enum KernelNumber: String, Sendable, CaseIterable {
  /// Registers of 32 bits per thread.
  case registers
  /// Bytes of stack per thread.
  case stack
  /// Bytes of local memory per thread.
  case local
  /// Bytes of static shared memory per block.
  case shared
  /// Bytes of machine code.
  case code
  /// Bytes that all copies take in the file.
  case size

  /// What one copy has; nil in PTX and where the cubin does not say.
  func value(in copy: KernelCopy) -> UInt64? {
    switch self {
    case .registers: (copy.resources?.registers).map { UInt64($0) }
    case .stack: (copy.resources?.stackSize).map { UInt64($0) }
    case .local: copy.resources?.localMemory
    case .shared: copy.resources?.sharedMemory
    case .code: copy.resources?.codeSize
    case .size: copy.storedSize
    }
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

  /// The largest of its copies, or of all copies together; nil where none has it.
  func value(of number: KernelNumber) -> UInt64? {
    number == .size ? storedSize : copies.lazy.compactMap { number.value(in: $0) }.max()
  }

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
