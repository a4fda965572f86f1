import Bytes
import DeviceCode
import ELFFile
import Foundation
import Testing

/// Wrappers whose pointers were changed in a library that holds all of them in place.
@Suite struct WrapperTests {
  /// `Fixtures/host/relr.so` with `pointer` in its first wrapper.
  private func library(pointer: UInt64) throws -> InspectedFile {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fixtures/host/relr.so")
    var bytes = [UInt8](try Data(contentsOf: path))
    let elf = try ELFFile(MemoryBytes(bytes))
    let wrappers = try #require(elf.sections.first { $0.name == ".nvFatBinSegment" })
    for index in 0..<8 {
      bytes[Int(wrappers.offset) + 8 + index] = UInt8(truncatingIfNeeded: pointer >> (8 * index))
    }
    return InspectedFile(MemoryBytes(bytes))
  }

  /// As in libtorch_cuda_cpp.so of torch 1.13.1: NCCL linked in after its device code was stripped.
  @Test func wrapperOfNothingIsNoProblem() throws {
    let file = try library(pointer: 0)
    #expect(file.problems.isEmpty)
    #expect(file.inventory.modules.map(\.wrapperVersion) == [nil])
  }

  @Test func wrapperOfSomethingElseIsReported() throws {
    let file = try library(pointer: 0x40)
    #expect(file.problems.map(\.code) == [.mismatch])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [nil])
  }
}
