import Bytes
import DeviceCode
import Foundation
import Testing

private let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "Fixtures")

/// The bytes of a file in `Fixtures`.
func fixture(_ name: String) throws -> [UInt8] {
  Array(try Data(contentsOf: fixtures.appending(path: name)))
}

/// Kernels and their resources as `cuobjdump -res-usage` prints them, from `Fixtures/kernels/resources.txt`.
private struct ResourceUsage: Sendable, CustomTestStringConvertible {
  var file: String
  /// By function, by resource: `REG`, `STACK`, `SHARED`, `LOCAL`, `CONSTANT[0]`, …
  var functions: [String: [String: UInt64]] = [:]

  var testDescription: String { file }

  static let all: [ResourceUsage] = {
    guard
      let text = try? String(contentsOf: fixtures.appending(path: "kernels/resources.txt"), encoding: .utf8)
    else { return [] }
    var all: [ResourceUsage] = []
    var function = ""
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      switch words.first {
      case "file": all.append(ResourceUsage(file: String(words[1])))
      case "Function": function = String(words[1].dropLast())
      case let word? where word.hasPrefix("REG:"):
        all[all.count - 1].functions[function] = Dictionary(
          uniqueKeysWithValues: words.map { word in
            let parts = word.split(separator: ":")
            return (String(parts[0]), UInt64(parts[1]) ?? .max)
          })
      default: break
      }
    }
    return all
  }()
}

