import Compatibility
import Foundation
import Testing

/// `Tests/Hardware/run` with a driver that answers from a script.
@Suite struct KitTests {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  struct Outcome {
    var status: Int32
    var output: String
    var messages: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
    /// The rows of the table that end with this word, without the rest of the row.
    func cases(_ word: String) -> Set<String> {
      Set(lines.filter { $0.hasSuffix("  " + word) }.map { $0.components(separatedBy: "  ")[0] })
    }
  }

  /// A folder with a driver in it.
  final class FakeDriver {
    let folder = FileManager.default.temporaryDirectory.appending(path: "cubinspect-\(UUID().uuidString)")
    private let source = Kit.folder.appending(path: "FakeDriver/libcuda.c").path
    var answers: [String: [String: (stage: String, number: Int)]] = [:]
    var facts = [
      "name": "NVIDIA H100 80GB HBM3", "major": "9", "minor": "0", "count": "1", "cuda": "12040", "init": "0",
    ]

    init(_ options: String...) throws {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let library = folder.appending(path: "libcuda.so.550.54.15").path
      let compiled = try run(
        "/usr/bin/env", ["clang", "-shared", "-fPIC"] + options + ["-o", library, source], [:])
      guard compiled.status == 0 else { throw Failure(description: compiled.messages) }
      try FileManager.default.createSymbolicLink(
        atPath: folder.appending(path: "libcuda.so.1").path, withDestinationPath: library)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Answers just as predicted.
    func answerAsPredicted() throws {
      let device = Device(ComputeCapability(9, 0), driver: DriverVersion("550.54.15"))
      for question in HardwareCase.all {
        let prediction = Prediction(question, try question.inspectedFile(), on: device)
        let answer = prediction.number.map { ("done", $0) } ?? ("load", prediction.error?.rawValue ?? 200)
        answers[question.name] = ["module": answer, "library": answer]
      }
    }

    /// Runs the kit with this driver.
    func ask(_ arguments: String...) throws -> Outcome {
      let script = folder.appending(path: "script")
      let lines =
        facts.map { "device\t\($0)\tis\t\($1)" }
        + answers.flatMap { name, calls in calls.map { "\(name)\t\($0)\t\($1.stage)\t\($1.number)" } }
      try (lines.joined(separator: "\n") + "\n").write(to: script, atomically: true, encoding: .utf8)
      let into = folder.appending(path: "results").path
      return try run(
        Kit.folder.appending(path: "run").path, ["--into", into] + arguments,
        ["LD_LIBRARY_PATH": folder.path, "CUBINSPECT_FAKE_DRIVER": script.path, "CUDA_FORCE_PTX_JIT": "1"])
    }

    /// A folder of fixtures with these questions alone.
    func fixtures(with questions: [HardwareCase]) throws -> String {
      let place = folder.appending(path: "fixtures")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let moved = questions.map { question in
        var question = question
        question.file = question.path.path
        return question
      }
      try JSONEncoder().encode(moved).write(to: place.appending(path: "cases.json"))
      return place.path
    }

    /// The one table that the kit wrote.
    func table() throws -> RecordedTable {
      let path = folder.appending(path: "results/nvidia-h100-80gb-hbm3-550.54.15.json")
      return try Kit.decode(RecordedTable.self, path)
    }
  }

  @Test func aDriverThatDoesWhatIsPredicted() throws {
    let driver = try FakeDriver()
    try driver.answerAsPredicted()
    let outcome = try driver.ask("--only", "ptx-")
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(outcome.cases("NO") == [])
    #expect(outcome.cases("yes") == Set(HardwareCase.all.map(\.name).filter { $0.contains("ptx-") }))
    #expect(throws: (any Error).self, "a table is of all cases") { try driver.table() }
  }

