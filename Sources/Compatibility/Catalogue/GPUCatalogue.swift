public import Bytes
public import DeviceCode

/// The known GPU products: finds the one that somebody means.
public struct GPUCatalogue: Sendable, Codable {
  /// Oldest compute capability first.
  public var gpus: [GPU]
  /// Those that name one kind before those that name several; the first that fits counts.
  public var instances: [CloudInstance]
  public var sources: [String]

  /// What a query means: one compute capability, and the products that it names.
  public struct Match: Hashable, Sendable {
    public var query: String
    public var computeCapability: ComputeCapability
    /// Every product that the query fits; empty where the query is a compute capability or a target.
    public var gpus: [GPU]
    /// The virtual machine that the query names; nil where it names a GPU.
    public var instance: CloudInstance?

    /// The device for judging by the tables in which it was found.
    public func device(driver: DriverVersion? = nil, tables: TableSet) -> Device {
      var device = Device(computeCapability, products: gpus, driver: driver, tables: tables)
      device.machine = instance?.machine
      return device
    }
  }

  /// Why a query means no single compute capability.
  public enum Failure: Error, Hashable, Sendable {
    /// The products that it fits have different compute capabilities.
    case ambiguous(query: String, candidates: [GPU])
    /// It fits nothing; these names are the nearest, best first.
    case unknown(query: String, nearest: [String])
  }

  /// Finds what somebody means: a compute capability (`8.0`), a target (`sm_90a`, whose suffix does not matter here),
  /// a name as nvidia-smi prints it, or as people say it (`a100 80gb`, `rtx3090`, `4090`).
  ///
  /// Words must match whole, so `T4` is not `T400`. Products whose only other words are brand names win over those
  /// with more words, so `RTX 3080` is not `RTX 3080 Ti`. Names of virtual GPUs count only where no product fits, and chip
  /// labels where nothing else does.
  public static func resolve(_ query: String, in tables: TableSet) throws(Failure) -> Match {
    let matches = try resolveAll(query, in: tables)
    guard matches.count == 1 else {
      throw .ambiguous(query: query, candidates: matches.flatMap { tables.gpus.products(of: $0) })
    }
    return matches[0]
  }

  /// Finds what somebody means that may be several kinds of GPU: besides what ``resolve(_:in:)`` takes an architecture
  /// (`Pascal`: 6.0 and 6.1) and a series (`RTX 50 series`), one match for each compute capability, and a virtual machine of a cloud (`g5.xlarge`). Tegras are of no
  /// architecture here, because nobody has them beside desktop GPUs. How many GPUs somebody has does not matter (`8xH100`).
  public static func resolveAll(_ query: String, in tables: TableSet) throws(Failure) -> [Match] {
    let text = GPUName.withoutCount(GPUName.listed(query) ?? query)
    if let computeCapability = computeCapability(text) {
      return [Match(query: query, computeCapability: computeCapability, gpus: [])]
    }
    let catalogue = tables.gpus
    if let id = GPUName.pciID(text) {
      let found = catalogue.gpus.filter { $0.pciIDs.contains(id) }
      let products = found.filter { $0.segment != .label }
      return try catalogue.matches(query, products.isEmpty ? found : products)
    }
    let instances = catalogue.instances(named: text)
    if !instances.isEmpty {
      var matches: [Match] = []
      for instance in instances {
        for var match in try catalogue.matches(query, catalogue.gpus.filter { $0.name == instance.gpu }) {
          match.instance = instance
          matches.append(match)
        }
      }
      return matches
    }
    if let series = GPUName.Series(text) {
      return try catalogue.matches(query, catalogue.gpus.filter { series.has($0) })
    }
    let ofArchitecture = tables.architectures.computeCapabilities(of: GPUName.words(text))
    if !ofArchitecture.isEmpty {
      return ofArchitecture.map { Match(query: query, computeCapability: $0, gpus: []) }
    }
    do throws(Failure) {
      var match = try catalogue.resolveName(text)
      match.query = query
      return [match]
    } catch {
      guard case .unknown(_, let nearest) = error else { throw error }
      let written = tables.architectures.computeCapability(writtenWithoutPoint: text)
      throw .unknown(query: query, nearest: written.map { [$0.description] } ?? nearest)
    }
  }

  /// What somebody names in one text: `A100, 8 x H100` is two queries.
  public static func queries(in text: String) -> [String] {
    text.split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
  }

