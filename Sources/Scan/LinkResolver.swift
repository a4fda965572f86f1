import Bytes
import Stack

/// Says where symbolic links lead, by their words and the names that a scan has seen: the host is never asked.
///
/// In an archive and in a root file system, an absolute link starts at the root and `..` does not leave it. In any other
/// directory both count as on the host, and may lead into another root, or outside.
struct LinkResolver {
  enum Destination: Equatable {
    /// To this place, if there is a file.
    case inside(FilePlace)
    /// Out of all roots, to this path of the host.
    case outside(Path)
    /// To itself, through more links than Linux follows, or to a path that is longer than any.
    case nowhere
  }

  private let roots: [ScanRoot]
  /// Where each directory lies on the host, part by part; nil for roots that are closed in themselves.
  private let locations: [[ArraySlice<UInt8>]?]
  /// The links of each root that is closed in itself.
  private var closed: [Int: LinkTree] = [:]
  /// The links of all others.
  private var host = LinkTree()
  /// The roots at a folder of the host, in their order.
  private var rootsAt: [Int: [Int]] = [:]
  private let steps: Budget

  init(_ roots: [ScanRoot], links: [(place: FilePlace, target: Path)], steps: Budget) {
    self.roots = roots
    self.steps = steps
    locations = roots.map { root in
      guard root.kind == .directory || root.kind == .file,
        let resolved = root.path.resolved
      else { return nil }
      return resolved.components
    }
    for (root, location) in locations.enumerated() {
      if let location { rootsAt[host.insert(location), default: []].append(root) }
    }
    for (place, target) in links {
      if let location = locations[place.root] {
        host.add(location + place.path.components, target: target)
      } else {
        closed[place.root, default: LinkTree()].add(place.path.components, target: target)
      }
    }
  }

  /// Where the link at `place` leads; nil where that would take more steps than are allowed.
  mutating func destination(of place: FilePlace) -> Destination? {
    guard !steps.isSpent else { return nil }
    let way: [ArraySlice<UInt8>]
    let end: LinkTree.Place?
    if let location = locations[place.root] {
      end = host.destination(of: location + place.path.components, steps: steps)
      way = end.map { host.names(to: $0) } ?? []
    } else {
      end = closed[place.root, default: LinkTree()].destination(of: place.path.components, steps: steps)
      way = end.flatMap { closed[place.root]?.names(to: $0) } ?? []
    }
    guard let end else { return steps.isSpent ? nil : .nowhere }
    guard locations[place.root] != nil else {
      return .inside(FilePlace(root: place.root, path: Self.path(way[...])))
    }
    if let inside = self.place(way, end, from: place.root) { return .inside(inside) }
    return .outside(Path(bytes: [UInt8(ascii: "/")] + Self.path(way[...]).bytes))
  }

  /// Whether `path` of the host, with its links followed by the system, lies in a root after all, as what leads there and
  /// back through `/etc/alternatives` does.
  func leadsBack(_ path: Path) -> Bool {
    guard let resolved = path.resolved else { return false }
    let parts = resolved.components
    return locations.contains { $0.map { parts.starts(with: $0) } ?? false }
  }

  /// The place under a root that a way on the host leads to; nil where it is outside of all.
  private func place(_ way: [ArraySlice<UInt8>], _ end: LinkTree.Place, from root: Int) -> FilePlace? {
    // The root where the link is comes first, then the others in their order.
    var found: Int?
    var folder = end.folder
    while true {
      let isEnd = folder == end.folder && end.names.isEmpty
      for other in rootsAt[folder] ?? [] where roots[other].kind != .file || isEnd {
        if other == root || found != root && other < found ?? .max { found = other }
      }
      if folder == NameTree.root { break }
      folder = host.folders.parent(of: folder)
    }
    guard let found, let location = locations[found] else { return nil }
    let path =
      roots[found].kind == .file ? roots[found].path.lastComponent : Self.path(way.dropFirst(location.count))
    return FilePlace(root: found, path: path)
  }

  private static func path(_ parts: ArraySlice<ArraySlice<UInt8>>) -> Path {
    Path(bytes: parts.joined(separator: [UInt8(ascii: "/")]))
  }
}
