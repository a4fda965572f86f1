import FixtureSupport
import Glibc

/// A directory that a run of the program must leave as it is, with bait that it must not open.
///
/// The program runs in `work`, where what it shall read is in `work/in`; its home and its temporary directory are in the
/// tree as well.
struct WatchedTree {
  let tree: TemporaryTree
  private let before: [String]
  private let watcher: CInt

  /// What lies in wait where archives and links point to: device code for sm_75, which no archive holds.
  static let bait = FatBinaryBuilder("sm_75").bytes

  /// - Parameter fill: puts into the tree what shall be read.
  init(_ fill: (TemporaryTree) throws -> Void) throws {
    tree = try TemporaryTree()
    let baits = ["bait.fatbin", "work/bait.fatbin", "work/bait.tar", "work/bait.json", "home/bait.fatbin"]
    for name in baits + ["tmp/bait.fatbin"] { try tree.write(Self.bait, to: name) }
    try tree.directory("work/in")
    try fill(tree)
    before = Self.snapshot(of: tree.path)
    watcher = inotify_init1(CInt(O_NONBLOCK | O_CLOEXEC))
    for name in baits {
      guard unsafe inotify_add_watch(watcher, tree(name), UInt32(IN_OPEN | IN_ACCESS)) >= 0 else {
        throw Program.Failure(description: "inotify: \(errno)")
      }
    }
  }

  /// Runs the program, which may take `memory` bytes for its data.
  func run(_ arguments: String...) throws -> Program.Outcome { try run(arguments) }

  func run(_ arguments: [String], memory: Int = 256 << 20) throws -> Program.Outcome {
    try Program.spawn(
      (["/bin/sh", "-c", "ulimit -d \(memory >> 10) && exec \"$@\"", "sh", Program.path] + arguments).map {
        Array($0.utf8)
      }, in: tree("work"), ["HOME=\(tree("home"))", "TMPDIR=\(tree("tmp"))"])
  }

  /// What was opened, made, changed or removed since the start; ends the watch.
  func changes() -> [String] {
    var events = [UInt8](repeating: 0, count: 4096)
    let opened = unsafe read(watcher, &events, events.count) > 0
    close(watcher)
    let after = Self.snapshot(of: tree.path)
    return (opened ? ["a bait was opened"] : []) + Set(before).symmetricDifference(after).sorted()
  }

  /// A line for each file, folder and link: what it is, when it changed, and a hash of what it holds.
  private static func snapshot(of path: String, name: [UInt8] = []) -> [String] {
    var status = stat()
    let full = Array(path.utf8) + name
    let terminated = (full + [0]).map { CChar(bitPattern: $0) }
    guard unsafe lstat(terminated, &status) == 0 else { return [] }
    var line =
      "\(String(decoding: name, as: UTF8.self)) mode \(status.st_mode) inode \(status.st_ino) links \(status.st_nlink) "
      + "size \(status.st_size) at \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
      + "changed at \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      var hasher = Hasher()
      hasher.combine(fileContents(String(decoding: full, as: UTF8.self)))
      line += " hash \(hasher.finalize())"
      return [line]
    case S_IFDIR:
      return [line]
        + entries(of: full).flatMap { snapshot(of: path, name: name + [UInt8(ascii: "/")] + $0) }
    default: return [line]
    }
  }
}