  /// Finds the products whose names start with `start`, which nvidia-smi has cut to the width of its table.
  ///
  /// - Throws: ``Failure/ambiguous(query:candidates:)`` where they have different compute capabilities.
  public static func resolve(start: String, in tables: TableSet) throws(Failure) -> Match {
    let starts = [start.trimmed, "NVIDIA " + start.trimmed].map { $0.lowercased() }
    let found = tables.gpus.gpus.filter { gpu in
      gpu.segment != .label && gpu.segment != .jetson
        && ([gpu.name] + gpu.aliases).contains { name in starts.contains { name.lowercased().hasPrefix($0) } }
    }
    let matches = try tables.gpus.matches(start, found)
    guard matches.count == 1 else { throw .ambiguous(query: start, candidates: found) }
    return matches[0]
  }

  /// The kinds of virtual machine of this name: several where one may have different GPUs.
  private func instances(named text: String) -> [CloudInstance] {
    let all = instances.compactMap { row in row.named(text).map { (row: row, named: $0) } }
    guard let first = all.first else { return [] }
    return all.filter { $0.row.instance == first.row.instance }.map(\.named)
  }

  /// A match for each compute capability among products that somebody means.
  private func matches(_ query: String, _ products: [GPU]) throws(Failure) -> [Match] {
    let capabilities = Set(products.flatMap(\.computeCapabilities)).sorted()
    guard !capabilities.isEmpty else { throw .unknown(query: query, nearest: []) }
    return capabilities.map { capability in
      Match(
        query: query, computeCapability: capability,
        gpus: products.filter { $0.computeCapabilities.contains(capability) })
    }
  }

  /// The products of a match; for a bare compute capability all that have it.
  public func products(of match: Match) -> [GPU] {
    match.gpus.isEmpty
      ? gpus.filter { $0.segment != .label && $0.computeCapabilities.contains(match.computeCapability) }
      : match.gpus
  }

  /// Reads `8.0`, `9.0a`, `sm_80`, `sm80`, `compute_90a`, `compute capability 8.0`, `CC 8.0`; nil for anything else. Does not read
  /// the catalogue.
  static func computeCapability(_ query: String) -> ComputeCapability? {
    var text = query.trimmed.lowercased()
    if let match = text.wholeMatch(of: /(?:(?:cuda |compute )+capability|cc)[ :=]*(?<rest>[0-9].*|sm_.*)/) {
      text = String(match.rest)
    }
    if let computeCapability = ComputeCapability(text) { return computeCapability }
    if let last = text.last, "af".contains(last), let computeCapability = ComputeCapability(text.dropLast()) {
      return computeCapability
    }
    for prefix in ["sm_", "compute_", "sm", "compute"] where text.hasPrefix(prefix) {
      guard let target = CodeTarget("sm_" + text.dropFirst(prefix.count)), target.number >= 10 else {
        return nil
      }
      return ComputeCapability(target)
    }
    return nil
  }

  private func resolveName(_ query: String) throws(Failure) -> Match {
    let words = GPUName.words(GPUName.withoutProfile(query))
    for reading in [words] + GPUName.otherReadings(query) {
      if let match = try match(query, reading) { return match }
    }
    throw .unknown(query: query, nearest: nearest(to: words))
  }

  /// What `words` name; nil where nothing has them.
  private func match(_ query: String, _ words: Set<String>) throws(Failure) -> Match? {
    // Words that people add although the driver does not print them are dropped one kind after the other.
    for reduced in [words, words.subtracting(GPUName.brands), words.filter { !GPUName.isOptional($0) }] {
      guard reduced.contains(where: { !GPUName.filler.contains($0) }) else { continue }
      for kind in Kind.allCases {
        // A label must share a word, not only a number.
        if kind == .label, !reduced.contains(where: { $0.contains(where: \.isLetter) }) { continue }
        let found = candidates(reduced, kind)
        guard !found.isEmpty else { continue }
        let capabilities = Set(found.flatMap(\.computeCapabilities))
        guard capabilities.count == 1, let only = capabilities.first else {
          throw .ambiguous(query: query, candidates: found)
        }
        return Match(query: query, computeCapability: only, gpus: found)
      }
    }
    return nil
  }

  /// What a row is, in the order in which they are tried.
  private enum Kind: CaseIterable {
    case product
    case virtual
    case label

