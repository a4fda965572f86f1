import Bytes
import Compatibility

/// What a file of a package says in its name that makes it one of several alternatives, of which a program takes one.
///
/// bitsandbytes has `libbitsandbytes_cuda118.so` to `…_cuda130.so` and takes the one for the CUDA of PyTorch; sgl-kernel has
/// the folders `sm90` and `sm100` and takes the one for the GPU.
struct Alternative: Hashable {
  enum Choice: Hashable {
    /// 118 of `cuda118`, 12 of `cu12`.
    case cuda(Int)
    /// 90 of `sm90` and `sm_90a`.
    case architecture(Int)
  }

  var choice: Choice
  /// The path without what makes the choice: alternatives have the same.
  var family: String

  /// Nil for a path whose file name and folder name no version and no architecture.
  init?(_ path: Path) {
    let name = path.lastComponent
    let folder = path.parent.lastComponent
    let above = path.parent.parent.text
    if let (choice, rest) = Self.read(name.bytes) {
      // bitsandbytes has two builds for each version, and takes the second on GPUs without tensor cores for int8.
      self.choice = choice
      family = "\(above)/\(folder)/\(rest.replacing("_nocublaslt", with: ""))"
    } else if let (choice, rest) = Self.read(folder.bytes), rest == "*" {
      self.choice = choice
      family = "\(above)/*/\(name)"
    } else {
      return nil
    }
  }

  /// The choice in a name, and the name with a star in its place.
  private static func read(_ name: [UInt8]) -> (Choice, String)? {
    guard let (choice, range) = cuda(in: name) ?? architecture(in: name) else { return nil }
    return (
      choice, Path(bytes: name[..<range.lowerBound] + [UInt8(ascii: "*")] + name[range.upperBound...]).text
    )
  }

  /// `cuda118`, `cu_12` behind no letter and before no digit.
  private static func cuda(in name: [UInt8]) -> (Choice, Range<Int>)? {
    first(of: ["cuda", "cu"], in: name) { number, range in
      (.cuda(number), range)
    }
  }

  /// `sm90`, `sm_90a` behind no letter and before neither a letter nor a digit.
  private static func architecture(in name: [UInt8]) -> (Choice, Range<Int>)? {
    first(of: ["sm"], in: name) { number, range in
      var end = range.upperBound
      if end < name.count, [UInt8(ascii: "a"), UInt8(ascii: "f")].contains(name[end]) { end += 1 }
      guard end == name.count || !name[end].isLetter && !name[end].isDigit else { return nil }
      return (.architecture(number), range.lowerBound..<end)
    }
  }

  /// What `read` makes of the first word among `words` that stands behind no letter and has a number of two or three
  /// digits, with an underscore between them or without, and of the place of both.
  private static func first(
    of words: [String], in name: [UInt8], _ read: (Int, Range<Int>) -> (Choice, Range<Int>)?
  ) -> (Choice, Range<Int>)? {
    for start in name.indices where start == 0 || !name[start - 1].isLetter {
      for word in words where name[start...].starts(with: word.utf8) {
        var digits = start + word.utf8.count
        if digits < name.count, name[digits] == UInt8(ascii: "_") { digits += 1 }
        let number = name[digits...].prefix(while: \.isDigit)
        guard (2...3).contains(number.count) else { continue }
        let value = number.reduce(0) { $0 * 10 + Int($1 - 48) }
        if let found = read(value, start..<number.endIndex) { return found }
      }
    }
    return nil
  }
}

extension Alternative.Choice {
  /// Whether it is for a version of CUDA that the driver of a device does not support.
  func isNewer(than device: Device) -> Bool {
    guard case .cuda(let number) = self, let driver = device.knownDriver else { return false }
    let cuda = number < 100 ? CUDAVersion(number, 0) : CUDAVersion(number / 10, number % 10)
    if let newest = driver.maxCUDA(by: device.tables), newest >= cuda { return false }
    return cuda.minimumDriver(by: device.tables).flatMap { driver.isAtLeast($0, by: device.tables) } == false
  }
}
