import Bytes
import FixtureSupport
import StackFixtures
import Testing

@testable import Stack

/// What is kept of files so that facts can be made of them later.
struct KeptContentsTests {
  private func text(_ path: String, _ text: String) -> String? {
    kept(path, Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func kept(_ path: String, _ bytes: [UInt8]) -> [UInt8]? {
    guard case .text(let kept) = KeptContents(Path(path), { MemoryBytes(bytes) }) else { return nil }
    return kept
  }

  @Test func descriptionsGo() {
    #expect(text("a.dist-info/METADATA", "Name: a\nVersion: 1\n\nName: b\n") == "Name: a\nVersion: 1\n\n")
    #expect(text("a.egg-info/PKG-INFO", "Name: a\r\n\r\nText\n\n") == "Name: a\r\n\r\n")
    #expect(text("a.dist-info/METADATA", "Name: a") == "Name: a")
  }

  /// The reader of records sees the same paths.
  @Test(arguments: [
    "a.py,sha256=x,1\nb.so,,\n", "\"a,b.py\",sha256=x,1\n", "\"a \"\"q\"\".py\",sha256=x,1\r\n", "\"a.py\"\n",
    "a.py\n", "", ",x\n", "\"never closed,1\n", "\"a\"b,c\n", "\"a\"\",b\",c\"d\n",
  ])
  func digestsGo(_ record: String) throws {
    func paths(_ text: String) -> [[UInt8]] {
      var paths: [[UInt8]] = []
      DistributionRecord.forEachPath(in: Array(text.utf8)) { paths.append(Array($0)) }
      return paths
    }
    let kept = try #require(text("a.dist-info/RECORD", record))
    #expect(paths(kept) == paths(record))
    #expect(kept.contains(",") == record.contains(","))
    #expect(!kept.contains("sha256"))
  }

  @Test(arguments: [
    "Package: a\nStatus: install ok installed\nMaintainer: x\nVersion: 1\n\nPackage: b\nVersion: 2\n",
    "Maintainer: x\nPackage: a\nVersion: 1\n", "no status\n", "", "\n\nPackage: a\nVersion: 2",
    "Package: a\r\nVersion: 1\r\n\r\nPackage: b\r\nVersion: 3\r\n",
  ])
  func statusKeepsItsPackages(_ status: String) throws {
    let path = Path("var/lib/dpkg/status")
    func packages(_ bytes: [UInt8]) -> [[String]] {
      DebianPackage.packages(status: bytes, at: path).map { [$0.name, $0.version] }
    }
    let kept = try #require(self.kept(path.text, Array(status.utf8)))
    #expect(packages(kept) == packages(Array(status.utf8)))
    #expect(kept.isEmpty == status.isEmpty)
    #expect(kept.starts(with: "Package:".utf8) == status.utf8.starts(with: "Package:".utf8))
  }

  @Test func sumsGo() {
    #expect(text("var/lib/dpkg/status.d/a.md5sums", "0a0b  usr/a\nusr/b\n") == "  usr/a\n\n")
    #expect(text("var/lib/dpkg/info/a.list", "/.\n/usr/a\n") == "/.\n/usr/a\n")
    #expect(text("var/lib/dpkg/info/a.md5sums", "0a0b  usr/a\n") == nil)
  }

  @Test func recordsOfConda() throws {
    let path = "opt/conda/conda-meta/a-1-0.json"
    let record = #"{"files": ["lib/a.so", "é"], "version": "1", "name": "a", "depends": ["b"]}"#
    let kept = try #require(text(path, record))
    #expect(kept == #"{"files":["lib/a.so","é"],"name":"a","version":"1"}"#)
    // What cannot be understood is complained about where it is read.
    #expect(text(path, #"{"name": 1}"#) == #"{"name": 1}"#)
    #expect(
      text("info/index.json", #"{"name": "a", "version": "2", "build": "0"}"#)
        == #"{"name":"a","version":"2"}"#)
    #expect(text("other/index.json", record) == nil)
  }

  @Test func versionOfTheHeader() {
    let header = "/* text */\n#define CUDA_VERSION 12080\n#define OTHER 1\n"
    #expect(text("include/cuda.h", header) == "#define CUDA_VERSION 12080")
    #expect(text("include/cuda.h", "/* nothing */") == "")
  }

  @Test func flagsOfPyTorch() throws {
    var elf = ELFBuilder()
    elf.append(Array("\0sm_80 sm_90 compute_90\0".utf8), to: ".rodata")
    for bytes in [elf.bytes, ELFBuilder().bytes] {
      let path = "lib/torch/lib/libtorch_python.so"
      let kept = try #require(self.kept(path, bytes))
      #expect(
        try ArchitectureFlags.find(in: MemoryBytes(kept)) == ArchitectureFlags.find(in: MemoryBytes(bytes)))
      #expect(kept.count < 64)
    }
    #expect(kept("lib/other/libtorch_python.so", elf.bytes) == nil)
  }

  /// What cannot be read, or is too large, is told when somebody asks for it.
  @Test func whatIsNotKept() throws {
    let problem = Problem(.truncated, "tar member")
    let unreadable = KeptContents(Path("a.dist-info/METADATA")) { () throws(Problem) in throw problem }
    #expect(unreadable == .unreadable(problem))
    #expect(throws: problem) { _ = try unreadable?.open() }
    let large = KeptContents(Path("a.dist-info/METADATA")) {
      MemoryBytes([UInt8](repeating: 0x41, count: 16 << 20 | 1))
    }
    #expect(large == .tooLarge(16 << 20 | 1))
    let tree = Tree(files: []) { _ throws(Problem) in try (large ?? .text([])).open() }
    #expect(
      throws: Problem(.limitExceeded, Problem.path, observed: "16777217 bytes, at most 16777216 are read")
    ) {
      _ = try tree.contents(of: Path("x"))
    }
    #expect(KeptContents(Path("usr/lib/libx.so")) { MemoryBytes([]) } == nil)
  }
}