    init(_ gpu: GPU) {
      self = gpu.segment == .label ? .label : gpu.segment == .virtual ? .virtual : .product
    }
  }

  /// The rows of a kind that have all `words`, reduced to the best tier that is not empty.
  private func candidates(_ words: Set<String>, _ kind: Kind) -> [GPU] {
    var tiers: [[GPU]] = [[], [], []]
    let mayBeMissing = GPUName.impliedSeries(by: words)
    for gpu in gpus where Kind(gpu) == kind {
      let tier = ([gpu.name] + gpu.aliases).compactMap { name -> Int? in
        let own = GPUName.words(name)
        guard words.subtracting(GPUName.filler).isSubset(of: own) else { return nil }
        let rest = own.subtracting(words).subtracting(GPUName.filler)
        if rest.isEmpty { return 0 }
        return rest.isSubset(of: mayBeMissing) ? 1 : 2
      }.min()
      if let tier { tiers[tier].append(gpu) }
    }
    return tiers.first { !$0.isEmpty } ?? []
  }

  /// The products of this catalogue that run machine code for a target as it is.
  public func gpus(running target: CodeTarget, by tables: TableSet) -> [GPU] {
    let image = ImageSignature(DeviceImage(kind: .cubin, target: target))
    return gpus.filter { gpu in
      gpu.computeCapabilities.contains { Rule.judge(image, on: Device($0, tables: tables)).fit.isNative }
    }
  }

  /// The products for a list: all for an empty query, else those of a compute capability or an architecture, or whose
  /// names have words that start with the query's.
  public func search(_ query: String = "", by tables: TableSet) -> [GPU] {
    let text = query.trimmed.lowercased()
    if text.isEmpty { return gpus }
    if let computeCapability = Self.computeCapability(text) {
      return gpus.filter { $0.computeCapabilities.contains(computeCapability) }
    }
    let ofArchitecture = gpus.filter {
      $0.computeCapabilities.contains { tables.architectures[$0]?.architecture.lowercased() == text }
    }
    if !ofArchitecture.isEmpty { return ofArchitecture }
    let words = GPUName.words(text).subtracting(["nvidia"])
    // What the driver calls so is meant, not another chip with this label.
    let names = Set(
      gpus.filter { $0.segment != .label }.map { GPUName.words($0.name).subtracting(GPUName.filler) })
    return gpus.filter { gpu in
      if gpu.segment == .label, names.contains(GPUName.words(gpu.name).subtracting(GPUName.filler)) {
        return false
      }
      return ([gpu.name] + gpu.aliases).contains { name in
        let own = GPUName.words(name)
        return words.allSatisfy { word in own.contains { $0.hasPrefix(word) } }
      }
    }
  }

  /// What a product is sold as; nil when there is none of this name.
  public func segment(of name: String) -> GPU.Segment? {
    gpus.first { $0.name == name && $0.segment != .label }?.segment
  }

  /// Up to five names that look most like the words.
  private func nearest(to words: Set<String>) -> [String] {
    let words = words.subtracting(GPUName.filler)
    guard !words.isEmpty else { return [] }
    let hasNumber = words.contains { $0.contains(where: \.isNumber) }
    var best: [String: Double] = [:]
    for gpu in gpus where gpu.segment != .label {
      for name in [gpu.name] + gpu.aliases {
        let own = GPUName.words(name).subtracting(GPUName.filler)
        // Every word of the query looks for its nearest, numbers most of all; words of the name that nobody asked
        // for count a little.
        let missing = words.reduce(0.0) { sum, word in
          sum + GPUName.weight(word) * (own.map { GPUName.distance(word, $0) }.min() ?? 1)
        }
        let share = missing / words.reduce(0.0) { $0 + GPUName.weight($1) }
        // Words without numbers are near to nothing but a slip of them.
        if share > (hasNumber ? 0.5 : 0.34) { continue }
        let score = share + 0.02 * Double(max(0, own.count - words.count))
        best[gpu.name] = min(best[gpu.name] ?? .infinity, score)
      }
    }
    return best.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.prefix(5).map(\.key)
  }
}

