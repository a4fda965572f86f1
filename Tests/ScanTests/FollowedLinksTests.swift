import Archives
import Bytes
import Compatibility
import FixtureSupport
import FuzzSupport
import Scan
import Stack
import Testing

/// What symbolic links lead to in folders that they are followed into.
struct FollowedLinksTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func scan(
    _ names: String..., into folders: String..., jobs: Int = 2, limits: ArchiveLimits = ArchiveLimits()
  ) throws -> ScanResult {
    let folders = try folders.map { (name) throws(Problem) in try LinkedFolder(Path(tree(name))) }
    return Scan.Scanner(jobs: jobs, limits: limits, linkedFolders: folders).scan(names.map { Path(tree($0)) })
  }

  private func library(_ name: String, _ target: Target = "sm_80") throws {
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: [target])]).bytes, to: name)
  }

  /// Every library with its names, the first one in front.
  private func libraries(_ result: ScanResult) -> [[String]] {
    result.libraries.map { ([$0.place] + $0.aliases).map { "\($0.root):\($0.path)" } }
  }

  /// As uv makes environments: folders of links to files, by absolute paths.
  @Test func linksToFiles() throws {
    try library("cache/archive/one/x/a.so")
    try library("cache/archive/one/x/unused.so", "sm_90")
    try tree.write(Array("Name: x\nVersion: 1.0\n".utf8), to: "cache/archive/one/x-1.0.dist-info/METADATA")
    try tree.symbolicLink("cache/latest", to: "archive/one")
    try tree.symbolicLink("env/x/a.so", to: tree("cache/latest/x/a.so"))
    try tree.symbolicLink("env/x/again.so", to: "a.so")
    try tree.symbolicLink(
      "env/x-1.0.dist-info/METADATA", to: tree("cache/archive/one/x-1.0.dist-info/METADATA"))
    let result = try scan("env", into: "cache")
    #expect(libraries(result) == [["0:x/a.so", "0:x/again.so"]])
    #expect(result.problems == [])
    #expect(result.counts.linksOutside == 0)
    #expect(result.counts.filesVisited == 3)
    let view = result.facts(for: .everything, by: .shipped, jobs: 2).views[0]
    #expect(view.files.map(\.path) == [Path("x/a.so")])
    #expect(view.stack.packages.map(\.name) == ["x"])
    #expect(view.stack.package(of: Path("x/a.so"))?.name == "x")
    // Another folder than the one that may be followed.
    let other = try scan("env", into: "cache/archive/one/x")
    #expect(libraries(other) == [["0:x/a.so", "0:x/again.so"]])
    #expect(other.counts.linksOutside == 1)
    #expect(
      other.problems.map { $0.problem.observed } == [
        "1 that leads to \(tree("cache/archive/one/x-1.0.dist-info/METADATA"))"
      ])
  }

  /// A folder is walked under the name that comes first, and is a link under all others.
  @Test func linksToFolders() throws {
    try library("cache/x/lib/a.so.1")
    try tree.symbolicLink("cache/x/lib/a.so", to: "a.so.1")
    try tree.symbolicLink("cache/x/up", to: "..")
    try tree.symbolicLink("env/b", to: "../cache/x")
    try tree.symbolicLink("env/c", to: "../cache/x/lib")
    try tree.symbolicLink("env/d/e", to: "../../cache/x/lib/a.so.1")
    let result = try scan("env", into: "cache")
    #expect(libraries(result) == [["0:b/lib/a.so.1", "0:b/lib/a.so", "0:d/e"]])
    #expect(result.problems == [])
    #expect(result.counts.linksOutside == 0)
    // env, d, cache/x, its lib, and the cache, which has x under the name that it has already.
    #expect(result.counts.directories == 5)
  }

  /// What a link says counts from where it is, whatever its name below the root.
  @Test func linksBehindLinks() throws {
    try library("env/lib/own.so")
    try library("cache/y/other.so", "sm_90")
    try tree.symbolicLink("cache/x/own.so", to: "../../env/lib/own.so")
    try tree.symbolicLink("cache/x/other.so", to: "../y/other.so")
    try tree.symbolicLink("cache/x/gone.so", to: "../../elsewhere/gone.so")
    try tree.symbolicLink("cache/x/outside.so", to: "../../elsewhere/there.so")
    try library("elsewhere/there.so")
    try tree.symbolicLink("env/deep/er/x", to: tree("cache/x"))
    let result = try scan("env", into: "cache")
    #expect(libraries(result) == [["0:deep/er/x/other.so"], ["0:lib/own.so", "0:deep/er/x/own.so"]])
    #expect(result.counts.linksOutside == 2)
    #expect(result.problems.map { $0.problem.observed } == ["2 that lead into \(tree("elsewhere"))"])
  }

  /// The folder that links lead into holds the one that is scanned, and every folder has a link to it.
  @Test func circles() throws {
    try library("home/env/lib/a.so")
    try library("home/other/b.so", "sm_90")
    for folder in ["home/env", "home/env/lib", "home/other", "home"] {
      try tree.symbolicLink("\(folder)/home", to: tree("home"))
    }
    let result = try scan("home/env", into: "home")
    #expect(libraries(result) == [["0:home/other/b.so"], ["0:lib/a.so"]])
    // env, its lib, home, and other.
    #expect(result.counts.directories == 4)
    #expect(result.problems == [])
    #expect(result.counts.linksOutside == 0)
  }

  /// Folders with two links to the next one each, which have two to the power of 30 names.
  @Test func manyLinksCostNoMoreThanOne() throws {
    for folder in 0..<30 {
      try tree.symbolicLink("cache/\(folder)/a", to: "../\(folder + 1)")
      try tree.symbolicLink("cache/\(folder)/b", to: "../\(folder + 1)")
    }
    try library("cache/30/a.so")
    try tree.symbolicLink("env/start", to: tree("cache/0"))
    let result = try scan("env", into: "cache")
    #expect(result.counts.directories == 32)
    #expect(
      result.libraries.map(\.place.path) == [Path("start" + String(repeating: "/a", count: 30) + "/a.so")])
    // From the innermost to the outermost: no folder is walked for each of its names.
    for folder in 0..<40 {
      let path = (0...folder).map { "\($0)" }.joined(separator: "/")
      try tree.directory("nest/\(path)")
      try tree.symbolicLink("links/\(99 - folder)", to: tree("nest/\(path)"))
    }
    #expect(try scan("links", into: "nest").counts.directories == 41)
  }

  /// Packages in a folder that was named are opened, also behind links.
  @Test func wheels() throws {
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "x/a.so")
    try tree.write(wheel.bytes, to: "cache/x-1.0-py3-none-any.whl")
    try tree.symbolicLink("wheels/x-1.0-py3-none-any.whl", to: "../cache/x-1.0-py3-none-any.whl")
    let result = try scan("wheels", into: "cache")
    #expect(result.roots.map(\.kind) == [.directory, .wheel])
    #expect(libraries(result) == [["1:x/a.so"]])
    #expect(result.problems == [])
  }

  /// Each root has what its own links lead to, and the file is read once.
  @Test func severalRoots() throws {
    try library("cache/a.so")
    try tree.symbolicLink("one/a.so", to: "../cache/a.so")
    try tree.symbolicLink("two/all", to: "../cache")
    let result = try scan("one", "two", into: "cache")
    #expect(libraries(result) == [["0:a.so", "1:all/a.so"]])
    #expect(result.counts.elfFiles == 1)
  }

  /// The links of another machine's file system lead nowhere on this one.
  @Test func rootFileSystems() throws {
    try library("cache/a.so")
    try tree.directory("system/usr")
    try tree.symbolicLink("system/a.so", to: tree("cache/a.so"))
    #expect(try scan("system", into: "cache").libraries.isEmpty)
  }

  @Test func whatIsNoFolder() throws {
    try tree.write([0x78], to: "file")
    #expect(throws: Problem.self) { try LinkedFolder(Path(tree("file"))) }
    #expect(throws: Problem.self) { try LinkedFolder(Path(tree("missing"))) }
  }

  /// Random trees: what is found is what the host finds through the same links, each name leads there on the host, every
  /// folder is walked once, and the number of jobs changes nothing.
  @Test(arguments: 0..<60) func agreesWithTheHost(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var folders = ["env", "cache", "cache/deep", "elsewhere"]
    for number in 0..<Int.random(in: 2...12, using: &random) {
      folders.append(folders.randomElement(using: &random)! + "/f\(number)")
    }
    for folder in folders { try tree.directory(folder) }
    for number in 0..<6 {
      let target: Target = ["sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90"][number]
      try library(folders.randomElement(using: &random)! + "/l\(number).so", target)
    }
    for number in 0..<Int.random(in: 2...24, using: &random) {
      let folder = folders.randomElement(using: &random)!
      let end = ["", "", "", "/l0.so", "/missing.so", "/k0", "/k1"].randomElement(using: &random)!
      let target = folders.randomElement(using: &random)! + end
      let up = String(repeating: "../", count: folder.split(separator: "/").count)
      try tree.symbolicLink(
        "\(folder)/k\(number)", to: Bool.random(using: &random) ? tree(target) : up + target)
    }
    let result = try scan("env", into: "cache")
    let expected = reachable(from: tree("env"), allowed: [tree("env"), tree("cache")])
    var found: Set<String> = []
    for library in result.libraries {
      for place in [library.place] + library.aliases {
        let location = try #require(Path(tree("env")).appending(place.path.bytes).resolved)
        found.insert(location.text)
      }
    }
    #expect(found == expected.files)
    #expect(result.counts.directories == expected.folders.count)
    let alone = try scan("env", into: "cache", jobs: 1)
    #expect(libraries(alone) == libraries(result))
    #expect(alone.problems == result.problems)
  }

  /// The libraries and folders that can be reached from `folder` without leaving the allowed ones.
  private func reachable(from folder: String, allowed: [String]) -> (files: Set<String>, folders: Set<String>)
  {
    var (files, seen): (Set<String>, Set<String>) = ([], [])
    var rest = [folder]
    while let folder = rest.popLast() {
      guard allowed.contains(where: { folder == $0 || folder.hasPrefix($0 + "/") }),
        seen.insert(folder).inserted
      else { continue }
      for name in entries(of: Array(folder.utf8)) {
        guard let location = Path(folder).appending(name).resolved,
          let kind = try? FileKind.of(location)
        else { continue }
        if kind == .directory {
          rest.append(location.text)
        } else if allowed.contains(where: { location.text.hasPrefix($0 + "/") }) {
          files.insert(location.text)
        }
      }
    }
    return (files, seen)
  }
}