@Suite struct CubinContentsTests {
  @Test func thereAreResources() { #expect(ResourceUsage.all.count == 7) }

  @Test(arguments: ResourceUsage.all)
  fileprivate func kernelsTakeWhatCuobjdumpSays(_ usage: ResourceUsage) throws {
    let contents = try CubinContents(try fixture("kernels/\(usage.file)")[...])
    #expect(contents.kernels.count == 5)
    for kernel in contents.kernels {
      let known = try #require(usage.functions[kernel.name], "\(kernel.name)")
      #expect(kernel.registers.map(UInt64.init) == known["REG"], "\(kernel.name)")
      // Before linking cuobjdump says 0, but the frame of the function itself is known.
      let stack: UInt64? =
        usage.file == "relocatable.cubin" && kernel.name == "_Z5stackPfi" ? 1024 : known["STACK"]
      #expect(kernel.stackSize.map(UInt64.init) == stack, "\(kernel.name)")
      #expect(kernel.sharedMemory == known["SHARED"], "\(kernel.name)")
      #expect(kernel.localMemory == known["LOCAL"], "\(kernel.name)")
      #expect(kernel.constantBank0 == known["CONSTANT[0]"], "\(kernel.name)")
      #expect(kernel.codeSize > 0 && kernel.codeSize % 32 == 0, "\(kernel.name)")
    }
    // What is no kernel is a device function.
    let others = Set(usage.functions.keys).subtracting(contents.kernels.map(\.name))
    #expect(others.isSubset(of: ["_Z4slowfi"]))
  }

  /// A pointer of 8 bytes, a structure of 800 and a char.
  @Test(arguments: ResourceUsage.all) fileprivate func parametersHaveTheirSize(_ usage: ResourceUsage) throws
  {
    let contents = try CubinContents(try fixture("kernels/\(usage.file)")[...])
    let sizes = Dictionary(uniqueKeysWithValues: contents.kernels.map { ($0.name, $0.parameterBytes) })
    #expect(sizes["_Z10parametersPf5Largec"] == 809)
    #expect(sizes["_Z5stackPfi"] == 12)
    #expect(sizes["_Z7genericIdLi3EEvPT_"] == 8)
  }

  @Test(arguments: ResourceUsage.all) fileprivate func sectionsBelongToKernels(_ usage: ResourceUsage) throws
  {
    let bytes = try fixture("kernels/\(usage.file)")[...]
    let contents = try CubinContents(bytes)
    var codes: [String: Range<UInt64>] = [:]
    for section in contents.sections {
      let name = contents.name(of: section, in: bytes)
      guard let kernel = section.kernel.map({ contents.kernels[$0] }) else {
        #expect(!contents.kernels.contains { name.hasSuffix("." + $0.name) }, "\(name)")
        continue
      }
      #expect(name.hasSuffix("." + kernel.name), "\(name)")
      if name.hasPrefix(".text.") { codes[kernel.name] = section.range }
    }
    for kernel in contents.kernels { #expect(codes[kernel.name] == kernel.code) }
    #expect(contents.sectionTable.count == contents.sections.count * 64)
  }

  @Test func anEndTooEarlyIsAProblem() throws {
    let bytes = try fixture("kernels/sm_90a.cubin")
    for count in [0, 20, 63, 64, 1000, bytes.count / 2] {
      #expect(throws: Problem.self, "\(count) bytes") { try CubinContents(bytes[..<count]) }
    }
  }

  /// Bytes in the middle of another array have other indices.
  @Test func aSliceCountsFromItsStart() throws {
    let bytes = try fixture("kernels/sm_120.cubin")
    let whole = try CubinContents(bytes[...])
    let slice = ([1, 2, 3] + bytes)[3...]
    let part = try CubinContents(slice)
    #expect(part.kernels == whole.kernels)
    #expect(
      part.sections.map { part.name(of: $0, in: slice) }
        == whole.sections.map { whole.name(of: $0, in: bytes[...]) })
  }

  @Test func kernelsOfDamagedTablesAreProblems() throws {
    let bytes = try fixture("kernels/sm_75.cubin")
    let contents = try CubinContents(bytes[...])
    let symbols = try #require(contents.sections.first { $0.type == 2 })
    func damaged(_ row: (Int) -> Bool, at offset: Int, _ value: [UInt8]) -> [UInt8] {
      var bytes = bytes
      for place in stride(from: Int(symbols.range.lowerBound), to: Int(symbols.range.upperBound), by: 24)
      where bytes[place + 4] & 0xF == 2 && bytes[place + 5] & 0x10 != 0 && row(place) {
        bytes.replaceSubrange(place + offset..<place + offset + value.count, with: value)
      }
      return bytes
    }
    let noName = damaged({ _ in true }, at: 0, [0xFF, 0xFF, 0xFF, 0x7F])
    #expect { try CubinContents(noName[...]) } throws: { ($0 as? Problem)?.field == "kernel name" }
    let noCode = damaged({ _ in true }, at: 16, [0, 0, 0, 0, 0, 0, 0, 0x80])
    #expect { try CubinContents(noCode[...]) } throws: { ($0 as? Problem)?.field == "kernel code" }
    let noSection = damaged({ _ in true }, at: 6, [0xF0, 0xFE])
    #expect(try CubinContents(noSection[...]).kernels == [])
  }
}

@Suite struct PTXContentsTests {
  @Test func kernelsOfAText() throws {
    let contents = try PTXContents(try fixture("kernels/resources.ptx")[...])
    #expect(
      contents.kernels == [
        "_Z13shared_memoryPf", "_Z5stackPfi", "_Z10parametersPf5Largec", "_Z7genericIdLi3EEvPT_",
        "_ZN5space5callsEPfi",
      ])
    #expect(contents.header.target == CodeTarget(75, .none))
  }

  @Test func whatOnlyLooksLikeAnEntryIsNone() throws {
    let text = """
      // .entry comment
      .version 7.8
      .target sm_80
      /* .entry another */ .file 1 "a \\" .entry string"
      .visible .entry real_one(.param .u64 a) { ld.entry.u32 r; mov.entry x; }
      .weak .entry $odd%name_2
      (
      ) { ret; }
      .entry
      """
    let contents = try PTXContents(Array(text.utf8)[...])
    #expect(contents.kernels == ["real_one", "$odd%name_2"])
  }

  @Test func aTextEndsAtItsFirstZero() throws {
    let text = Array(".version 7.8\n.target sm_80\n.entry a() {}\n\0.entry b() {}\n".utf8)
    #expect(try PTXContents(text[...]).kernels == ["a"])
  }