extension GPUCatalogue.Failure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .ambiguous(let query, let candidates):
      let byCapability = Dictionary(
        grouping: candidates.flatMap { gpu in
          gpu.computeCapabilities.map { (capability: $0, name: gpu.name) }
        }, by: \.capability)
      let list = byCapability.sorted { $0.key < $1.key }.map { capability, products in
        var names: [String] = []
        for product in products where !names.contains(product.name) { names.append(product.name) }
        let shown = names.prefix(3).joined(separator: ", ")
        return "\(capability): \(shown)\(names.count > 3 ? ", …" : "")"
      }
      return "\"\(query)\" fits GPUs of different compute capabilities (\(list.joined(separator: "; "))); "
        + "give the full name or the compute capability"
    case .unknown(let query, let nearest):
      if nearest.count == 1, ComputeCapability(nearest[0]) != nil {
        return "no GPU is called \"\(query)\"; the compute capability is written \(nearest[0])"
      }
      return nearest.isEmpty
        ? "no GPU is called \"\(query)\""
        : "no GPU is called \"\(query)\"; the nearest names: \(nearest.joined(separator: ", "))"
    }
  }
}

extension GPUCatalogue: DataTable {
  public static let name = "gpus"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.gpus_json }
  public var rowSources: [Int] { gpus.map(\.source) + instances.map(\.source) }

  public mutating func add(_ other: GPUCatalogue) {
    gpus.add(
      other.gpus, key: { [$0.name, $0.segment == .label ? GPU.Segment.label.rawValue : ""] },
      order: { $0.computeCapabilities.last ?? ComputeCapability(0, 0) })
    instances.addFirst(other.instances) { [$0.instance, $0.gpu] }
  }

  public func problems(in tables: TableSet) -> [Problem] {
    let architectures = tables.architectures
    var check = ListCheck(Self.self, "gpus")
    var names: Set<String> = []
    for gpu in gpus {
      check.expect(
        !GPUName.words(gpu.name).isEmpty, "\"\(gpu.name)\"", "name", "a letter or a digit", gpu.name)
      if gpu.segment != .label {
        check.expect(names.insert(gpu.name).inserted, gpu.name, "name", "one row per product", gpu.name)
      } else {
        check.expect(!gpu.isConfirmed, gpu.name, "confirmed", "false for a label", true)
      }
      let capabilities = gpu.computeCapabilities
      check.expect(
        !capabilities.isEmpty && capabilities == capabilities.sorted(), gpu.name, "computeCapabilities",
        "one or more, ascending", capabilities.map(\.description).joined(separator: ", "))
      for capability in capabilities {
        check.expect(
          architectures[capability] != nil, gpu.name, "computeCapabilities",
          "a compute capability of architectures.computeCapabilities", capability)
      }
      let isTegra = capabilities.contains { architectures.isTegra($0) }
      check.expect(
        gpu.segment == .label || isTegra == (gpu.segment == .jetson), gpu.name, "segment",
        isTegra ? "jetson for a Tegra" : "another one than that of Tegras", gpu.segment.rawValue)
      for (earlier, later) in zip(gpu.firstDrivers, gpu.firstDrivers.dropFirst()) {
        check.expect(
          (earlier.numbers?.first ?? 0) < (later.numbers?.first ?? 0), gpu.name, "firstDrivers",
          "a release of a branch after that of \(earlier)", later)
      }
      if let release = gpu.firstDrivers.first {
        let isSupported = capabilities.allSatisfy { release.supports($0, by: tables) == true }
        check.expect(isSupported, gpu.name, "firstDrivers", "drivers of branches that support it", release)
      }
      for id in gpu.pciIDs {
        check.expect(
          id.utf8.count == 4 && UInt16(id, radix: 16) != nil, gpu.name, "pciIDs", "four hexadecimal digits",
          id)
      }
    }
    var machines = ListCheck(Self.self, "instances")
    for row in instances {
      machines.expect(
        row.instance == row.instance.lowercased() && !row.instance.isEmpty
          && row.instance.count(where: { $0 == "*" || $0 == "#" }) <= 1, row.instance, "instance",
        "small letters with at most one * or #", row.instance)
      machines.expect(
        gpus.contains { $0.name == row.gpu }, row.instance, "gpu", "the name of a row of gpus.gpus", row.gpu)
      machines.expect(
        row.counts.isEmpty == row.instance.contains("#") && row.counts.allSatisfy { $0 > 0 }, row.instance,
        "counts", "numbers of GPUs, or none with a #", "\(row.counts)")
      machines.expect(
        ["x86_64", "aarch64"].contains(row.machine), row.instance, "machine", "x86_64 or aarch64", row.machine
      )
    }
    return check.problems + machines.problems
  }
}
