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
    /// The same for names that differ only in numbers among their template arguments.
    var pattern: Fingerprint
    /// The same for instances of one template.
    var template: Fingerprint
  }

  /// Stands for a text: 128 bits, seeded anew in each run, so that no two texts have one by chance or on purpose.
  struct Fingerprint: Hashable, Sendable {
    private var first: Int
    private var second: Int

    init(_ text: ArraySlice<UInt8>) {
      var hasher = Hasher()
      unsafe text.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
      var longer = hasher
      longer.combine(0)
      first = hasher.finalize()
      second = longer.finalize()
    }
  }

  /// The names, each once.
  private(set) var names: [String] = []
  /// What is known of the names so far: of all that were added, and of those of documents when they are kept for a verdict,
  /// because most of them are for none.
  private var known: [Facts?] = []
  /// For every module whose names are known, positions in ``names``, ascending.
  private(set) var modules: [Int: [Int]] = [:]
  /// Modules that were read without learning their kernels. One that was read in part may have names all the same.
  private(set) var unreadable: Set<Int> = []
  private var positions: [String: Int] = [:]
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
    for kernels in kept.modules.values { kept.learn(kernels) }
    return kept
  }

  /// The kernels of a module, in the order in which their names were first met; nil where they are not known.
  public subscript(module: Int) -> [String]? { modules[module]?.map { names[$0] } }

  /// Whether the module's names were read, with or without success.
  public func isRead(_ module: Int) -> Bool { modules[module] != nil || unreadable.contains(module) }

  /// Adds the kernels of a module. Those of several of its images are the kernels of all of them.
  public mutating func add(_ kernels: some Sequence<String>, ofModule module: Int) {
    var own = Set(modules[module] ?? [])
    for kernel in kernels { own.insert(position(of: kernel)) }
    modules[module] = own.sorted()
    learn(modules[module] ?? [])
  }

  /// Notes that the kernels of a module cannot be known.
  public mutating func addUnreadable(_ module: Int) { unreadable.insert(module) }

  /// The positions of a module's names.
  func kernels(ofModule module: Int) -> [Int]? { modules[module] }

  /// What the rules need to know of the name at a position.
  func facts(of kernel: Int) -> Facts {
    known[kernel] ?? Facts(names[kernel], tagReader ?? GenerationTagReader(tables.architectures))
  }

  /// Learns what the rules need to know of the names at these positions.
  private mutating func learn(_ kernels: [Int]) {
    for kernel in kernels where known[kernel] == nil {
      let reader = tagReader ?? GenerationTagReader(tables.architectures)
      tagReader = reader
      known[kernel] = Facts(names[kernel], reader)
    }
  }

  private mutating func position(of name: String) -> Int {
    let next = names.count
    let position = positions[name, default: next]
    if position == next {
      positions[name] = next
      names.append(name)
      known.append(nil)
    }
    return position
  }
}

extension KernelNames.Facts {
  fileprivate init(_ name: String, _ reader: GenerationTagReader) {
    let parts = MangledName(name)
    (tags, isForwardCompatible) = reader.read(parts)
    isCuDNNs = parts.isCuDNNs
    pattern = KernelNames.Fingerprint(parts.pattern[...])
    template = KernelNames.Fingerprint(parts.template)
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

extension KernelNames: Codable {
  private enum CodingKeys: String, CodingKey { case names, numberedNames, modules, unreadable }

  /// Modules that have the same kernels.
  private struct Row: Codable {
    var modules: NumberRanges
    /// Positions among the names.
    var kernels: NumberRanges
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    // Names of modules that were left out are no longer needed.
    let used = Set(modules.values.joined()).sorted()
    let positions = Dictionary(uniqueKeysWithValues: zip(used, used.indices))
    let (plain, runs) = NumberedNames.split(used.map { names[$0] })
    try container.encode(plain, forKey: .names)
    if !runs.isEmpty { try container.encode(runs, forKey: .numberedNames) }
    var rows: [[Int]: [Int]] = [:]
    for (module, kernels) in modules { rows[kernels, default: []].append(module) }
    try container.encode(
      rows.map { kernels, modules in
        Row(
          modules: NumberRanges(modules.sorted()), kernels: NumberRanges(kernels.compactMap { positions[$0] })
        )
      }.sorted { $0.modules.first ?? 0 < $1.modules.first ?? 0 }, forKey: .modules)
    try container.encode(NumberRanges(unreadable.sorted()), forKey: .unreadable)
  }

  /// Reads the names by the tables in the decoder's user info, those of the program where there are none.
  public init(from decoder: any Decoder) throws {
    self.init(by: TableSet.key.flatMap { decoder.userInfo[$0] as? TableSet } ?? .shipped)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let plain = try container.decode([String].self, forKey: .names)
    let runs = try container.decodeIfPresent([NumberedNames].self, forKey: .numberedNames) ?? []
    for name in try NumberedNames.join(plain, runs, decoder) {
      guard position(of: name) == names.count - 1 else {
        throw DecodingError.dataCorruptedError(
          forKey: .names, in: container,
          debugDescription: "each name once, but \"\(printable(name))\" is there twice")
      }
    }
    for row in try container.decode([Row].self, forKey: .modules) {
      let kernels = try row.kernels.numbers(below: names.count, decoder)
      for module in try row.modules.numbers(below: CodeUnit.moduleLimit, decoder) {
        guard modules.updateValue(kernels, forKey: module) == nil else {
          throw DecodingError.dataCorruptedError(
            forKey: .modules, in: container,
            debugDescription: "each module once, but \(module) is there twice")
        }
        try DecodingBudget.of(decoder).spend(kernels.count, decoder)
      }
    }
    unreadable = Set(
      try container.decode(NumberRanges.self, forKey: .unreadable)
        .numbers(below: CodeUnit.moduleLimit, decoder))
  }
}
