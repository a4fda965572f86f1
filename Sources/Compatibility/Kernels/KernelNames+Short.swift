import Bytes

extension KernelNames {
  /// Names in place of these by which every rule decides alike: as few and as short as that takes.
  ///
  /// The rules look at a kernel's tags, at the groups of `unit` in whose modules it is, and at those of its pattern and its
  /// template. Kernels that have all this alike become one, but in modules whose kernels differ in tags, where the rules
  /// count them.
  package func shortened(in unit: CodeUnit) -> KernelNames {
    var groupOf: [Int: Int] = [:]
    for (index, group) in unit.groups.enumerated() {
      for module in group.modules { groupOf[module] = index }
    }
    let facts = names.indices.map { self.facts(of: $0) }
    var own: [Set<Int>] = facts.map { _ in [] }
    var modulesOf: [[Int]] = facts.map { _ in [] }
    var isCounted: [Bool] = facts.map { _ in false }
    for (module, kernels) in modules.sorted(by: { $0.key < $1.key }) {
      let isMixed = Set(kernels.map { Tags(facts[$0]) }).count > 1
      for kernel in kernels {
        own[kernel].insert(groupOf[module] ?? -1)
        modulesOf[kernel].append(module)
        if isMixed { isCounted[kernel] = true }
      }
    }
    var ofPattern: [Fingerprint: Set<Int>] = [:]
    var ofTemplate: [Fingerprint: Set<Int>] = [:]
    for kernel in facts.indices {
      ofPattern[facts[kernel].pattern, default: []].formUnion(own[kernel])
      ofTemplate[facts[kernel].template, default: []].formUnion(own[kernel])
    }
    var names = ShortNames()
    var short = KernelNames(by: tables)
    var byModule: [Int: Set<String>] = [:]
    for kernel in facts.indices {
      let kind = Kind(
        tags: Tags(facts[kernel]), pattern: ofPattern[facts[kernel].pattern] ?? [],
        template: ofTemplate[facts[kernel].template] ?? [], groups: own[kernel],
        modules: isCounted[kernel] ? modulesOf[kernel] : [], number: isCounted[kernel] ? kernel : nil)
      let name = names.name(of: kind)
      for module in modulesOf[kernel] { byModule[module, default: []].insert(name) }
    }
    for module in modules.keys.sorted() { short.add((byModule[module] ?? []).sorted(), ofModule: module) }
    for module in unreadable.sorted() { short.addUnreadable(module) }
    return short
  }

  /// What the name of a kernel says.
  fileprivate struct Tags: Hashable {
    var tags: Set<GenerationTag>
    var isForwardCompatible: Bool
    var isCuDNNs: Bool

    init(_ facts: Facts) {
      tags = facts.tags
      isForwardCompatible = facts.isForwardCompatible
      isCuDNNs = facts.isCuDNNs
    }
  }

  /// All that the rules ask of a kernel.
  fileprivate struct Kind: Hashable {
    var tags: Tags
    /// The groups that have a kernel of its pattern.
    var pattern: Set<Int>
    /// The groups that have a kernel of its template.
    var template: Set<Int>
    var groups: Set<Int>
    /// Where its number counts, the modules that have it.
    var modules: [Int]
    /// Where its number counts, which of those that are alike otherwise it is.
    var number: Int?
  }
}

/// Mangled names that say no more than a ``KernelNames/Kind``: a template by its number, in it a pattern by its number and
/// its tags, and as argument the number of the kernel.
private struct ShortNames {
  private struct Pattern: Hashable {
    var tags: KernelNames.Tags
    var groups: Set<Int>
    var template: Set<Int>
  }

  private var templates: [Set<Int>: Int] = [:]
  private var patterns: [Pattern: Int] = [:]
  private var kinds: [KernelNames.Kind: String] = [:]
  private var counts: [Pattern: Int] = [:]

  mutating func name(of kind: KernelNames.Kind) -> String {
    if let known = kinds[kind] { return known }
    let key = Pattern(tags: kind.tags, groups: kind.pattern, template: kind.template)
    let template = templates[kind.template] ?? templates.count
    templates[kind.template] = template
    let pattern = patterns[key] ?? patterns.count
    patterns[key] = pattern
    let number = counts[key, default: 0]
    counts[key] = number + 1
    var words = ["p\(pattern)"]
    for tag in kind.tags.tags.sorted(by: { $0.order < $1.order }) {
      words.append("\(tag.isMinimum ? "Sm" : "sm")\(tag.computeCapability.number)")
    }
    if kind.tags.isForwardCompatible { words.append("forwardCompat") }
    if kind.tags.isCuDNNs { words.append("cudnn") }
    let inner = words.map { "\($0.utf8.count)\($0)" }.joined()
    let outer = "t\(template)"
    let name = "_Z\(outer.utf8.count)\(outer)II\(inner)Li\(number)E"
    kinds[kind] = name
    return name
  }
}

extension GenerationTag {
  fileprivate var order: (ComputeCapability, Int) { (computeCapability, isMinimum ? 1 : 0) }
}
