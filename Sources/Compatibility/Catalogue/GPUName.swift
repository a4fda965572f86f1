/// Takes GPU names apart into words that can be compared: `RTX3080Ti`, `rtx 3080 ti` and `GeForce RTX 3080 Ti` share
/// `rtx`, `3080` and `ti`; `A100-SXM4-40GB` has `a100`, `sxm4` and `40gb`.
enum GPUName {
  /// Words that say nothing about the product.
  static let filler: Set<String> = [
    "nvidia", "gpu", "gpus", "graphics", "card", "generation", "corporation", "with", "design", "edition",
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

  /// The text without how many GPUs there are: `H100` of `8xH100`, `8 x H100`, `H100 x8` and `4 H100`.
  static func withoutCount(_ text: String) -> String {
    let text = text.trimmed
    if let match = text.wholeMatch(of: /[0-9]{1,4} *[xX\u{D7}*] *(?<name>.*)/), !text.hasPrefix("0x") {
      return String(match.name)
    }
    // `GTX 4000` ends in no count, because what separates that is a word of its own, and neither does `Tegra X1`.
    if let match = text.wholeMatch(of: /(?<name>.*?)(?: +[xX] *| *[\u{D7}*] *)[0-9]{1,4}/),
      match.name.contains(where: \.isNumber)
    {
      return String(match.name)
    }
    // A product code follows: `50 series` is no fifty of anything.
    if let match = text.wholeMatch(of: /[0-9]{1,3} +(?<name>[A-Za-z].*)/),
      match.name.contains(where: \.isNumber)
    {
      return String(match.name)
    }
    return text
  }

  /// The name in a line of `nvidia-smi -L`: `NVIDIA A100-SXM4-40GB` of
  /// `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-…)`; nil for another text.
  static func listed(_ line: String) -> String? {
    line.trimmed.wholeMatch(of: /GPU [0-9]+: *(?<name>.*?) *\(UUID:.*/).map { String($0.name) }
  }

  /// The text without the profile of a virtual GPU: `GRID A100D` of `GRID A100D-1-10C`, `NVIDIA H100XM` of
  /// `NVIDIA H100XM-80C`.
  static func withoutProfile(_ text: String) -> String {
    var parts = text.trimmed.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count > 1, let last = parts.last?.lowercased() else { return text }
    let digits = last.prefix(while: \.isNumber)
    let kind = last.dropFirst(digits.count)
    guard (1...3).contains(digits.count), let letter = kind.first, "abcq".contains(letter),
      kind.count == 1 || kind.dropFirst() == "me" || kind.count == 2 && kind.last?.isNumber == true
    else { return text }
    parts.removeLast()
    // How many slices a MIG-backed one has.
    if parts.count > 1, let slices = parts.last, (1...2).contains(slices.count),
      slices.allSatisfy(\.isNumber)
    {
      parts.removeLast()
    }
    return parts.joined(separator: "-")
  }

  /// The PCI device id in `10de:2b85`, also in a line of `lspci -nn`, in `0x2b85` and in `0x2B8510DE`, as nvidia-smi writes
  /// it; in capitals. Nil for anything else.
  static func pciID(_ text: String) -> String? {
    let text = text.trimmed.uppercased()
    if let match = text.wholeMatch(of: /0X([0-9A-F]{4})(?:10DE)?/)
      ?? text.wholeMatch(of: /10DE:([0-9A-F]{4})/)
    {
      return String(match.1)
    }
    return text.firstMatch(of: /\[10DE:([0-9A-F]{4})\]/).map { String($0.1) }
  }

  /// A series of GeForce: `RTX 50 series`, `GTX 900 series`.
  struct Series {
    /// `rtx`; nil where only the number is given.
    private var brand: String?
    /// The digits that the numbers of its products start with, and how many these have.
    private var prefix: String
    private var length: Int

    /// Nil for anything else.
    init?(_ text: String) {
      var words = GPUName.words(text).subtracting(GPUName.filler)
      guard words.remove("series") != nil else { return nil }
      let numbers = words.filter { $0.allSatisfy(\.isNumber) }
      guard numbers.count == 1, let number = numbers.first else { return nil }
      words.subtract(numbers)
      guard words.count <= 1, words.isSubset(of: GPUName.series) else { return nil }
      brand = words.first
      // Two digits name the 10 of 1080, four the same (3000), three the 9 of 980.
      switch number.count {
      case 2: (prefix, length) = (number, 4)
      case 3 where number.hasSuffix("00"): (prefix, length) = (String(number.prefix(1)), 3)
      case 4 where number.hasSuffix("00"): (prefix, length) = (String(number.prefix(2)), 4)
      default: return nil
      }
    }

    func has(_ gpu: GPU) -> Bool {
      guard gpu.segment == .geforce else { return false }
      let words = GPUName.words(gpu.name)
      return (brand.map { words.contains($0) } ?? true)
        && words.contains { $0.count == length && $0.hasPrefix(prefix) && $0.allSatisfy(\.isNumber) }
    }
  }

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
  private static let suffixes = ["ti", "super", "laptop", "mobile", "notebook", "gpu"]

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
    // `5070tilaptop` is a number and its suffixes.
    guard word.first?.isNumber == true else { return [word] }
    var number = word[...]
    var parts: [String] = []
    while let suffix = suffixes.first(where: { number.hasSuffix($0) }), number.count > suffix.count {
      number.removeLast(suffix.count)
      parts.insert(suffix, at: 0)
    }
    if !parts.isEmpty, number.allSatisfy(\.isNumber) { return [String(number)] + parts }
    return [word]
  }

  /// Other ways to read words that no product has as they are: `H 100`, `H100s`, `RTX 4090M`.
  static func otherReadings(_ text: String) -> [Set<String>] {
    let own = words(text)
    let codes = own.filter { $0.contains(where: \.isNumber) }
    var readings: [Set<String>] = []
    var joined = ""
    for part in text.split(separator: " ") {
      // A letter or two before a number are a part of it.
      let last = joined.split(separator: " ").last ?? ""
      let isLetters = (1...2).contains(last.count) && last.allSatisfy(\.isLetter)
      joined += (joined.isEmpty || isLetters && part.first?.isNumber == true ? "" : " ") + part
    }
    if words(joined) != own { readings.append(words(joined)) }
    let plural = codes.filter { $0.hasSuffix("s") }
    if !plural.isEmpty {
      readings.append(own.subtracting(plural).union(plural.map { String($0.dropLast()) }))
    }
    let mobile = codes.filter { $0.hasSuffix("m") && $0.dropLast().allSatisfy(\.isNumber) }
    if !mobile.isEmpty {
      readings.append(own.subtracting(mobile).union(mobile.map { String($0.dropLast()) }).union(["laptop"]))
    }
    return readings
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
