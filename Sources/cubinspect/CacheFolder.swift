import Archives
import Bytes
import CommandLineSyntax
import Glibc

/// The folder of a ``FactsCache``, of which only files with names of its own are read, written or removed.
struct CacheFolder {
  struct Entry {
    var name: Path
    /// Bytes.
    var size: UInt64
    /// When its facts were written or used last, in seconds since 1970.
    var used: Int64
  }

  let path: Path

  /// Where facts are in it.
  private static let room = "scans"
  private static let suffix = ".json.gz"

  /// nil where the command line names none.
  init?(_ arguments: ParsedArguments) {
    guard let value = arguments.value(of: .cache) else { return nil }
    path = Path(bytes: value.bytes)
  }

  private var room: Path { path.appending(Self.room.utf8) }

  /// The name of the file for a digest.
  static func name(of digest: [UInt8]) -> Path { Path(Digest(digest).digits + suffix) }

  private static func isName(_ name: [UInt8]) -> Bool {
    let text = String(decoding: name, as: UTF8.self)
    return text.hasSuffix(suffix) && (try? Digest(text: "sha256:\(text.dropLast(suffix.count))")) != nil
  }

  /// Opens a file, and notes that it was of use; nil where it is not there.
  func open(_ name: Path) -> FileBytes? {
    guard let folder = try? Folder(room), let file = try? FileBytes(in: folder, name) else { return nil }
    _ = futimens(file.descriptor, nil)
    return file
  }

  /// - Throws: a ``Problem`` when the system refuses.
  func write(_ bytes: [UInt8], to name: Path) throws(Problem) {
    _ = try OutputDirectory(path, isMade: true)
    let error = try OutputDirectory(room, isMade: true).write(bytes[...], to: name, replaces: true)
    if error != 0 { throw Problem(.unreadable, "file", observed: errorText(error)) }
  }

  /// All files with facts, in the order of their names; none where there is no such folder.
  ///
  /// - Throws: a ``Problem`` when the folder cannot be listed.
  var entries: [Entry] {
    get throws(Problem) {
      let directory: Directory
      do throws(Problem) {
        directory = try Directory(in: Folder(path), Path(Self.room))
      } catch {
        if error.code == .notFound { return [] }
        throw error
      }
      var entries: [Entry] = []
      while let entry = try directory.next() {
        guard Self.isName(entry.name), let state = directory.state(of: entry.name), state.kind == .regular
        else { continue }
        entries.append(
          Entry(name: Path(bytes: entry.name), size: state.size, used: state.modified / 1_000_000_000))
      }
      return entries.sorted { $0.name < $1.name }
    }
  }

  /// Removes files; what is gone already counts as removed.
  ///
  /// - Throws: a ``Problem`` when the system refuses.
  func remove(_ entries: [Entry]) throws(Problem) {
    guard !entries.isEmpty else { return }
    let directory = try OutputDirectory(room)
    for entry in entries {
      let error = directory.remove(entry.name)
      if error != 0, error != ENOENT {
        throw Problem(.unreadable, "file \(entry.name)", observed: errorText(error))
      }
    }
  }
}
