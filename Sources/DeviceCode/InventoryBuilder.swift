import Bytes

/// Collects modules, images and problems from one source: a file, or one member of a static library.
///
/// All positions inside are offsets in that source; everything that leaves counts from the start of the file.
struct InventoryBuilder: ~Copyable {
  var window: ByteWindow
  var inventory: Inventory
  var problems: [Problem] = []
  /// The offset in the file of the source's first byte.
  let base: UInt64
  /// The member of the static library that the source is.
  let member: String?
  /// The modules of this source by their offset in it, once wrappers are read.
  var moduleAtOffset: [UInt64: Int] = [:]
  /// Device-linked modules whose list of pre-linked parts is not in the file.
  var modulesWithoutList: [Int] = []

  /// The directive `.version ` stands outside of all PTX texts.
  var mentionsPTX = false

  /// Registered device code that is not in the source.
  var absentCode: [AbsentCode] = []
  /// The same, as long as it is not known whether the wrappers are those of parts of device-linked code.
  var absentParts: [AbsentCode] = []

  /// Bytes of section tables of what looked like an embedded cubin and was none.
  var failedCubinCost: UInt64 = 0

  private var hasReportedLimit = false
  /// Pre-linked parts of all modules found in this source.
  var preLinkedCount = 0

  /// What compressed sections may decompress to.
  let inflation: InflationBudget

  init(
    _ source: any ByteSource, base: UInt64 = 0, member: String? = nil,
    inflation: InflationBudget = InflationBudget()
  ) {
    window = ByteWindow(source)
    self.inflation = inflation
    self.base = base
    self.member = member
    inventory = Inventory()
  }

  var source: any ByteSource { window.source }

  mutating func beginModule(place: Module.Place, section: String, offset: UInt64) {
    let index = inventory.modules.count
    let first = inventory.images.count
    inventory.modules.append(
      Module(
        index: index, place: place, section: section, member: member, offset: base + offset,
        images: first..<first))
  }

  mutating func endModule(at end: UInt64) {
    let last = inventory.modules.count - 1
    inventory.modules[last].size = base + end - inventory.modules[last].offset
    inventory.modules[last].images = inventory.modules[last].images.lowerBound..<inventory.images.count
  }

  /// Images and modules of one file past this number are not read, so that a hostile file fills no memory. The
  /// largest libraries have some ten thousand.
  static let countLimit = 1 << 20

  /// Whether there is no room for another image or module; says so when that happens first.
  mutating func isFull() -> Bool {
    guard inventory.images.count >= Self.countLimit || inventory.modules.count >= Self.countLimit else {
      return false
    }
    if !hasReportedLimit {
      hasReportedLimit = true
      report(.limitExceeded, "images", expected: "at most \(Self.countLimit) images and modules in one file")
    }
    return true
  }

  /// Adds `image` to the module that was begun last.
  mutating func add(_ image: DeviceImage) {
    var image = image
    image.index = inventory.images.count
    image.module = inventory.modules.count - 1
    image.offset += base
    image.headerOffset? += base
    if inventory.modules[image.module].place == .relocatable { image.isRelocatable = true }
    inventory.images.append(image)
  }

  /// Completes `image` with what the uncompressed cubin at `offset` says of itself.
  mutating func readCubin(_ image: inout DeviceImage, at offset: UInt64) {
    let check = image.check(cubin: SubrangeBytes(source, offset..<offset + image.size))
    image.complete(with: check)
    for problem in check.problems { report(problem) }
  }

  /// Reports a problem at an offset of this source.
  mutating func report(
    _ code: Problem.Code, _ field: String, at offset: UInt64? = nil, expected: String? = nil,
    observed: String? = nil
  ) {
    report(Problem(code, field, at: offset, expected: expected, observed: observed))
  }

  mutating func report(_ problem: Problem) {
    var problem = problem
    problem.offset = problem.offset.map { $0 &+ base }
    keep(problem)
  }

  /// Keeps a problem whose offset does not count in this source.
  mutating func keep(_ problem: Problem) { problems.append(withinLimit: problem) }
}
