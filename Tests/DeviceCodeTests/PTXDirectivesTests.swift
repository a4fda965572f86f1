import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// The directives of PTX, read from as little of a payload as they take.
@Suite struct PTXDirectivesTests {
  private func headers(_ bytes: [UInt8]) -> (InspectedFile, [Result<PTXHeader, Problem>], UInt64) {
    let file = InspectedFile(MemoryBytes(bytes))
    let source = CountingBytes(bytes)
    let found = PayloadReader(source, file.inventory).ptxHeaders(of: file.inventory.images.indices)
    return (file, found, source.bytesRead)
  }

  /// What the start of a payload says is what the whole of it says, for every codec and container.
  @Test(arguments: [
    "compression/nvcc-size.so", "compression/nvcc-speed.so", "compression/nvcc-none.so",
    "concatenated/nvcc.so", "concatenated/identifier-ptx.fatbin", "host/compressed-section.so",
    "units/three.a",
    "rdc/linked.so", "containers/arch-option.fatbin", "debug/debug.so", "kernels/resources.ptx",
  ])
  func likeTheWholePayload(_ name: String) throws {
    let source = MemoryBytes(try fixture(name))
    let file = InspectedFile(source)
    let reader = PayloadReader(source, file.inventory)
    let texts = file.inventory.images.filter { $0.kind == .ptx || $0.kind == .relocatablePTX }
    #expect(!texts.isEmpty)
    for (image, header) in zip(texts, reader.ptxHeaders(of: texts.map(\.index))) {
      #expect(try header.get() == PTXContents(reader.bytes(of: image)).header)
      #expect(try reader.ptxHeader(of: image) == header.get())
    }
  }

  /// nvcc wrote one text twice, once under a header that says less than the text.
  @Test func headerThatSaysLess() throws {
    let (file, headers, _) = headers(try fixture("containers/from-ptx.fatbin"))
    let texts = file.inventory.images.filter { $0.kind == .ptx }
    #expect(texts.map(\.targetName).sorted() == ["compute_100", "compute_100f"])
    for image in texts {
      #expect(try headers[image.index].get().target == CodeTarget(100, .familySpecific))
      #expect(try headers[image.index].get().isa == image.ptxISA)
    }
  }

  private func text(_ head: String, size: Int) -> [UInt8] {
    let head = Array("\(head).version 8.5\n.target sm_90a, debug\n".utf8)
    return head + [UInt8](repeating: UInt8(ascii: "a"), count: size - head.count)
  }

  /// One LZ4 block of literals alone.
  private func lz4(_ text: [UInt8]) -> [UInt8] {
    let rest = text.count - 15
    return [0xF0] + [UInt8](repeating: 255, count: rest / 255) + [UInt8(rest % 255)] + text
  }

  private func fatBinary(_ text: [UInt8], _ compression: FatBinaryBuilder.Compression) -> [UInt8] {
    var entry = FatBinaryBuilder.Entry.ptx("sm_90", isa: (8, 5), payload: text)
    switch compression {
    case .lz4:
      entry.payload = lz4(text)
      entry = entry.compressed(.lz4)
      entry.uncompressedSize = UInt64(text.count)
    case .zstd: entry = entry.inFrame()
    default: break
    }
    return FatBinaryBuilder([entry]).bytes
  }

  /// A large text costs as much as a small one; comments in front are skipped, however long.
  @Test(
    arguments: [FatBinaryBuilder.Compression.none, .lz4, .zstd], [0, 100, 1000, 1024, 5000, 60_000])
  func littleIsRead(_ compression: FatBinaryBuilder.Compression, _ comment: Int) throws {
    // A zstd block is decompressed as a whole, and has 128 KiB at most.
    let size = compression == .zstd ? 120_000 : 8 << 20
    let head = comment == 0 ? "" : "//" + String(repeating: "x", count: comment) + "\n"
    let (file, headers, bytesRead) = headers(fatBinary(text(head, size: size), compression))
    #expect(file.targets == ["compute_90"])
    let header = try #require(headers.first).get()
    #expect(header.target == CodeTarget(90, .architectureSpecific))
    #expect(header.isa == PTXISAVersion(8, 5))
    #expect(header.isDebug)
    #expect(header.offset == (comment == 0 ? 0 : comment + 3))
    // The length of one long stretch of literals takes 32 KiB here, in front of the first of them.
    let limit = compression == .none ? 9 * (1024 + comment) : compression == .lz4 ? 800_000 : 2 * size
    #expect(bytesRead <= UInt64(limit))
  }

  @Test func whatIsNoPTXIsAProblem() throws {
    let (file, headers, _) = headers(
      FatBinaryBuilder([
        .cubin("sm_90"), .ptx("sm_90", payload: Array("no directives".utf8)), .ptx("sm_90", payload: [0]),
        .ptx("sm_80"),
      ]).bytes)
    let places = file.inventory.images.map(\.offset)
    func fault(_ index: Int) -> Fault? {
      if case .failure(let problem) = headers[index] {
        return Fault(problem.code, problem.field, problem.offset)
      }
      return nil
    }
    #expect(fault(0) == Fault(.invalidValue, "image kind", places[0]))
    #expect(fault(1) == Fault(.invalidValue, "PTX header", places[1]))
    #expect(fault(2) == Fault(.invalidValue, "PTX header", places[2]))
    #expect(try headers[3].get().target == CodeTarget(80, .none))
  }

  /// Every cut and every damaged byte of a head is a header or a problem inside the payload.
  @Test(arguments: [FatBinaryBuilder.Compression.lz4, .zstd])
  func damagedPayloads(_ compression: FatBinaryBuilder.Compression) throws {
    let bytes = fatBinary(text("", size: 3000), compression)
    let file = InspectedFile(MemoryBytes(bytes))
    let image = try #require(file.inventory.images.first)
    for offset in Int(image.offset)..<Int(image.offset) + 60 {
      var damaged = bytes
      damaged[offset] ^= 0xFF
      do {
        _ = try PayloadReader(MemoryBytes(damaged), file.inventory).ptxHeader(of: image)
      } catch {
        #expect(error.offset == image.offset)
      }
      let cut = PayloadReader(MemoryBytes(Array(bytes[..<offset])), file.inventory)
      #expect(throws: Problem(.truncated, "payload", at: image.offset)) { try cut.ptxHeader(of: image) }
    }
  }
}
