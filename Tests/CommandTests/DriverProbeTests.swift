import FixtureSupport
import Glibc
import Testing

/// nvidia-smi, where the kernel shows no driver: as under WSL.
struct DriverProbeTests {
  private static let hasDriver = unsafe access("/sys/module/nvidia/version", F_OK) == 0

  /// Scans for the GPUs of a machine whose nvidia-smi is this shell script.
  private func scan(_ script: String, _ arguments: String...) throws -> Program.Outcome {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.library("code.so", "sm_89")
    try tree.write(Array(("#!/bin/sh\n" + script).utf8), to: "bin/nvidia-smi")
    try tree.setMode(0o755, of: "bin/nvidia-smi")
    return try Program.run(
      (["scan", "code.so"] + arguments).map { Array($0.utf8) }, in: tree.path,
      environment: ["PATH=\(tree("bin")):/usr/bin:/bin"])
  }

  @Test(.disabled(if: hasDriver, "the kernel shows a driver"))
  func answers() throws {
    let new = try scan(
      """
      case $1 in *compute_cap*) echo 'driver_version, compute_cap, name'; echo '551.86, 8.9, NVIDIA GeForce RTX 4090'; echo '551.86, 8.6, Z3000';; *) exit 1;; esac
      """, "--gpu", "auto")
    #expect(new.status == 1)
    #expect(
      new.text.hasPrefix("✓ RTX 4090 with driver 551.86: yes\n✗ Z3000 with driver 551.86: no. "))
    let old = try scan(
      """
      case $1 in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
      echo '470.57.02, Tesla V100-SXM2-16GB'
      """, "--gpu", "A100", "--driver", "auto")
    #expect(old.text.contains("with driver 470.57.02"), "\(old.messages)")
  }

  @Test(
    .disabled(if: hasDriver, "the kernel shows a driver"),
    arguments: [
      "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9",
      "echo '551.86, 8.9, NVIDIA GeForce RTX 4090'; exit 1", "exit 0", "cat /dev/zero", "kill -9 $$",
      "echo 'nothing of the kind'",
    ])
  func failures(_ script: String) throws {
    let run = try scan(script, "--gpu", "auto")
    #expect(run.status == 2)
    #expect(run.messages.contains("there is no NVIDIA driver on this machine"))
    #expect(run.messages.contains("nvidia-smi does not answer"))
  }

  @Test(.disabled(if: hasDriver, "the kernel shows a driver")) func notInstalled() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.library("code.so", "sm_89")
    let run = try Program.run(
      ["scan", "code.so", "--gpu", "auto"].map { Array($0.utf8) }, in: tree.path,
      environment: ["PATH=/usr/bin:/bin"])
    #expect(run.status == 2)
    #expect(run.messages.contains("nvidia-smi is not installed"), "\(run.messages)")
  }

  /// It is waited for a while, and not longer: neither where it never ends, nor where it ends its output only.
  @Test(
    .disabled(if: hasDriver, "the kernel shows a driver"), .timeLimit(.minutes(30)),
    arguments: ["exec sleep 600", "exec >&-; exec sleep 600"])
  func hanging(_ script: String) throws {
    let start = ContinuousClock.now
    let run = try scan(script, "--gpu", "auto")
    #expect(run.status == 2)
    #expect(ContinuousClock.now - start > .seconds(5))
  }
}
