import Bytes
import Glibc
import Stack

/// Says where symbolic links lead, by their words and the names that a scan has seen: the host is never asked.
///
/// In an archive and in a root file system, an absolute link starts at the root and `..` does not leave it. In any other
/// directory both count as on the host, and may lead into another root, or outside.
struct LinkResolver {
  enum Destination: Equatable {
    /// To this place, if there is a file.
    case inside(FilePlace)
    /// Out of all roots.
    case outside
    /// To itself, or through more links than Linux follows.
    case nowhere
  }

  private let roots: [ScanRoot]
  private let links: [FilePlace: Path]
  /// Where each directory lies on the host, part by part; nil for roots that are closed in themselves.
  private let locations: [[ArraySlice<UInt8>]?]

  init(_ roots: [ScanRoot], links: [(place: FilePlace, target: Path)]) {
    self.roots = roots
    self.links = Dictionary(links.map { ($0.place, $0.target) }) { first, _ in first }
    locations = roots.map { root in
      guard root.kind == .directory || root.kind == .file,
        let resolved = unsafe root.path.withCString({ unsafe realpath($0, nil) })
      else { return nil }
      defer { unsafe free(resolved) }
      let bytes = unsafe Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
      return bytes.split(separator: UInt8(ascii: "/"))
    }
  }

  /// Where the link at `place` leads.
  func destination(of place: FilePlace) -> Destination {
    let way = place.path.followed(from: locations[place.root] ?? []) { way in
      self.place(way, from: place.root).flatMap { links[$0] }
    }
    guard let way else { return .nowhere }
    return self.place(way, from: place.root).map { .inside($0) } ?? .outside
  }

  /// The place under a root that a way leads to; nil where it is outside of all.
  private func place(_ way: [ArraySlice<UInt8>], from root: Int) -> FilePlace? {
    func path(_ parts: some Collection<ArraySlice<UInt8>>) -> Path {
      Path(bytes: parts.joined(separator: [UInt8(ascii: "/")]))
    }
    guard locations[root] != nil else { return FilePlace(root: root, path: path(way)) }
    // The root where the link is comes first, then the others in their order.
    for other in [root] + roots.indices.filter({ $0 != root }) {
      guard let location = locations[other], way.starts(with: location) else { continue }
      if roots[other].kind == .file {
        if way.count == location.count {
          return FilePlace(root: other, path: roots[other].path.lastComponent)
        }
      } else {
        return FilePlace(root: other, path: path(way.dropFirst(location.count)))
      }
    }
    return nil
  }
}
