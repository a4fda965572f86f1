/// Takes GPU names apart into words that can be compared: `RTX3080Ti`, `rtx 3080 ti` and `GeForce RTX 3080 Ti` share
/// `rtx`, `3080` and `ti`; `A100-SXM4-40GB` has `a100`, `sxm4` and `40gb`.
enum GPUName {
  /// Words that say nothing about the product.
  static let filler: Set<String> = [
    "nvidia", "gpu", "graphics", "card", "generation", "corporation", "with", "design", "edition",
    "developer", "kit", "for", "nvgpu", "tesla", "geforce",
  ]
  /// Brand names that people put before products that do not carry them.
  static let brands: Set<String> = ["quadro", "grid", "dgx", "hgx"]
  /// Form factors and kinds of memory, which do not decide the compute capability.
  private static let variants: Set<String> = [
    "sxm", "sxm2", "sxm3", "sxm4", "sxm5", "sxm6", "pcie", "nvl", "hbm2", "hbm2e", "hbm3", "hbm3e", "mobile",
    "laptop", "notebook", "max", "q",
  ]

  /// Whether a word is a brand, a form factor, a memory size (`80gb`) or a virtual GPU's profile (`16q` of
  /// `T4-16Q`), and so may be left out.
  static func isOptional(_ word: String) -> Bool {
    if brands.contains(word) || variants.contains(word) { return true }
    let unit = word.drop(while: \.isNumber)
    let digits = word.count - unit.count
    return (unit == "gb" && digits > 0) || ((1...2).contains(digits) && ["q", "c", "a", "b"].contains(unit))
  }

  private static let series: Set<String> = ["rtx", "gtx", "gts", "gt"]

  /// The words that a product code implies: a number such as `4090` its series, one with a letter such as `P4000`
  /// `Quadro` too.
  static func impliedSeries(by words: Set<String>) -> Set<String> {
    if words.contains(where: { $0.allSatisfy(\.isNumber) }) { return series }
    let hasCode = words.contains { !isOptional($0) && $0.contains(where: \.isNumber) }
    return hasCode ? series.union(["quadro"]) : []
  }

  /// How much a word tells: numbers more than names.
  static func weight(_ word: String) -> Double { word.contains(where: \.isNumber) ? 3 : 1 }

  /// The words of a name, without what follows `MIG` (a slice of a GPU has its compute capability).
  static func words(_ name: String) -> Set<String> {
    var words: Set<String> = []
    var previous: String?
    for part in name.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
      if part == "mig" { break }
      for word in split(String(part)) {
        // `80 GB` is one word.
        if word == "gb", let number = previous, number.allSatisfy(\.isNumber) {
          words.remove(number)
          words.insert(number + "gb")
        } else {
          words.insert(word)
        }
        previous = word
      }
    }
    return words
  }

  private static let prefixes = [
    "geforce", "quadro", "nvidia", "tesla", "jetson", "titan", "rtx", "gtx", "gts", "gt",
  ]
  private static let suffixes = ["ti", "super", "tisuper"]

  /// Separates a brand or series from what it is glued to, and `ti` or `super` from its number.
  private static func split(_ word: String) -> [String] {
    for prefix in prefixes where word.hasPrefix(prefix) && word.count > prefix.count {
      let rest = String(word.dropFirst(prefix.count))
      // `gt` and its like are followed by a number, or `rtx` by a product such as `a6000`.
      if prefix.count > 3 || rest.first?.isNumber == true || (prefix == "rtx" && rest.last?.isNumber == true)
      {
        return [prefix] + split(rest)
      }
    }
    for suffix in suffixes where word.hasSuffix(suffix) {
      let number = word.dropLast(suffix.count)
      if !number.isEmpty, number.allSatisfy(\.isNumber) {
        return [String(number)] + (suffix == "tisuper" ? ["ti", "super"] : [suffix])
      }
    }
    return [word]
  }

  /// How different two words are: 0 equal, 1 nothing in common; the edit distance over the longer length.
  static func distance(_ left: String, _ right: String) -> Double {
    if left == right { return 0 }
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard !left.isEmpty, !right.isEmpty else { return 1 }
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in right.enumerated() {
        let substituted = diagonal + (a == b ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
      }
    }
    return Double(row[right.count]) / Double(max(left.count, right.count))
  }
}

extension String {
  /// Without white space at both ends.
  var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
