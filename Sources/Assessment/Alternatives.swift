import Bytes
import Compatibility

/// What the name of a file says it is for, among files that differ in nothing else: one version of CUDA
/// (`libbitsandbytes_cuda118.so`, `libbitsandbytes_cuda128.so`) or one architecture (`sm90/common_ops.so`, `sm100/common_ops.so`).
struct Alternative: Hashable {
  enum Choice: Hashable {
    /// By the version of CUDA: 118 is 11.8.
    case cuda(Int)
    /// By the architecture of the GPU.
    case architecture(Int)
  }

  var choice: Choice
  /// The path without what makes the choice: alternatives have the same.
  var family: String

}

/// Reads alternatives out of paths. A reader serves many of them, because the expressions cost more to prepare than to
/// match.
struct AlternativeReader {
  private let cuda = /(?:^|[^A-Za-z])((?:cuda|cu)_?(\d{3}|\d{2}))(?!\d)/
  private let architecture = /(?:^|[^A-Za-z])(sm_?(\d{2,3})[af]?)(?![0-9A-Za-z])/

  /// Nil for a path whose file name and folder name no version and no architecture.
  func alternative(_ path: Path) -> Alternative? {
    let name = path.lastComponent.text
    let folder = path.parent.lastComponent.text
    let above = path.parent.parent.text
    if let (choice, rest) = read(name) {
      // bitsandbytes has two builds for each version, and takes the second on GPUs without tensor cores for int8.
      return Alternative(
        choice: choice, family: "\(above)/\(folder)/\(rest.replacing("_nocublaslt", with: ""))")
    }
    if let (choice, rest) = read(folder), rest == "*" {
      return Alternative(choice: choice, family: "\(above)/*/\(name)")
    }
    return nil
  }

  /// The choice in a name, and the name with a star in its place.
  private func read(_ name: String) -> (Alternative.Choice, String)? {
    if let match = name.firstMatch(of: cuda), let number = Int(match.2) {
      return (.cuda(number), name.replacingCharacters(in: match.1))
    }
    if let match = name.firstMatch(of: architecture), let number = Int(match.2) {
      return (.architecture(number), name.replacingCharacters(in: match.1))
    }
    return nil
  }
}

extension String {
  /// The text with a star in the place of `part`, which is a part of it.
  fileprivate func replacingCharacters(in part: Substring) -> String {
    String(self[..<part.startIndex]) + "*" + String(self[part.endIndex...])
  }
}
