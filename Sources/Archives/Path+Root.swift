import Bytes

extension Path {
  /// Whether a member of this path would lie outside the folder that it is unpacked into.
  ///
  /// - Parameter absolute: whether a path that starts with a slash counts from the root of the host.
  func leavesRoot(absolute: Bool) -> Bool {
    if absolute, bytes.first == UInt8(ascii: "/") { return true }
    var depth = 0
    for part in components {
      if part.elementsEqual("..".utf8) {
        depth -= 1
      } else if !part.elementsEqual(".".utf8) {
        depth += 1
      }
      if depth < 0 { return true }
    }
    return false
  }
}
