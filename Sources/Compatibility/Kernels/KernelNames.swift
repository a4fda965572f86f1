import Bytes

/// The names of the kernels in the modules of one library, as the linker knows them (mangled).
public struct KernelNames: Sendable {
  /// What the rules need to know of a name.
  struct Facts: Sendable {
    var tags: Set<GenerationTag>
    /// For GPUs newer than the library.
    var isForwardCompatible: Bool
    /// A kernel of cuDNN, wherever that was linked in.
    var isCuDNNs: Bool
    /// Positions of names that differ only in numbers among their template arguments have one value.
    var pattern: Int
    /// Positions of instances of one template have one value.
    var template: Int
  }

  /// The names, each once.
  private(set) var names: [String] = []
  private(set) var facts: [Facts] = []
  /// For every module whose names are known, positions in ``names``, ascending.
  var modules: [Int: [Int]] = [:]
  /// Modules that were read without learning their kernels. One that was read in part may have names all the same.
  var unreadable: Set<Int> = []
  private var positions: [String: Int] = [:]
  private var patterns: [String: Int] = [:]
  private var templates: [String: Int] = [:]
  let tables: TableSet
  /// Made when the first name is met.
  private var tagReader: GenerationTagReader?

  /// - Parameter tables: what is known of generations, whose names are in those of kernels.
  public init(by tables: TableSet = .shipped) { self.tables = tables }

  /// Whether nothing was read.
  public var isEmpty: Bool { modules.isEmpty && unreadable.isEmpty }

  /// Only what is known of some modules.
  public func keeping(_ wanted: Set<Int>) -> KernelNames {
    var kept = self
    kept.modules = modules.filter { wanted.contains($0.key) }
    kept.unreadable = unreadable.intersection(wanted)
    return kept
  }

  /// The kernels of a module, in the order in which their names were first met; nil where they are not known.
  public subscript(module: Int) -> [String]? { modules[module]?.map { names[$0] } }

  /// Whether the module's names were read, with or without success.
  public func isRead(_ module: Int) -> Bool { modules[module] != nil || unreadable.contains(module) }

  /// Adds the kernels of a module. Those of several of its images are the kernels of all of them.
  public mutating func add(_ kernels: some Sequence<String>, ofModule module: Int) {
    var known = Set(modules[module] ?? [])
    for kernel in kernels { known.insert(position(of: kernel)) }
    modules[module] = known.sorted()
  }

  /// Notes that the kernels of a module cannot be known.
  public mutating func addUnreadable(_ module: Int) { unreadable.insert(module) }

  /// The positions of a module's names.
  func kernels(ofModule module: Int) -> [Int]? { modules[module] }

  mutating func position(of name: String) -> Int {
    if let known = positions[name] { return known }
    let parts = MangledName(name)
    let pattern = Self.number(of: parts.pattern[...], in: &patterns)
    let template = Self.number(of: parts.template, in: &templates)
    positions[name] = names.count
    names.append(name)
    let reader = tagReader ?? GenerationTagReader(tables.architectures)
    tagReader = reader
    let (tags, isForwardCompatible) = reader.read(parts)
    facts.append(
      Facts(
        tags: tags, isForwardCompatible: isForwardCompatible, isCuDNNs: parts.isCuDNNs, pattern: pattern,
        template: template))
    return names.count - 1
  }

  /// The number of a text among those met so far.
  private static func number(of text: ArraySlice<UInt8>, in numbers: inout [String: Int]) -> Int {
    let text = String(decoding: text, as: UTF8.self)
    let number = numbers[text] ?? numbers.count
    numbers[text] = number
    return number
  }
}

/// Equal where the same was read. The rest follows from the names.
extension KernelNames: Hashable {
  public static func == (left: KernelNames, right: KernelNames) -> Bool {
    left.modules == right.modules && left.unreadable == right.unreadable && left.names == right.names
      && left.tables == right.tables
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(modules.count)
    hasher.combine(unreadable.count)
    hasher.combine(names.count)
  }
}
