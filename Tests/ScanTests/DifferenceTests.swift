import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Glibc
import Scan
import Testing

/// Which libraries of two trees are compared, and what differs.
struct DifferenceTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  /// Machine code with kernels, or PTX with kernels.
  private func image(_ target: Target, _ kernels: String, isa: (UInt16, UInt16) = (7, 8))
    -> FatBinaryBuilder.Entry
  {
    let names = kernels.split(separator: " ").map(String.init)
    guard target.prefix == "sm" else {
      let entries = names.map { ".visible .entry \($0)()\n{\n  ret;\n}\n" }.joined()
      let text = PTXText.text(target, isa: isa).replacing(/\.visible[^}]*}\n/, with: entries)
      return .ptx(target, isa: isa, payload: Array(text.utf8) + [0])
    }
    var cubin = CubinBuilder(target)
    cubin.kernels = names
    return .cubin(target, payload: cubin.bytes)
  }

  private func library(_ name: String, _ modules: [FatBinaryBuilder.Entry]...) throws {
    try tree.write(ELFBuilder(fatBinaries: modules.map { FatBinaryBuilder($0) }).bytes, to: name)
  }

  private func compare(_ old: String = "old", _ new: String = "new", jobs: Int = 2, kernels: Bool = true)
    -> (result: ScanResult, difference: DeviceCodeDifference)
  {
    let result = Scan.Scanner(jobs: jobs).scan([Path(tree(old)), Path(tree(new))])
    let pairs = result.libraryPairs
    let index = kernels ? result.kernels(of: DeviceCodeDifference.readLibraries(pairs), jobs: jobs) : nil
    return (result, DeviceCodeDifference(result, pairs: pairs, kernels: index))
  }

  /// `old=new` for every pair.
  private func pairs(_ old: String = "old", _ new: String = "new") -> [String] {
    Scan.Scanner(jobs: 2).scan([Path(tree(old)), Path(tree(new))]).libraryPairs.map {
      "\($0.old?.place.path.text ?? "")=\($0.new?.place.path.text ?? "")"
    }
  }

  private func names(_ kernels: [KernelDifference], _ difference: DeviceCodeDifference) -> [String] {
    kernels.map { kernel in
      ([difference.kernels?.names[kernel.kernel] ?? "?"] + kernel.targets.map(\.name)).joined(separator: " ")
    }
  }

  // MARK: Pairs

  @Test(arguments: [
    ("a/lib.so", "a/lib.so", true), ("libcudnn.so.9.1.0", "libcudnn.so.9.2.0", true),
    ("libcudnn.so.9", "libcudnn.so", true),
    ("_C.cpython-311-x86_64-linux-gnu.so", "_C.cpython-312-x86_64-linux-gnu.so", true),
    ("_C.cpython-311-x86_64-linux-gnu.so", "_C.abi3.so", true), ("_C.so", "_C.abi3.so", true),
    ("x.libs/libnvjpeg.4a0b5c81.so.13", "x.libs/libnvjpeg.b0b5c810.so.13", true),
    ("x.libs/libcusparseLt-f80c68d1.so.0", "x.libs/libcusparseLt-00000000.so.1", true),
    ("libtvm-0.9.1.so", "libtvm-0.10.so", true),
    ("cu12/lib/libcublas.so.12", "cu13/lib/libcublas.so.13", true),
    ("liba.so", "libb.so", false), ("libbnb_cuda118.so", "libbnb_cuda132.so", false),
    ("libx.so.9.debug", "libx.so.8.debug", false), ("a.fatbin", "b.fatbin", false),
    (".so", "so", false), ("-1.so", "-2.so", false), ("x-.so", "x-1.so", false),
  ])
  func namesThatBelongTogether(old: String, new: String, areOne: Bool) throws {
    try library("old/" + old, [.cubin("sm_80")])
    try library("new/" + new, [.cubin("sm_90")])
    #expect(Set(pairs()) == (areOne ? ["\(old)=\(new)"] : ["\(old)=", "=\(new)"]))
  }

  @Test func exactNamesComeFirst() throws {
    for version in ["310", "311", "312"] {
      try library(
        "old/_C.cpython-\(version)-x86_64-linux-gnu.so", [.cubin("sm_80"), .cubin(Target("sm_\(version)"))])
    }
    for version in ["311", "312", "313"] {
      try library(
        "new/_C.cpython-\(version)-x86_64-linux-gnu.so", [.cubin("sm_90"), .cubin(Target("sm_\(version)"))])
    }
    #expect(
      pairs().map { $0.replacing(/_C.cpython-|-x86_64-linux-gnu.so/, with: "") } == [
        "311=311", "312=312", "310=313",
      ])
  }

  /// A library under several versions of its name is one.
  @Test func linksWithVersions() throws {
    try library("old/libx.so.1.5", [.cubin("sm_70")])
    try tree.symbolicLink("old/libx.so.1", to: "libx.so.1.5")
    try library("old/libx.so.2", [.cubin("sm_80")])
    try library("new/libx.so.3", [.cubin("sm_90")])
    try library("new/libx.so.4.1", [.cubin("sm_100")])
    try tree.symbolicLink("new/libx.so.4", to: "libx.so.4.1")
    #expect(pairs() == ["libx.so.1=libx.so.3", "libx.so.2=libx.so.4"])
  }

  /// Which of several is meant is not guessed by the file's name alone.
  @Test func ambiguousFolders() throws {
    try library("old/a/lib.so", [.cubin("sm_80")])
    try library("new/b/lib.so", [.cubin("sm_90")])
    #expect(pairs() == ["a/lib.so=b/lib.so"])
    try library("new/c/lib.so", [.cubin("sm_100")])
    #expect(pairs() == ["a/lib.so=", "=b/lib.so", "=c/lib.so"])
  }

  @Test func filesBelongTogether() throws {
    try library("one.so", [.cubin("sm_80")])
    try library("two.fatbin", [.cubin("sm_90")])
    #expect(pairs("one.so", "two.fatbin") == ["one.so=two.fatbin"])
    #expect(compare("one.so", "two.fatbin").difference.libraries[0].status == .changed)
  }

  /// Copies in the old tree that the new tree tells apart, links, and a root compared with itself.
  @Test func copiesAndLinks() throws {
    try library("old/a.so", [.cubin("sm_80")])
    try library("old/b.so", [.cubin("sm_80")])
    try library("new/a.so", [.cubin("sm_80")])
    try library("new/b.so", [.cubin("sm_90")])
    try tree.symbolicLink("old/link.so", to: "a.so")
    try tree.symbolicLink("new/link.so", to: "a.so")
    let (_, difference) = compare()
    #expect(pairs() == ["a.so=a.so", "b.so=b.so"])
    #expect(difference.libraries.map(\.status) == [.unchanged, .changed])
    #expect(difference.libraries[1].lostTargets.map(\.name) == ["sm_80"])
    #expect(difference.libraries[1].gainedTargets.map(\.name) == ["sm_90"])
    let (_, same) = compare("old", "old")
    #expect(same.libraries.map(\.status) == [.unchanged])
    #expect(same.losses.isEmpty)
    #expect(same.totals.isEmpty)
    // Nothing has to be decompressed for them.
    #expect(same.kernels?.libraries.isEmpty == true)
  }

  // MARK: Differences

  @Test func targetsAndSizes() throws {
    try library("old/a.so", [image("sm_70", "k"), image("sm_80", "k l")], [image("sm_80", "m")])
    try library(
      "new/a.so", [image("sm_80", "k l")], [image("sm_80", "m")], [image("sm_90a", "n"), image("sm_80", "n")])
    let (_, difference) = compare()
    let library = difference.libraries[0]
    #expect(library.status == .changed)
    #expect(library.lostTargets.map(\.name) == ["sm_70"])
    #expect(library.gainedTargets.map(\.name) == ["sm_90a"])
    #expect(library.targets.map(\.target.name) == ["sm_70", "sm_80", "sm_90a"])
    #expect(library.targets.map { $0.old?.totals.modules } == [1, 2, nil])
    #expect(library.targets.map { $0.new?.totals.modules } == [nil, 3, 1])
    #expect(library.targets.map { $0.old?.kernels } == [1, 3, nil])
    #expect(library.targets.map { $0.new?.codeSize } == [nil, 4 * 32, 32])
    // Uncompressed.
    #expect(library.targets.allSatisfy { $0.new?.totals.size == $0.new?.totals.storedSize })
    #expect(names(library.gainedKernels, difference) == ["n sm_80"])
    #expect(library.lostKernels.isEmpty)
    #expect(!difference.losses.isEmpty)
    #expect(difference.totals.map(\.target) == library.targets.map(\.target))
    #expect(difference.totals.map { $0.new?.kernels } == [nil, nil, nil])
    let (_, headers) = compare(kernels: false)
    #expect(headers.libraries[0].lostTargets.map(\.name) == ["sm_70"])
    #expect(headers.libraries[0].targets.allSatisfy { $0.new?.kernels == nil && $0.new?.codeSize == nil })
  }

  @Test func kernels() throws {
    try library(
      "old/a.so",
      [image("sm_80", "both gone some"), image("sm_90", "both gone some"), image("compute_90", "both gone")])
    try library(
      "new/a.so", [image("sm_80", "both"), image("sm_90", "both some new"), image("compute_90", "both new")])
    let (_, difference) = compare()
    let library = difference.libraries[0]
    #expect(
      names(library.lostKernels, difference) == ["gone sm_80 sm_90 compute_90", "some sm_80"])
    #expect(library.lostKernels.map(\.isElsewhere) == [false, true])
    #expect(names(library.gainedKernels, difference) == ["new sm_90 compute_90"])
    #expect(library.lostTargets.isEmpty)
    #expect(!difference.losses.isEmpty)
    // The same for every number of jobs.
    for jobs in [1, 7] {
      let (_, other) = compare(jobs: jobs)
      #expect(names(other.libraries[0].lostKernels, other) == names(library.lostKernels, difference))
    }
  }

  /// The names that two builds give one kernel.
  @Test func buildNoiseIsNoDifference() throws {
    let old = "_ZN44_GLOBAL__N__a1b2c3d4_11_Indexing_cu_898629f26kernelEv"
    let new = "_ZN44_GLOBAL__N__00000000_11_Indexing_cu_111111116kernelEv"
    try library("old/a.so", [image("sm_80", old)])
    try library("new/a.so", [image("sm_80", new)])
    let (_, difference) = compare()
    #expect(difference.libraries[0].status == .unchanged)
    #expect(difference.losses.isEmpty)
  }

  @Test func movedKernels() throws {
    try library("old/a.so", [image("sm_70", "moved"), image("sm_80", "stays moved gone")])
    try library("old/b.so", [image("sm_80", "other")])
    try library("new/a.so", [image("sm_80", "stays")])
    try library("new/b.so", [image("sm_80", "other moved")])
    let (_, difference) = compare()
    #expect(names(difference.libraries[0].lostKernels, difference) == ["gone sm_80", "moved sm_80"])
    #expect(names(difference.libraries[0].missingKernels, difference) == ["gone sm_80"])
    #expect(difference.libraries[1].gainedKernels.map { $0.moved.map(\.name) } == [["sm_80"]])
    #expect(difference.libraries[1].addedKernels.isEmpty)
  }

  /// Two libraries with other names: the kernels tell which is which.
  @Test func renamedLibraries() throws {
    try library("old/a.so", [image("sm_80", "common k l m")])
    try library("old/b.so", [image("sm_80", "common x y v z")])
    try library("new/c.so", [image("sm_80", "common x y v w")])
    try library("new/d.so", [image("sm_80", "common k l m n"), image("sm_90", "common")])
    let (_, difference) = compare()
    #expect(difference.libraries.map { $0.pair.old?.place.path.text } == ["b.so", "a.so"])
    #expect(difference.libraries.map { $0.pair.new?.place.path.text } == ["c.so", "d.so"])
    #expect(difference.libraries.map(\.status) == [.changed, .changed])
    #expect(difference.libraries.map { names($0.lostKernels, difference) } == [["z sm_80"], []])
    #expect(difference.libraries[1].gainedTargets.map(\.name) == ["sm_90"])
    // Without kernels nothing tells.
    #expect(compare(kernels: false).difference.libraries.map(\.status) == [.lost, .lost, .gained, .gained])
    // Half is not most.
    try library("old/b.so", [image("sm_80", "x y u z")])
    try library("new/c.so", [image("sm_80", "x y v w")])
    #expect(compare().difference.libraries.map(\.status) == [.lost, .gained, .changed])
  }

  /// A library that was split: its kernels are elsewhere, as far as there is code for their targets.
  @Test func lostLibrary() throws {
    try library("old/all.so", [image("sm_70", "k l"), image("sm_80", "k l")])
    try library("new/part.so", [image("sm_80", "k")])
    let (_, difference) = compare()
    #expect(difference.libraries.map(\.status) == [.lost, .gained])
    #expect(names(difference.libraries[0].lostKernels, difference) == ["k sm_70 sm_80", "l sm_70 sm_80"])
    #expect(difference.libraries[0].lostKernels.map(\.hasMoved) == [true, false])
    #expect(!difference.losses.isEmpty)
    #expect(difference.totals.map { $0.new?.totals.modules } == [nil, 1])
  }

  /// What older drivers compile is lost when only newer PTX is left.
  @Test(arguments: [
    ("7.8", "8.4", ["7.8"], ["8.4"], true), ("8.4", "7.8", ["8.4"], ["7.8"], false),
    ("7.8 8.4", "8.4", ["7.8"], [], true), ("7.8 8.4", "7.8", ["8.4"], [], false),
    ("7.8", "7.8 8.4", [], ["8.4"], false), ("7.8", "7.8", [], [], false),
  ])
  func ptxVersions(old: String, new: String, removed: [String], gained: [String], isLoss: Bool) throws {
    for (name, versions) in [("old/a.so", old), ("new/a.so", new)] {
      var file = ELFBuilder()
      for version in versions.split(separator: " ") {
        let numbers = version.split(separator: ".").compactMap { UInt16($0) }
        file.add(FatBinaryBuilder([image("compute_80", "k", isa: (numbers[0], numbers[1]))]))
      }
      try tree.write(file.bytes, to: name)
    }
    let (_, difference) = compare()
    let target = try #require(difference.libraries.first?.targets.first)
    #expect(target.removedPTX.map(\.description) == removed)
    #expect(target.gainedPTX.map(\.description) == gained)
    #expect(target.lostPTX.isEmpty == !isLoss)
    // A module of newer PTX alone takes drivers too that ran the whole library.
    #expect(difference.losses == (isLoss || gained == ["8.4"] ? [.driver] : []))
  }

  // MARK: GPUs

  /// What GPUs run instead, which run nothing any more, and those that other code than the lost one served go unsaid.
  @Test func gpusOfLostTargets() throws {
    try library(
      "old/a.so", [image("sm_50", "k"), image("sm_60", "k"), image("sm_61", "k"), image("sm_80", "k")])
    try library("new/a.so", [image("sm_60", "k"), image("sm_80", "k"), image("sm_90", "k")])
    let (_, difference) = compare()
    let gpus = difference.libraries[0].gpus
    #expect(gpus.filter(\.isLost).map(\.computeCapability.description) == ["5.0", "5.2"])
    #expect(gpus.filter(\.isGained).map(\.computeCapability.description) == ["9.0"])
    let changed = gpus.filter { !$0.isLost && !$0.isGained }
    #expect(changed.map(\.computeCapability.description) == ["6.1"])
    #expect(changed.map { $0.old.targets.map(\.name) } == [["sm_61"]])
    #expect(changed.map { $0.new.targets.map(\.name) } == [["sm_60"]])
    #expect(difference.losses == [.target, .gpu])
  }

  /// A module without code for a GPU is a gap, unless its kernels are named for others.
  @Test(arguments: [("plain", true), ("gemm_sm90", false)])
  func namesOfKernelsTellGaps(kernel: String, isLost: Bool) throws {
    try library("old/a.so", [image("sm_80", "k"), image("sm_90", "k")])
    try library("new/a.so", [image("sm_80", "k"), image("sm_90", "k")], [image("sm_90", kernel)])
    var result = Scan.Scanner(jobs: 2).scan([Path(tree("old")), Path(tree("new"))])
    let pairs = result.libraryPairs
    let read = DeviceCodeDifference.readLibraries(pairs)
    result.readNames(of: read, by: .shipped, jobs: 2)
    let difference = DeviceCodeDifference(result, pairs: pairs, kernels: nil)
    #expect(
      difference.libraries[0].gpus.contains { $0.isLost && $0.computeCapability.description == "8.0" }
        == isLost)
    // Without their names it is one.
    #expect(compare(kernels: false).difference.losses == [.gpu])
  }

  /// Drivers are lost on GPUs that need the PTX, and on none whose own first driver is newer.
  @Test func driversOfNewerPTX() throws {
    try library("old/a.so", [image("sm_80", "k"), image("compute_80", "k", isa: (7, 0))])
    try library("new/a.so", [image("sm_80", "k"), image("compute_80", "k", isa: (8, 4))])
    let (_, difference) = compare()
    let gpus = difference.libraries[0].gpus
    #expect(gpus.filter(\.needsNewerDriver).map(\.computeCapability.description) == ["9.0"])
    #expect(gpus.allSatisfy { !$0.isLost && !$0.isGained && !$0.takesOlderDriver })
    #expect(difference.losses == [.driver])
    #expect(compare("new", "old").difference.losses == [])
  }

  // MARK: What cannot be read

  @Test func missingRoot() throws {
    try library("old/a.so", [image("sm_80", "k")])
    let (result, difference) = compare("old", "missing")
    #expect(difference.libraries.map(\.status) == [.notCompared])
    #expect(difference.losses.isEmpty)
    #expect(result.problems.map(\.problem.code) == [.notFound])
    #expect(compare("missing", "old").difference.libraries.map(\.status) == [.notCompared])
  }

  @Test func damagedLibrary() throws {
    try library("old/lib/a.so.1", [image("sm_80", "k")])
    try library("old/lib/b.so", [image("sm_80", "l")])
    try tree.write(Array("\u{7F}ELF\u{2}\u{1}\u{1}".utf8), to: "new/lib/a.so.2")
    let (_, difference) = compare()
    #expect(difference.libraries.map(\.status) == [.notCompared, .lost])
  }

  @Test(.enabled(if: geteuid() != 0)) func closedFolder() throws {
    try library("old/lib/a.so", [image("sm_80", "k")])
    try library("new/lib/a.so", [image("sm_80", "k")])
    try tree.setMode(0, of: "new/lib")
    #expect(compare().difference.libraries.map(\.status) == [.notCompared])
  }

  /// A payload that does not decompress: its target is not compared, the others are.
  @Test func damagedPayload() throws {
    try library("old/a.so", [image("sm_80", "k l"), image("sm_90", "k l")])
    try library("new/a.so", [image("sm_80", "k"), .cubin("sm_90", .zstd)])
    let (_, difference) = compare()
    let library = difference.libraries[0]
    #expect(names(library.lostKernels, difference) == ["l sm_80"])
    #expect(library.targets.map { $0.new?.kernels } == [1, nil])
    #expect(difference.kernels?.problems.map(\.problem.code) == [.corruptData])
    #expect(difference.kernels?.problems.first?.place.root == 1)
  }

  /// LTO-IR has no names to read, and that is no problem.
  @Test func linkTimeCode() throws {
    try library("old/a.so", [.ltoIR("lto_80"), image("sm_80", "k")])
    try library("new/a.so", [.ltoIR("lto_80"), .ltoIR("lto_90"), image("sm_80", "k")])
    let (_, difference) = compare()
    #expect(difference.libraries[0].gainedTargets.map(\.name) == ["lto_90"])
    #expect(difference.libraries[0].targets.map { $0.old?.kernels } == [1, nil, nil])
    #expect(difference.kernels?.problems == [])
    #expect(difference.losses.isEmpty)
  }

  @Test func nothingAtAll() throws {
    try tree.write(ELFBuilder().bytes, to: "old/a.so")
    try tree.directory("new")
    #expect(compare().difference.libraries.isEmpty)
    #expect(compare().difference.losses.isEmpty)
  }
}
