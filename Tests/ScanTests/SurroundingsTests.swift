import Bytes
import Compatibility
import FixtureSupport
import Scan
import Stack
import Testing

/// What a scan hands over about the software around device code.
struct SurroundingsTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func scan(_ names: String..., jobs: Int = 2) -> ScanResult {
    Scan.Scanner(jobs: jobs).scan(names.map { Path(tree($0)) })
  }

  /// Where `tree` lies, as a path from the root of the file system.
  private var prefix: String { String(tree.path.dropFirst()) }

  private func addTorch(in folder: String) throws {
    try tree.torch(
      "2.4.1+cu121", cuda: "12.1", flags: "sm_80", modules: [FatBinaryBuilder("sm_80")],
      needed: ["libcudart.so.12"],
      in: folder)
  }

  @Test func factsDoNotDependOnThreads() throws {
    try addTorch(in: "root/a/")
    try addTorch(in: "root/b/")
    try tree.sharedLibrary("root/usr/lib/libcudart.so.12.1.105")
    try tree.symbolicLink("root/usr/lib/libcudart.so.12", to: "libcudart.so.12.1.105")
    try tree.toolkit("12.4.1", in: "root/")
    try tree.symbolicLink("root/usr/local/cuda", to: "/usr/local/cuda-12.4")
    var one = scan("root", jobs: 1)
    let facts = one.stackFacts()
    #expect(facts.environments.map(\.folder) == [Path("a"), Path("b")])
    #expect(facts.torches.map(\.flags?.value.description) == ["sm_80", "sm_80"])
    #expect(facts.components.map(\.path) == [Path("usr/lib/libcudart.so.12.1.105")])
    #expect(facts.missing == [])
    #expect(facts.toolkits.map(\.isDefault) == [true])
    for jobs in [2, 7] {
      var other = scan("root", jobs: jobs)
      let same = other.stackFacts()
      #expect(same.environments == facts.environments)
      #expect(same.components == facts.components)
      #expect(same.toolkits == facts.toolkits)
    }
    #expect(one.problems == [])
  }

  /// The copy in the second environment is an alias of the library in the first.
  @Test func copiesAreJudgedInEachEnvironment() throws {
    try addTorch(in: "root/a/")
    try addTorch(in: "root/b/")
    var result = scan("root")
    let facts = result.stackFacts()
    #expect(result.libraries.count == 1)
    #expect(
      result.stackLibraries(facts).map(\.path) == [
        Path("a/torch/lib/libtorch_cuda.so"), Path("b/torch/lib/libtorch_cuda.so"),
      ])
  }

  /// What one root needs another provides; paths lead back to their roots.
  @Test func rootsAreOneTree() throws {
    try addTorch(in: "site/")
    try tree.sharedLibrary("cuda/lib64/libcudart.so.12")
    var alone = scan("site")
    #expect(alone.stackFacts().missing.map(\.soname) == ["libcudart.so.12"])
    var result = scan("site", "cuda/", "site/torch/version.py")
    let facts = result.stackFacts()
    #expect(facts.missing == [])
    #expect(facts.torches.map(\.folder) == [Path("\(prefix)/site")])
    for file in result.surroundings.files {
      let place = try #require(result.place(of: result.path(of: file)))
      #expect(place.fullPath(in: result.roots) == file.fullPath(in: result.roots))
    }
    #expect(
      result.place(of: Path("\(prefix)/site/torch/version.py"))
        == FilePlace(root: 2, path: Path("version.py")))
    #expect(result.place(of: Path(prefix)) == nil)
    #expect(result.place(of: Path("\(prefix)/sites")) == nil)
  }

  @Test func whatCannotBeReadIsAProblem() throws {
    try tree.write(Array("Name: torch\n\n".utf8), to: "root/torch-1.0.dist-info/METADATA")
    var result = scan("root")
    _ = result.stackFacts()
    #expect(result.problems.map(\.place.path) == [Path("torch-1.0.dist-info/METADATA")])
    #expect(result.problems.map(\.problem.code) == [.invalidValue])
    let once = result.problems
    _ = result.stackFacts()
    #expect(Set(result.problems) == Set(once))
  }
}
