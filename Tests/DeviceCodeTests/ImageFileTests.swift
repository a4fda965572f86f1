import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// Names and contents of images as files.
@Suite struct ImageFileTests {
  @Test(arguments: [
    (0, ImageKind.cubin, "90a", "x.0000.sm_90a.cubin"), (7, .ptx, "100f", "x.0007.compute_100f.ptx"),
    (12345, .ltoIR, "75", "x.12345.lto_75.ltoir"), (1, .relocatablePTX, "90", "x.0001.compute_90.ptx"),
    (1, .tileIR, "100", "x.0001.sm_100.tileir"),
    (1, ImageKind(rawValue: 0x200), "0", "x.0001.sm_0.kind-0x200"),
  ]) func name(_ index: Int, _ kind: ImageKind, _ target: String, _ name: String) throws {
    let image = DeviceImage(index: index, kind: kind, target: try #require(CodeTarget(target)))
    #expect(image.fileName(stem: "x") == name)
  }

  @Test(arguments: [
    ("libfoo.so", "libfoo"), ("/a/b/libfoo.so.12.3", "libfoo"), ("libfoo.so/", "libfoo"),
    ("libnvjpeg.4a0b5c81.so.13", "libnvjpeg.4a0b5c81"), ("scale.sm_90.cubin", "scale.sm_90"),
    ("a.sources.o", "a.sources"), ("program", "program"), (".so", "_so"), (".hidden", "_hidden"), ("..", "_"),
    ("-rf.so", "_rf"), ("a b\n\u{1B}[31m.so", "a_b___31m"), ("größe.o", "gr____e"),
    ("a\\b|c;d$e", "a_b_c_d_e"),
    ("/", "_"), ("", "_"), ("_C.abi3.so", "_C.abi3"), ("x+y-z.a", "x+y-z"), (".so.so", "_so"),
  ]) func stem(_ path: String, _ expected: String) {
    var stems = FileStems()
    #expect(stems.stem(of: Path(path)) == expected)
  }

  @Test func stemsOfAnyBytes() {
    var stems = FileStems()
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.".utf8)
    for byte in UInt8.min...UInt8.max {
      let stem = stems.stem(of: Path(bytes: [byte, byte]))
      #expect(!stem.isEmpty && stem.utf8.allSatisfy(allowed.contains), "\(byte)")
      #expect(!stem.hasPrefix(".") && !stem.hasPrefix("-"), "\(byte)")
    }
    #expect(stems.stem(of: Path(bytes: [UInt8](repeating: 0xFF, count: 4000))).utf8.count <= 120)
  }

  /// Whatever the names are, and also where a name looks like the number of another.
  @Test func stemsDiffer() {
    var stems = FileStems()
    let paths = ["a.so", "b/a.so", "a-2.so", "a.o", "a.so", "a b.so", "a_b.so", "a-2.so"]
    #expect(
      paths.map { stems.stem(of: Path($0)) } == ["a", "a-2", "a-2-2", "a-3", "a-4", "a_b", "a_b-2", "a-2-3"])
  }

  @Test func contents() {
    let cubin = CubinBuilder("sm_80").bytes
    func contents(_ kind: ImageKind, _ bytes: [UInt8]) -> [UInt8] {
      Array(DeviceImage(kind: kind, target: CodeTarget(80)).fileContents(bytes[...]))
    }
    #expect(contents(.cubin, cubin + [0, 0, 0, 0]) == cubin)
    #expect(contents(.cubin, [1, 2, 0]) == [1, 2, 0])
    #expect(contents(.ptx, Array("text\n".utf8) + [0, 0]) == Array("text\n".utf8))
    #expect(contents(.ptx, [0, 0]) == [])
    #expect(contents(.ptx, []) == [])
    #expect(contents(.ltoIR, [1, 0]) == [1, 0])
  }

  /// A part of a longer array, as members are.
  @Test func contentsOfAMember() {
    let cubin = CubinBuilder("sm_80").bytes
    let image = DeviceImage(kind: .cubin, target: CodeTarget(80))
    let stream = [9, 9, 9] + cubin + [0, 0, 0, 0, 7]
    #expect(Array(image.fileContents(stream[3..<stream.count - 1])) == cubin)
    let text = DeviceImage(kind: .ptx, target: CodeTarget(80))
    #expect(Array(text.fileContents([9, 65, 0, 0, 9][1..<4])) == [65])
  }
}
