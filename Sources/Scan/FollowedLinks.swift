public import Bytes
import Glibc
import Stack
import Synchronization

/// A directory that symbolic links are followed into. It is not scanned itself.
public struct LinkedFolder: Sendable {
  /// Where it is on the host, without links; empty for `/`.
  fileprivate let location: Path
  fileprivate let folder: Folder

  /// Opens the directory at `path`; symbolic links are followed.
  ///
  /// - Throws: a ``Problem`` that says why it cannot be opened as a directory.
  public init(_ path: Path) throws(Problem) {
    guard let resolved = path.resolved else { throw Problem.opening(errno) }
    location = resolved == Path("/") ? Path("") : resolved
    folder = try Folder(resolved)
  }
}

/// What symbolic links below one directory lead to in some folders outside of it. It is read there, without following
/// links, and belongs to the directory under the names of the links.
///
/// The system says where a link leads. A folder outside is walked under one name: any other link to it becomes a link to
/// that name. So links in circles end, and many links to one folder cost no more than one. Files are read under each name.
final class FollowedLinks: Sendable {
  /// What becomes of a symbolic link.
  enum Outcome {
    /// It leads to a regular file, which is read under the link's name.
    case file
    /// It leads to the folder at this place of the host; ``walk(_:as:)`` says under which name that is walked.
    case folder(Path)
    /// It stays a link, and says this.
    case link(Path)
  }

  private struct State {
    /// Where followed links lead on the host, by their names below the root.
    var locations: [Path: Path] = [:]
    /// The names of the folders that are walked outside, and of the root itself, by where they are on the host.
    var names: [Path: Path]
  }

  private let path: Path
  /// Where the root is on the host.
  private let location: Path
  private let folders: [LinkedFolder]
  private let state: Mutex<State>

  /// - Parameters:
  ///   - path: the directory whose links are followed.
  ///   - folders: where they may lead; without any there is nothing to follow.
  init?(_ path: Path, into folders: [LinkedFolder]) {
    guard !folders.isEmpty, let location = path.resolved else { return nil }
    self.path = path
    self.location = location
    self.folders = folders
    state = Mutex(State(names: [location: Path("")]))
  }

  /// Says what becomes of the symbolic link `link`, which says `target`.
  func follow(_ link: Path, saying target: Path) -> Outcome {
    let end = destination(of: link)
    let (outside, name) = state.withLock { state in
      (
        Self.value(for: link.parent, in: state.locations),
        end.flatMap { Self.value(for: $0, in: state.names) }
      )
    }
    guard let end else {
      guard let outside, target.bytes.first != UInt8(ascii: "/") else { return .link(target) }
      return .link(outside.appending(target.bytes))
    }
    // What a link says counts from where it is, which is not below the root under a name that was followed.
    if outside == nil, end.isInside(location) { return .link(target) }
    if let name { return .link(name.relative(to: link.parent)) }
    switch folder(of: end) == nil ? nil : try? FileKind.of(end) {
    case .regular:
      state.withLock { $0.locations[link] = end }
      return .file
    case .directory: return .folder(end)
    default: return .link(outside == nil ? target : end)
    }
  }

  /// Decides whether the folder at `location` of the host is walked as `link`.
  ///
  /// - Returns: nil if so; else what the link says from now on, because the folder has a name already.
  func walk(_ location: Path, as link: Path) -> Path? {
    state.withLock { state in
      if let name = Self.value(for: location, in: state.names) { return name.relative(to: link.parent) }
      state.names[location] = link
      state.locations[link] = location
      return nil
    }
  }

  /// What a link in place of the folder `path` would say, where that is walked under another name.
  func linkInPlace(ofFolder path: Path) -> Path? {
    state.withLock { state in
      guard let location = Self.value(for: path, in: state.locations), let name = state.names[location],
        name != path
      else { return nil }
      return name.relative(to: path.parent)
    }
  }

  /// The folder, and the path in it, where what is called `path` below the root is; nil if below the root itself.
  func place(of path: Path) -> (folder: Folder, path: Path)? {
    guard let location = state.withLock({ Self.value(for: path, in: $0.locations) }),
      let folder = folder(of: location)
    else { return nil }
    return (folder.folder, Path(bytes: location.bytes.dropFirst(folder.location.bytes.count + 1)))
  }

  /// Whether the symbolic link `link` leads to a regular file in one of the folders.
  func leadsToFile(_ link: Path) -> Bool {
    guard let end = destination(of: link), folder(of: end) != nil else { return false }
    return (try? FileKind.of(end)) == .regular
  }

  private func destination(of link: Path) -> Path? { path.appending(link.bytes).resolved }

  private func folder(of location: Path) -> LinkedFolder? {
    folders.first { location.isInside($0.location) }
  }

  /// What `map` has for `path`, or for the nearest folder above it, with the rest of the path behind it.
  private static func value(for path: Path, in map: [Path: Path]) -> Path? {
    var folder = path
    while true {
      if let value = map[folder] {
        let rest = path.bytes.dropFirst(folder.bytes.count).drop { $0 == UInt8(ascii: "/") }
        return rest.isEmpty ? value : value.appending(rest)
      }
      if folder.bytes.isEmpty { return nil }
      folder = folder.parent
    }
  }
}

extension Path {
  /// What a link in `folder` says that leads here; both paths start at the same place and have no `..`.
  fileprivate func relative(to folder: Path) -> Path {
    var result = Path("")
    for _ in folder.components { result = result.appending("..".utf8) }
    return bytes.isEmpty && !result.bytes.isEmpty ? result : result.appending(bytes.isEmpty ? [0x2E] : bytes)
  }
}
