import Compatibility
import DeviceCode
import Testing

@Suite struct SuspectedStubTests {
  /// Instances written as `name target size body`.
  private static func find(_ kernels: String...) -> [SuspectedStub] {
    SuspectedStub.find(
      in: kernels.map { text in
        let words = text.split(separator: " ")
        guard words.count == 4, let target = CodeTarget(words[1]), let size = UInt64(words[2]),
          let body = KernelBody.Kind(rawValue: String(words[3]))
        else { fatalError(text) }
        return KernelInstance(name: String(words[0]), target: target, codeSize: size, body: body)
      })
  }

  @Test(arguments: KernelBody.Kind.allCases)
  func standInsBesideCodeAreStubs(_ kind: KernelBody.Kind) {
    let stubs = Self.find(
      "gemm 90a 24192 code", "gemm 75 256 \(kind.rawValue)", "gemm 80 384 \(kind.rawValue)")
    #expect(stubs.count == (kind.isStandIn ? 1 : 0))
    #expect(stubs.first?.kernel ?? "gemm" == "gemm")
    if let stub = stubs.first {
      #expect(stub.targets.map(\.target.description) == ["75", "80", "90a"])
      #expect(stub.targets.map(\.codeSize) == [256, 384, 24192])
      #expect(stub.targets.map(\.body) == [kind, kind, .code])
      #expect(stub.stubs.map(\.target.description) == ["75", "80"])
    }
  }

  @Test func whatIsTheSameForEveryTargetIsNone() {
    #expect(Self.find("EmptyKernel 75 128 empty", "EmptyKernel 80 256 empty").isEmpty)
    #expect(Self.find("unused 75 128 trap", "unused 80 256 empty", "unused 90 256 printAndTrap").isEmpty)
    #expect(Self.find("copy 75 128 code", "copy 80 25600 code").isEmpty)
    #expect(Self.find("only 75 128 trap").isEmpty)
    #expect(Self.find().isEmpty)
  }

  /// A loop without effect is neither a stand-in nor a body; what is not known is no body.
  @Test func nothingIsConcludedFromWhatIsNotKnown() {
    #expect(Self.find("reduce 80 640 idle", "reduce 100 256 empty").isEmpty)
    #expect(Self.find("copy 37 640 unknown", "copy 100 256 trap").isEmpty)
    #expect(
      Self.find("copy 37 640 unknown", "copy 50 64 trap", "copy 100 256 code").map(\.stubs.count) == [1])
  }

  /// A library with the same kernel in several modules has it where one of them works.
  @Test func oneWorkingInstanceIsEnough() throws {
    let kernels = ["init 75 128 empty", "init 75 640 code", "init 80 768 code"]
    #expect(Self.find(kernels[0], kernels[1], kernels[2]).isEmpty)
    #expect(Self.find(kernels[1], kernels[0], kernels[2]).isEmpty)
    #expect(Self.find("init 75 128 empty", "init 75 640 unknown", "init 80 768 code").isEmpty)
    let stub = try #require(
      Self.find("init 75 128 empty", "init 75 256 trap", "init 80 768 code", "init 80 900 code").first)
    #expect(stub.targets.map(\.codeSize) == [256, 900])
    #expect(stub.targets.map(\.body) == [.trap, .code])
  }

  @Test func stubsAreSortedByName() {
    let stubs = Self.find("b 75 1 empty", "b 80 1 code", "a 75 1 empty", "a 80 1 code", "c 75 1 code")
    #expect(stubs.map(\.kernel) == ["a", "b"])
  }
}
