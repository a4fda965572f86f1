import Bytes
import DeviceCode
import Foundation
import FuzzSupport
import Testing

/// Extracted images are the files that NVIDIA's own tool extracts, and that its other tools take.
@Suite struct ExtractionTests {
  /// Wheels, with the cubins and PTX texts in them.
  @Test(arguments: [
    ("torchvision", 152, 17), ("torchaudio", 24, 4), ("bitsandbytes", 350, 42), ("jax-cuda12-plugin", 32, 4),
  ]) func everyImageOfAWheel(_ wheel: String, cubins: Int, ptx: Int) throws {
    let cuobjdump = try Cuobjdump()
    var total = (cubins: 0, ptx: 0)
    for file in try TestInputs.candidates(under: TestInputs.folder(of: wheel, size: "small")) {
      let seen = try cuobjdump.compareFiles(file)
      total.cubins += seen.cubins
      total.ptx += seen.ptx
    }
    #expect(total == (cubins, ptx))
  }

  /// Concatenated entries, relocatable code, debug information, static libraries, compressed sections.
  @Test func fixtures() throws {
    let cuobjdump = try Cuobjdump()
    var total = (cubins: 0, ptx: 0)
    for file in try TestInputs.comparableFixtures() {
      let seen = try cuobjdump.compareFiles(file)
      total.cubins += seen.cubins
      total.ptx += seen.ptx
    }
    #expect(total.cubins >= 200)
    #expect(total.ptx >= 100)
  }

  /// The same sample at every run.
  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
  func sampleOfTorch() throws {
    let file = try TestInputs.folder(of: "torch", size: "large").appending(path: "torch/lib/libtorch_cuda.so")
    var generator = SeededGenerator(seed: 2981)
    let numbers = Array(1...2981).shuffled(using: &generator).prefix(200)
    let seen = try Cuobjdump().compareFiles(file, names: numbers.map { "libtorch_cuda.\($0)." })
    #expect(seen == (200, 0))
  }

  /// What `nvcc -ltoir` writes is what an uncompressed entry of the same source holds.
  @Test func ltoIR() throws {
    let folder = TestInputs.fixtures.appending(path: "lto")
    let images = try extracted(folder.appending(path: "lto-none.fatbin"))
    let file = try #require(images.first)
    #expect(file.image.fileName(stem: "lto-none") == "lto-none.0000.lto_75.ltoir")
    #expect(try file.contents == Data(contentsOf: folder.appending(path: "lto_75.ltoir")))
  }

  @Test func nvdisasmTakesCubins() throws {
    let program = try TestInputs.folder(of: "nvidia-cuda-nvdisasm", size: "small")
      .appending(path: "nvidia/cu13/bin/nvdisasm")
    // Version 13.5 knows none of the GPUs before.
    let tried = try expectAccepted(
      .cubin, where: { $0.target.number >= 75 }, command: { (program, [$1]) })
    #expect(tried >= 6)
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
  func ptxasTakesPTX() throws {
    let program = try TestInputs.folder(of: "nvidia-cuda-nvcc", size: "large")
      .appending(path: "nvidia/cu13/bin/ptxas")
    // sm_101 became sm_110.
    let tried = try expectAccepted(
      .ptx,
      where: {
        // What ptxas 13.5 knows: not the targets that it dropped, and no version that is still to come.
        $0.target.number >= 75 && $0.target.number != 101
          && ($0.ptxISA ?? PTXISAVersion(0, 0)) <= PTXISAVersion(9, 5)
      },
      command: { (program, ["-arch=sm_\($0.target)", "--compile-only", "-o", $1 + ".cubin", $1]) })
    #expect(tried >= 6)
  }

  /// Runs a program on an image of each form that the fixtures have; returns how many there were.
  private func expectAccepted(
    _ kind: ImageKind, where isKnown: (DeviceImage) -> Bool,
    command: (DeviceImage, String) -> (URL, [String])
  ) throws -> Int {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var tried: Set<String> = []
    for path in try TestInputs.comparableFixtures() {
      // Words of PTX that are no program, and a header that does not agree with its text.
      guard !["ptx-literals.so", "from-ptx.fatbin"].contains(path.lastPathComponent) else { continue }
      for (image, contents) in try extracted(path) where image.kind == kind && isKnown(image) {
        let form =
          "\(image.compression) \(image.isRelocatable) \(image.memberOffset != nil) "
          + "\(image.abiVersion ?? 0) \(image.ptxISA?.description ?? "")"
        guard tried.insert(form).inserted else { continue }
        let file = folder.appending(path: image.fileName(stem: "image"))
        try contents.write(to: file)
        let (program, arguments) = command(image, file.path)
        let answer = try run(program, arguments, in: folder)
        #expect(answer.status == 0, "\(path.path), image \(image.index): \(answer.messages)")
      }
    }
    return tried.count
  }

  private func extracted(_ path: URL) throws -> [(image: DeviceImage, contents: Data)] {
    let source = try FileBytes(path: Path(path.path))
    let inventory = InspectedFile(source).inventory
    let reader = PayloadReader(source, inventory)
    return try inventory.images.filter { !$0.flags.contains(.obfuscated) }.map {
      ($0, Data(try $0.fileContents(reader.bytes(of: $0))))
    }
  }
}
