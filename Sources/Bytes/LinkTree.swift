/// Where paths lead through symbolic links, by the words of the links: no file system is asked.
///
/// Where a link leads is found out once. Steps are counted, because a few links that lead through each other stand for
/// millions of them.
public struct LinkTree: Sendable {
  /// A place: a folder of ``folders``, and names below it that lead to no link.
  public struct Place: Hashable, Sendable {
    public var folder = NameTree.root
    public var names: [ArraySlice<UInt8>] = []
    /// Bytes of the names.
    fileprivate var length = 0
  }

  /// The links, what is on the way to them, and what was added.
  public private(set) var folders = NameTree()
  private var targets: [Int: Path] = [:]
  /// Where links lead, and how many others are followed on the way.
  private var known: [Int: (place: Place, links: Int)] = [:]

  /// Bytes of a path. The corresponding constant is `PATH_MAX`.
  public static let pathLimit = 4096

  public init() {}

  /// Adds a link with what it says; `names` is the way to it from the root.
  public mutating func add(_ names: some Sequence<ArraySlice<UInt8>>, target: Path) {
    targets[folders.insert(names)] = target
  }

  /// The place of a folder, `names` from the root, to recognise it by.
  public mutating func insert(_ names: some Sequence<ArraySlice<UInt8>>) -> Int { folders.insert(names) }

  private enum Item {
    case name(ArraySlice<UInt8>)
    /// Where the words of a link have been followed, which was the nth one.
    case end(link: Int, number: Int)
  }

  /// Where the path `names` leads to, through `.`, `..` and links. `..` does not leave the root, and an absolute link
  /// starts there.
  ///
  /// - Parameter steps: one is taken for each name, and one more for every 64 bytes of it.
  /// - Returns: nil after more links than Linux follows, on a way that is longer than any path, and when no step is left.
  public mutating func destination(
    of names: some BidirectionalCollection<ArraySlice<UInt8>>, steps: Budget
  ) -> Place? {
    var place = Place()
    var links = 0
    var rest: [Item] = names.reversed().map { .name($0) }
    while let item = rest.popLast() {
      let name: ArraySlice<UInt8>
      switch item {
      case .name(let next): name = next
      case .end(let link, let number):
        known[link] = (place, links - number)
        continue
      }
      guard steps.take(1 + name.count / 64) else { return nil }
      if name.elementsEqual(".".utf8) { continue }
      if name.elementsEqual("..".utf8) {
        if let last = place.names.popLast() {
          place.length -= last.count + 1
        } else {
          place.folder = folders.parent(of: place.folder)
        }
        continue
      }
      guard place.names.isEmpty, let next = folders.child(name, of: place.folder) else {
        place.names.append(name)
        place.length += name.count + 1
        guard folders.pathLength(of: place.folder) + place.length <= Self.pathLimit else { return nil }
        continue
      }
      guard let target = targets[next] else {
        place.folder = next
        continue
      }
      links += 1
      if let known = known[next] {
        links += known.links
        // Its names are copied when others are added.
        guard links <= Path.linkLimit, steps.take(known.place.names.count) else { return nil }
        place = known.place
        continue
      }
      guard links <= Path.linkLimit else { return nil }
      rest.append(.end(link: next, number: links))
      if target.bytes.first == UInt8(ascii: "/") { place = Place() }
      rest += target.components.reversed().map { .name($0) }
    }
    return place
  }

  /// The names on the way from the root to a place.
  public func names(to place: Place) -> [ArraySlice<UInt8>] { folders.names(to: place.folder) + place.names }
}
