import Bytes
import Compatibility
import Foundation
import Stack
import Testing

/// What nvidia-smi prints, in all the forms in which people have it.
@Suite struct ManagementTextTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Fixtures/nvidia-smi").standardized

  struct Row: CustomStringConvertible, Sendable {
    var file: String
    var driver: String
    var cuda: String
    var gpus: String
    var description: String { file }
  }

  static let rows: [Row] = {
    let text = try! String(contentsOf: folder.appending(path: "expected.tsv"), encoding: .utf8)
    return text.split(separator: "\n").dropFirst().map { line in
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Row(file: cells[0], driver: cells[1], cuda: cells[2], gpus: cells[3])
    }
  }()

  private static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: name)))
  }

  @Test(arguments: rows) func form(_ row: Row) throws {
    let bytes = try Self.bytes(row.file)
    if row.driver == "failed" {
      let error = #expect(throws: DetectedHost.TextFailure.self) {
        try DetectedHost(managementText: bytes, tables: .shipped)
      }
      guard case .failed(let line) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(line.hasPrefix(row.cuda))
      return
    }
    let host = try DetectedHost(managementText: bytes, tables: .shipped)
    #expect((host.release?.value ?? "-") == row.driver)
    #expect((host.cuda?.description ?? "-") == row.cuda)
    if row.gpus == "cut" {
      #expect(throws: DetectedHost.Failure.cutName("NVIDIA GeForce ")) {
        try host.devices(with: nil, by: .shipped)
      }
      return
    }
    let devices = try host.devices(with: host.driver, by: .shipped)
    #expect(devices.map(\.computeCapability.description).joined(separator: " ") == row.gpus)
    #expect(devices.allSatisfy { $0.driver == host.driver })
  }

  /// No text lies there that is not asked about.
  @Test func everyFileHasARow() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    let texts = names.filter { $0 != "README.md" && $0 != "expected.tsv" }
    #expect(texts.sorted() == Self.rows.map(\.file).sorted())
    #expect(texts.count > 25)
  }

  /// Names where they are whole, so that the driver's word for the product is kept.
  @Test func names() throws {
    let host = try DetectedHost(managementText: Self.bytes("535-query.csv"), tables: .shipped)
    #expect(host.gpus.map(\.name) == ["NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 4090"])
    #expect(host.gpus.map(\.computeCapability) == [ComputeCapability(8, 0), ComputeCapability(8, 9)])
    let cut = try DetectedHost(managementText: Self.bytes("390-table.txt"), tables: .shipped)
    #expect(cut.gpus.map(\.name) == ["GeForce GTX 108", "Tesla K80"])
    #expect(cut.gpus.map(\.isNameCut) == [true, false])
    let devices = try cut.devices(with: cut.driver, by: .shipped)
    #expect(devices[0].name == nil)
    #expect(devices[0].products.contains("NVIDIA GeForce GTX 1080 Ti"))
  }

  /// As PowerShell writes a file, and with what surrounds a text that was copied from a terminal.
  @Test func otherEncodingsAndSurroundings() throws {
    let text = String(decoding: try Self.bytes("555-wsl.txt"), as: UTF8.self)
    let windows = text.replacing("\n", with: "\r\n")
    var wide: [UInt8] = [0xFF, 0xFE]
    for unit in windows.utf16 { wide += [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
    let quoted = Array("user@node:~$ nvidia-smi\r\n".utf8) + Array(windows.utf8)
    let indented: [UInt8] = Array(
      text.split(separator: "\n").map { "    " + $0 + "  " }.joined(separator: "\n").utf8)
    for bytes in [wide, quoted, indented] {
      let host = try DetectedHost(managementText: bytes, tables: .shipped)
      #expect(host.release?.value == "555.99")
      #expect(host.gpus.map(\.name) == ["NVIDIA GeForce RTX 4070 "])
    }
  }

  @Test(arguments: [
    "", "\n\n", "nothing of the kind", "a,b,c\n1,2,3", "| 0 | 1 | 2 |", "an RTX 4090, they said, is fast",
    "GPU 0: (UUID: GPU-1)", "Product Name :", "Driver Version: N/A", "name\n[N/A]",
    "<product_name></product_name>",
  ])
  func otherTexts(_ text: String) {
    #expect(throws: DetectedHost.TextFailure.nothing) {
      try DetectedHost(managementText: Array(text.utf8), tables: .shipped)
    }
  }

  /// A text of megabytes that is made to be slow takes no time that grows with the square of it.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: ["GPU 0: ", "| 0 ", "Product Name : ", "a, ", "CUDA Version: 1", "\u{FF}"])
  func hostileTexts(_ part: String) {
    let spaces = String(repeating: " ", count: 1 << 20)
    for text in [part + spaces, part + spaces + "x", String(repeating: part, count: 1 << 18)] {
      _ = try? DetectedHost(managementText: Array(text.utf8), tables: .shipped)
    }
  }

  /// Of many lines no more GPUs are taken than anybody has.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      "NVIDIA x1, 535.54.03\n", "name\nNVIDIA A100\n", "GPU 0: NVIDIA L4 (UUID: GPU-1)\n", "8.0, 9.0\n",
      "1,2\n",
    ])
  func manyLines(_ line: String) {
    let text = Array(String(repeating: line, count: (1 << 18) / line.utf8.count).utf8)
    let host = try? DetectedHost(managementText: text, tables: .shipped)
    #expect((host?.gpus.count ?? 0) <= 256)
    #expect((host == nil) == !line.contains("NVIDIA"))
    _ = try? host?.devices(with: nil, by: .shipped)
  }

  @Test func damagedTexts() throws {
    let whole = try Self.bytes("520-mig-table.txt")
    for length in stride(from: 0, to: whole.count, by: 37) {
      let host = try? DetectedHost(managementText: Array(whole[..<length]), tables: .shipped)
      #expect((host?.gpus.count ?? 0) <= 2)
    }
  }
}

@Suite struct ContainerSignTests {
  private func sign(_ files: [String: String]) -> String? {
    ContainerSign(exists: { files[$0] != nil }, contents: { files[$0].map { Array($0.utf8) } })?.file
  }

  @Test func signs() {
    #expect(sign(["/.dockerenv": ""]) == "/.dockerenv")
    #expect(sign(["/run/.containerenv": "engine=podman", "/proc/1/cgroup": "0::/"]) == "/run/.containerenv")
    #expect(sign(["/.singularity.d": ""]) == "/.singularity.d")
    for group in [
      "12:cpuset:/docker/0123456789abcdef",
      "0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-0.scope",
      "1:name=systemd:/kubepods/burstable/pod0/1", "0::/machine.slice/libpod-0.scope/container",
      "2:cpu:/lxc/app",
    ] {
      #expect(sign(["/proc/1/cgroup": group + "\n"]) == "/proc/1/cgroup", "\(group)")
    }
  }

  @Test func otherMachines() {
    #expect(sign([:]) == nil)
    for group in [
      "0::/init.scope", "0::/", "4:memory:/user.slice/user-1000.slice", "0::/system.slice/docker.service",
    ] {
      #expect(sign(["/proc/1/cgroup": group + "\n"]) == nil, "\(group)")
    }
  }
}
