import Testing

@Suite struct ExplainTests {
  @Test func anErrorWithItsGPU() throws {
    let run = try Program.run(
      "explain",
      "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
    )
    #expect(run.status == 0 && run.messages == "")
    #expect(run.text.contains("this build of PyTorch was compiled for other GPUs than this one"))
    #expect(run.text.contains("cubinspect scan ENVIRONMENT --gpu \"NVIDIA GeForce RTX 5090\""))
  }

  @Test func aLog() throws {
    let run = try Program.shell(
      "printf 'a\\nptxas fatal   : Value '\"'\"'sm_121a'\"'\"' is not defined for option x\\nCUDA error 209\\n' | \"$0\" explain -"
    )
    #expect(run.status == 0)
    #expect(run.text.contains("CUDA error 209"))
    #expect(run.text.contains("--gpu \"12.1\""))
  }

  @Test func somethingElse() throws {
    let run = try Program.run("explain", "all is well")
    #expect(run.status == 1 && run.text == "")
    #expect(run.messages.contains("no error that the tables know"))
    #expect(try Program.run("explain").status == 2)
  }
}
