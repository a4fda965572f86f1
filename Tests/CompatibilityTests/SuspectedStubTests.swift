import Compatibility
import DeviceCode
import Testing

@Suite struct SuspectedStubTests {
  /// The kernel `gemm` with instances written as `target size body`.
  private static func stub(_ instances: String...) -> SuspectedStub? {
    SuspectedStub(
      kernel: "gemm",
      instances: instances.map { text in
        let words = text.split(separator: " ")
        guard words.count == 3, let target = CodeTarget(words[0]), let size = UInt64(words[1]),
          let body = KernelBody.Kind(rawValue: String(words[2]))
        else { fatalError(text) }
        return .init(target: target, codeSize: size, body: body)
      })
  }

  @Test(arguments: KernelBody.Kind.allCases)
  func standInsBesideCodeAreStubs(_ kind: KernelBody.Kind) {
    let stub = Self.stub("90a 24192 code", "75 256 \(kind.rawValue)", "80 384 \(kind.rawValue)")
    #expect((stub != nil) == kind.isStandIn)
    #expect((stub?.kernel ?? "gemm") == "gemm")
    if let stub {
      #expect(stub.targets.map(\.target.description) == ["75", "80", "90a"])
      #expect(stub.targets.map(\.codeSize) == [256, 384, 24192])
      #expect(stub.targets.map(\.body) == [kind, kind, .code])
      #expect(stub.stubs.map(\.target.description) == ["75", "80"])
    }
  }

  @Test func whatIsTheSameForEveryTargetIsNone() {
    #expect(Self.stub("75 128 empty", "80 256 empty") == nil)
    #expect(Self.stub("75 128 trap", "80 256 empty", "90 256 printAndTrap") == nil)
    #expect(Self.stub("75 128 code", "80 25600 code") == nil)
    #expect(Self.stub("75 128 trap") == nil)
    #expect(Self.stub() == nil)
  }

  /// A loop without effect is neither a stand-in nor a body; what is not known is no body.
  @Test func nothingIsConcludedFromWhatIsNotKnown() {
    #expect(Self.stub("80 640 idle", "100 256 empty") == nil)
    #expect(Self.stub("37 640 unknown", "100 256 trap") == nil)
    #expect(Self.stub("37 640 unknown", "50 64 trap", "100 256 code")?.stubs.count == 1)
  }

  /// A library with the same kernel in several modules has it where one of them works.
  @Test func oneWorkingInstanceIsEnough() throws {
    #expect(Self.stub("75 128 empty", "75 640 code", "80 768 code") == nil)
    #expect(Self.stub("75 640 code", "75 128 empty", "80 768 code") == nil)
    #expect(Self.stub("75 128 empty", "75 640 unknown", "80 768 code") == nil)
    let stub = try #require(Self.stub("75 256 trap", "80 900 code", "75 128 empty", "80 768 code"))
    #expect(stub.targets.map(\.codeSize) == [256, 900])
    #expect(stub.targets.map(\.body) == [.trap, .code])
  }
}
