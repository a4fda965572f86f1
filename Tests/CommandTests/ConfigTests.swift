import Testing

/// Options that are set by environment variables, and the command that shows them.
@Suite struct ConfigTests {
  private let library = "host/aarch64.so"

  @Test func nothingIsSet() throws {
    let run = try Program.run("config")
    #expect(run.text == "No option is set by an environment variable.\n")
    #expect(run.status == 0)
  }

  @Test func whatIsSetIsShown() throws {
    let run = try Program.run(
      "config", "-o", "csv",
      environment: [
        "CUBINSPECT_GPU=A100,T4", "CUBINSPECT_SCAN_FAIL_ON=jit", "CUBINSPECT_QUIET=1",
        "CUBINSPECT_DATA=/x.json",
        "CUBINSPECT_GPUS=H100",
      ])
    #expect(
      run.text.replacing("\r\n", with: "\n") == """
        option,value,variable,commands,source
        --gpu,"A100,T4",CUBINSPECT_GPU,"check, scan, which, explain",CUBINSPECT_GPU
        --data,/x.json,CUBINSPECT_DATA,"check, scan, which, diff, facts, gpus, tables, explain",CUBINSPECT_DATA
        --quiet,1,CUBINSPECT_QUIET,all,CUBINSPECT_QUIET
        --fail-on,jit,CUBINSPECT_SCAN_FAIL_ON,scan,CUBINSPECT_SCAN_FAIL_ON

        """)
    #expect(run.messages == "cubinspect: CUBINSPECT_GPUS sets no option; did you mean CUBINSPECT_GPU?\n")
  }

  @Test func scanTakesThem() throws {
    let root = GoldenTests.fixtures
    let environment = ["CUBINSPECT_GPU=A100\nH100", "CUBINSPECT_SCAN_OUTPUT=short"]
    let run = try Program.run("scan", library, in: root, environment: environment)
    #expect(
      run.text == "✗ A100: no. \(library) has no code for it (sm_90 and compute_90)\n✓ H100: yes\n")
    #expect(run.status == 1)
    #expect(try Program.run("scan", library, "--gpu", "H100", in: root, environment: environment).status == 0)
    let json = try Program.run("scan", library, "--json", in: root, environment: environment)
    #expect(json.text.hasPrefix("{"))
  }

  @Test func errorsNameTheVariable() throws {
    let run = try Program.run(
      "scan", library, in: GoldenTests.fixtures, environment: ["CUBINSPECT_GPU=A100,Foo"])
    #expect(run.status == 2)
    #expect(run.messages.hasPrefix("cubinspect: CUBINSPECT_GPU 'Foo': no GPU is called"))
  }
}