  @Test func noPTXIsAProblem() {
    #expect(throws: Problem.self) { try PTXContents(Array("no PTX".utf8)[...]) }
    #expect(throws: Problem.self) { try PTXContents([]) }
  }
}

@Suite struct PayloadTests {
  private func reader(_ name: String) throws -> (InspectedFile, PayloadReader) {
    let source = MemoryBytes(try fixture(name))
    let file = InspectedFile(source)
    return (file, PayloadReader(source, file.inventory))
  }

  /// Every image of these libraries is a cubin or a PTX whose own header says what the entry's header says.
  @Test(arguments: [
    "compression/nvcc-size.so", "compression/nvcc-speed.so", "compression/nvcc-none.so",
    "concatenated/nvcc.so", "host/compressed-section.so", "units/three.a",
  ])
  func imagesAreWhatTheirHeadersSay(_ name: String) throws {
    let (file, reader) = try reader(name)
    #expect(!file.inventory.images.isEmpty)
    for image in file.inventory.images {
      let bytes = try reader.bytes(of: image)
      #expect(bytes.count == Int(image.size))
      switch image.kind {
      case .cubin:
        #expect(try Cubin(MemoryBytes(Array(bytes))).target.number == image.target.number)
        #expect(try !CubinContents(bytes).kernels.isEmpty)
      case .ptx:
        let contents = try PTXContents(bytes)
        #expect(contents.header.target == image.target)
        #expect(contents.header.isa == image.ptxISA)
        #expect(!contents.kernels.isEmpty)
      default: Issue.record("an image of kind \(image.kind)")
      }
    }
  }

  @Test func membersShareOnePayload() throws {
    let (file, reader) = try reader("concatenated/three-blackwell.fatbin")
    let payloads = file.inventory.payloads
    #expect(payloads.map(\.images) == [0..<3])
    let stream = try reader.bytes(of: payloads[0])
    #expect(stream.count == file.inventory.images.map { Int($0.size) }.reduce(0, +))
    for image in file.inventory.images {
      #expect(try reader.bytes(of: image, in: stream).starts(with: [0x7F, 0x45, 0x4C, 0x46]))
      #expect(try reader.bytes(of: image) == reader.bytes(of: image, in: stream))
    }
  }

  @Test func obfuscatedCodeIsOpaque() throws {
    let (file, reader) = try reader("lto/lto.fatbin")
    let payload = try #require(file.inventory.payloads.first)
    #expect(payload.isOpaque)
    #expect { try reader.bytes(of: payload) } throws: { ($0 as? Problem)?.code == .unsupported }
    let (plainFile, plainReader) = try self.reader("lto/lto-none.fatbin")
    let plain = try plainReader.bytes(of: try #require(plainFile.inventory.images.first))
    #expect(plain.starts(with: [0xED, 0x43, 0x4E, 0x7F]))
  }

  @Test func damagedPayloadsAreProblemsAtTheirPlace() throws {
    var bytes = try fixture("compression/nvcc-size.so")
    let file = InspectedFile(MemoryBytes(bytes))
    let image = try #require(file.inventory.images.first { $0.compression == .zstd })
    for offset in Int(image.offset)..<Int(image.offset) + 16 { bytes[offset] ^= 0xFF }
    let reader = PayloadReader(MemoryBytes(bytes), file.inventory)
    #expect { try reader.bytes(of: image) } throws: {
      ($0 as? Problem)?.code == .corruptData && ($0 as? Problem)?.offset == image.offset
    }
  }

  /// No memory is asked for by a header alone.
  @Test func whatClaimsTooMuchIsNotRead() throws {
    let (file, _) = try reader("compression/nvcc-none.so")
    var inventory = file.inventory
    inventory.images[0].size = Payload.limit + 1
    inventory.images[0].payloadSize = Payload.limit + 1
    let reader = PayloadReader(MemoryBytes([UInt8](repeating: 0, count: 64)), inventory)
    #expect { try reader.bytes(of: inventory.images[0]) } throws: { ($0 as? Problem)?.code == .limitExceeded }
  }
}