  @Test func aDriverThatDiffers() throws {
    let driver = try FakeDriver()
    try driver.answerAsPredicted()
    let changes: [String: [String: (stage: String, number: Int)]] = [
      "ampere.fatbin": ["module": ("done", 8601)],  // runs, though nothing should
      "blackwell.fatbin": ["module": ("load", 200)],  // another error
      "hopper-suffix.fatbin": ["library": ("done", 9001)],  // the other image
      "sm_90.cubin": ["module": ("function", 209)],  // fails, though it should run
      "compute_90.ptx": ["library": ("crash", 0)],
      "compute_75.ptx": ["module": ("prepare", 46)],  // the GPU is not available
      "lto.fatbin": ["module": ("launch", 98)],  // no source says which error: this one will do
    ]
    for (name, calls) in changes { driver.answers[name]?.merge(calls) { $1 } }
    let expected = Set(changes.keys).subtracting(["lto.fatbin"])
    // Not all questions: each takes two processes.
    let questions = HardwareCase.all.enumerated()
      .filter { $0.offset.isMultiple(of: 8) || changes.keys.contains($0.element.name) }.map(\.element)
    let outcome = try driver.ask("--fixtures", driver.fixtures(with: questions))
    #expect(outcome.status == 1)
    #expect(outcome.cases("NO") == expected)
    #expect(outcome.cases("yes") == Set(questions.map(\.name)).subtracting(expected))
    let table = try driver.table()
    #expect(table.device.computeCapability == "9.0")
    #expect(table.device.driver == "550.54.15")
    #expect(table.device.cuda == "12.4")
    #expect(
      Set(try table.disagreements(among: questions).map { $0.components(separatedBy: " by ")[0] }) == expected
    )
    #expect(table.cases["compute_90.ptx"]?.library.crash == "SIGKILL")
    #expect(table.cases["compute_75.ptx"]?.module.crash?.contains("error 46") == true)
    #expect(table.cases["lto.fatbin"]?.module.stage == "launch")
    #expect(outcome.lines.last { $0.contains("cases:") }?.contains("6 not") == true)
  }

  @Test func aDriverOlderThanLibraries() throws {
    let driver = try FakeDriver("-DOLD")
    try driver.answerAsPredicted()
    let outcome = try driver.ask("--only", "sm_90.")
    #expect(outcome.status == 0)
    #expect(outcome.lines.filter { $0.contains("no such call") }.count == 2)
  }

  @Test func nothingToAsk() throws {
    let driver = try FakeDriver()
    #expect(try driver.ask("--into", "/proc/nowhere").status == 2)
    driver.facts["count"] = "0"
    var outcome = try driver.ask()
    #expect(outcome.status == 2)
    #expect(outcome.messages == "run: the driver has no GPU\n")
    driver.facts["init"] = "100"
    outcome = try driver.ask()
    #expect(outcome.status == 2)
    #expect(outcome.messages.hasPrefix("run: there is no GPU to ask: cuInit: error 100"))
    // A file that is no library stands for one that is missing, even where there is a real one.
    try Data("no driver".utf8).write(to: driver.folder.appending(path: "libcuda.so.550.54.15"))
    outcome = try driver.ask()
    #expect(outcome.status == 2)
    #expect(outcome.messages.hasPrefix("run: there is no NVIDIA driver here: "))
    #expect(try driver.ask("--only", "no such case").status == 2)
  }

  /// A checkout is not needed: two folders are, and they may lie anywhere.
  @Test func copiedFolders() throws {
    let driver = try FakeDriver()
    try driver.answerAsPredicted()
    let copy = driver.folder.appending(path: "copy")
    for name in ["Tests", "Fixtures"] {
      try FileManager.default.createDirectory(
        at: copy.appending(path: name), withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(at: Kit.folder, to: copy.appending(path: "Tests/Hardware"))
    try FileManager.default.copyItem(at: Kit.fixtures, to: copy.appending(path: "Fixtures/hardware"))
    _ = try driver.ask("--only", "sm_90.cubin")
    let outcome = try run(
      copy.appending(path: "Tests/Hardware/run").path, ["--only", "sm_90.cubin"],
      [
        "LD_LIBRARY_PATH": driver.folder.path,
        "CUBINSPECT_FAKE_DRIVER": driver.folder.appending(path: "script").path,
      ])
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(outcome.cases("yes") == ["sm_90.cubin"])
  }
}

/// Runs a program to its end.
private func run(_ program: String, _ arguments: [String], _ environment: [String: String]) throws
  -> KitTests.Outcome
{
  let process = Process()
  process.executableURL = URL(filePath: program)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  // Files, not pipes: two pipes read one after the other can block.
  let messages = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try Data().write(to: messages)
  defer { try? FileManager.default.removeItem(at: messages) }
  let output = Pipe()
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = try FileHandle(forWritingTo: messages)
  try process.run()
  let text = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return KitTests.Outcome(
    status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
    messages: String(decoding: try Data(contentsOf: messages), as: UTF8.self))
}
