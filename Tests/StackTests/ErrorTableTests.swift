import Compatibility
import Stack
import Testing

@Suite struct ErrorTableTests {
  let table = ErrorTable.shipped

  private func ids(_ text: String) -> [String] { table.errors(in: text).map(\.id) }

  /// Each text is told from all others, whatever stands for its stars and around it.
  @Test func everyTextIsKnown() {
    for row in table.errors {
      for text in row.texts {
        let said =
          "Traceback:\n  x  RuntimeError: " + text.uppercased().replacing("*", with: "anything, at 3.")
          + " (y)"
        #expect(ids(said) == [row.id], "\(text)")
      }
      for name in row.names ?? [] { #expect(ids("it failed: \(name)!") == [row.id], "\(name)") }
      guard let code = row.code else { continue }
      #expect(ids("CUDA error \(code)") == [row.id] && ids("\(code)") == [row.id])
      #expect(ids("\(code) files") == [] && ids("error \(code)1") == [])
    }
    #expect(Set(table.errors.map(\.id)).count == table.errors.count)
  }

  @Test(
    arguments: [
      ("", []), ("all is well", []), ("error 7", []),
      (
        "ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'\nCUDA error: 222",
        ["ptxasUnknownTarget", "unsupportedPTX"]
      ),
      ("[222] Call to cuLinkAddData results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION", ["unsupportedPTX"]),
      ("libcudnn.so.9: cannot open shared object file: No such file or directory", ["missingLibrary"]),
      ("CUDA_ERROR_NO_BINARY_FOR_GPU_X", []),
    ] as [(String, [String])])
  func texts(_ text: String, _ expected: [String]) { #expect(ids(text) == expected) }

  /// What a report quotes can be looked up.
  @Test func whatReportsQuoteIsKnown() {
    let own = [
      "no kernel image is available for execution on the device",
      "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation",
      "the provided PTX was compiled with an unsupported toolchain", "device kernel image is invalid",
      "CUDA driver version is insufficient for CUDA runtime version",
      "forward compatibility was attempted on non supported HW", "CUDA_ERROR_INVALID_PTX",
      "nvrtc: error: failed to open libnvrtc-builtins.so.12.1",
      "'sm_121a' is not a recognized processor for this target",
      "Unsupported .version 8.7; current version is '8.4'",
    ]
    let frameworks = RuntimeTable.shipped.frameworks.flatMap { row in
      [row.failure, row.missing, row.tooNew].compactMap { text in
        text.map { (row.name, $0) }
      }
    }
    for (name, text) in own.map({ ("", $0) }) + frameworks {
      let filled = text.replacing("{target}", with: "sm_121a").replacing("{virtual}", with: "compute_121a")
        .replacing("{gpu}", with: "NVIDIA GB10")
      #expect(!ids(filled).isEmpty, "\(name): \(filled)")
    }
  }
}
