import Testing

/// The parser of cuobjdump's output, on lines as it prints them.
@Suite struct ListingTests {
  @Test func readsEveryField() throws {
    let images = try parseListing(
      """

      Fatbin elf code:
      ================
      arch = sm_103f
      code version = [1,8]
      host = linux
      compile_size = 64bit
      has debug info
      compressed
      identifier = scale.cu

      Fatbin ptx code:
      ================
      arch = sm_90a
      code version = [9,5]
      host = windows
      compile_size = 32bit
      ptxasOptions =  -g --dont-merge-basicblocks
      """)
    #expect(
      images == [
        ListedImage(
          kind: "elf", target: "103f", version: "1.8", host: "linux", is64Bit: true, isDebug: true,
          isCompressed: true, identifier: "scale.cu"),
        ListedImage(
          kind: "ptx", target: "90a", version: "9.5", host: "windows", is64Bit: false, isDebug: false,
          isCompressed: false),
      ])
  }

  @Test func membersShareTheCompressionOfTheirEntry() throws {
    let images = try parseListing(
      """
      Fatbin concatenated entry code:
      ===============================
      code version = [0,1]
      host = linux
      compile_size = 64bit
      compressed

      \tFatbin elf code:
      \t================
      \tarch = sm_75
      \tcode version = [1,8]

      Fatbin ptx code:
      ================
      arch = sm_75
      code version = [9,5]
      """)
    #expect(images.map(\.isCompressed) == [true, false])
    #expect(images.map(\.kind) == ["elf", "ptx"])
  }

  @Test func namesTheMembersOfStaticLibraries() throws {
    let text = """
      member /some/path/three.a:scale.o:
      ELF file    1: three.1.sm_90a.cubin
      PTX file    1: three.1.sm_103f.ptx
      """
    #expect(
      try parseNames(text) == [
        ListedName(kind: "ELF", number: 1, target: "sm_90a", member: "scale.o"),
        ListedName(kind: "PTX", number: 1, target: "sm_103f", member: "scale.o"),
      ])
  }

  @Test(arguments: ["Fatbin elf code:\nsomething new", "something new", "Fatbin elf code:\narch = lto_90"])
  func skipsNothing(_ text: String) {
    #expect(throws: UnknownLine.self) { try parseListing(text) }
    #expect(throws: UnknownLine.self) { try parseNames(text) }
  }
}
