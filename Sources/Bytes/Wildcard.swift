extension Collection where Element == UInt8 {
  /// Whether these bytes are as `pattern` says, in which `*` stands for any bytes and `?` for one: in at most as many steps as
  /// both are long, multiplied.
  public func matches<Pattern: Collection<UInt8>>(_ pattern: Pattern) -> Bool {
    var (position, place) = (startIndex, pattern.startIndex)
    // Where to go on after a mismatch: behind the last star, with one more byte for it.
    var retry: (position: Index, place: Pattern.Index)?
    while position < endIndex {
      if place < pattern.endIndex, pattern[place] == UInt8(ascii: "*") {
        place = pattern.index(after: place)
        retry = (position, place)
      } else if place < pattern.endIndex,
        pattern[place] == UInt8(ascii: "?") || pattern[place] == self[position]
      {
        formIndex(after: &position)
        place = pattern.index(after: place)
      } else if let last = retry {
        position = index(after: last.position)
        place = last.place
        retry = (position, place)
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

extension Path {
  /// Whether the path is as `pattern` says where that has a slash, else the name after its last slash. `*` stands for any
  /// characters, `?` for one.
  public func matches(_ pattern: String) -> Bool {
    (pattern.utf8.contains(UInt8(ascii: "/")) ? self : lastComponent).bytes.matches(pattern.utf8)
  }
}
