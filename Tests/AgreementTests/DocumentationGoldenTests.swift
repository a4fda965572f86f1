import Foundation
import Testing

/// The commands in the README, in Docs and in the transcripts do what is written beside them.
///
/// A transcript is one use from its first command to its last, as a terminal of 80 columns shows it.
///
/// A command is a line of a code block that starts with `$ `, and what follows it up to the next one is what it prints: to
/// its standard output, or where that is nothing, its messages. A line `…` stands for any lines. Times and dates may
/// differ. Commands in blocks without such lines, and those of which nothing is shown, are read only.
///
/// With `CUBINSPECT_UPDATE_GOLDENS=1` in the environment (`make goldens`) what is shown is written again.
@Suite struct DocumentationGoldenTests {
  private static let root = TestInputs.fixtures.deletingLastPathComponent()

  /// The README, all pages of Docs and the transcripts, by their paths from the root folder of the project.
  static let documents: [String] = {
    let docs = FileManager.default.enumerator(atPath: root.appending(path: "Docs").path)
    let pages = (docs?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".md") }.sorted()
    return ["README.md"] + pages.map { "Docs/\($0)" } + transcripts
  }()

  private static let transcripts = ["failing-job", "release-check"].map {
    "Tests/AgreementTests/Transcripts/\($0).md"
  }

  static let documentsWithExamples = documents.filter { !(examples(in: $0) ?? []).isEmpty }

  // MARK: What is written

  /// A command and what is shown of it.
  struct Example {
    var command: String
    /// The lines of the document behind the command.
    var lines: Range<Int>
    var shown: [String]

    /// The wheels that it names.
    var wheels: [String] {
      command.split(separator: " ").map(String.init).filter { $0.hasSuffix(".whl") && !$0.contains("*") }
    }
  }

  private static let indentation = "    "

  private static func lines(of document: String) -> [String]? {
    guard let text = try? String(contentsOf: root.appending(path: document), encoding: .utf8) else {
      return nil
    }
    return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The examples of a document whose output is shown.
  static func examples(in document: String) -> [Example]? {
    guard let lines = lines(of: document) else { return nil }
    var examples: [Example] = []
    var index = 0
    while index < lines.count {
      defer { index += 1 }
      guard lines[index].hasPrefix(indentation + "$ ") else { continue }
      let start = index + 1
      var end = start
      while end < lines.count, lines[end].isEmpty || lines[end].hasPrefix(indentation),
        !lines[end].hasPrefix(indentation + "$ ")
      { end += 1 }
      while end > start, lines[end - 1].isEmpty { end -= 1 }
      let command = String(lines[index].dropFirst(indentation.count + 2))
      if end > start, command.contains("cubinspect ") {
        let shown = lines[start..<end].map { String($0.dropFirst(indentation.count)) }
        examples.append(Example(command: command, lines: start..<end, shown: shown))
      }
      index = end - 1
    }
    return examples
  }

  /// All commands in code blocks, also those of which nothing is shown.
  static func commands(in document: String) -> [String] {
    (lines(of: document) ?? []).filter { $0.hasPrefix(indentation) }.compactMap { line in
      var text = line.drop { $0 == " " }
      if text.hasPrefix("$ ") { text = text.dropFirst(2) }
      let isCommand = text.hasPrefix("cubinspect ") || text.contains("| cubinspect ")
      return isCommand && !text.contains("…") ? String(text) : nil
    }
  }

  // MARK: What is run

  /// A folder with what the documents name: the small wheels, folders of wheels and unpacked ones, and programs that answer
  /// as docker and nvidia-smi do.
  private static func inputs(for examples: [Example]) throws -> URL {
    let folder = try temporaryFolder()
    let manager = FileManager.default
    func write(_ text: String, to name: String, mode: Int = 0o644) throws {
      let file = folder.appending(path: name)
      try manager.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
      try manager.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
    }
    func link(_ name: String, _ target: URL) throws {
      try manager.createSymbolicLink(at: folder.appending(path: name), withDestinationURL: target)
    }
    let small = try TestInputs.wheels(size: "small") + TestInputs.wheels(size: "compilers")
    for wheel in Set(try examples.flatMap(\.wheels).map(TestInputs.wheel) + small.map(\.file)) {
      try link(wheel.lastPathComponent, wheel)
    }
    for name in ["torchvision", "bitsandbytes"] { try link(name, TestInputs.folder(of: name, size: "small")) }
    for (name, wheels) in [
      "wheels": ["nvidia-cuda-nvcc-cu11", "jax-cuda12-plugin"], "dist": ["torchvision"],
    ] {
      try manager.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
      for wheel in small where wheels.contains(wheel.name) {
        // No symbolic link that leads outside of the folder is followed.
        let copy = folder.appending(path: "\(name)/\(wheel.file.lastPathComponent)")
        do {
          try manager.linkItem(at: wheel.file, to: copy)
        } catch {
          // The cache is on another file system.
          try manager.copyItem(at: wheel.file, to: copy)
        }
      }
    }
    let program = try manager.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    try write("#!/bin/sh\necho '[{\"Config\": {\"Env\": []}}]'\n", to: "bin/docker", mode: 0o755)
    try write(
      "#!/bin/sh\necho '550.54.15, 8.0, NVIDIA A100-SXM4-40GB'\n", to: "bin/nvidia-smi", mode: 0o755)
    try link(
      "bin/cubinspect", URL(filePath: program).deletingLastPathComponent().appending(path: "cubinspect"))
    try write("home = /usr/bin\n", to: "venv/pyvenv.cfg")
    try write("", to: "libfoo.so")
    try write("", to: "site-packages/readme.txt")
    let rows = (lines(of: "Docs/Data.md") ?? []).drop { $0 != "```json" }.dropFirst().prefix { $0 != "```" }
    for name in ["next.json", "mine.json"] { try write(rows.joined(separator: "\n"), to: name) }
    return folder
  }

  private static func shell(_ command: String, in folder: URL) throws -> ProgramOutput {
    try run(
      URL(filePath: "/usr/bin/env"),
      ["-i", "HOME=\(folder.path)", "PATH=\(folder.path)/bin:/usr/bin:/bin", "/bin/sh", "-c", command],
      in: folder
    )
  }

  /// Runs a command whose output goes to a terminal of 80 columns, and its messages too, where it prints nothing else.
  private static func terminal(_ command: String, in folder: URL) throws -> ProgramOutput {
    try "stty cols 80; (\(command)) 2>messages".write(
      to: folder.appending(path: "command"), atomically: true, encoding: .utf8)
    var result = try shell(
      "TERM=xterm NO_COLOR=1 script -qec 'sh command' /dev/null </dev/null; cat messages >&2; rm -f messages command",
      in: folder)
    result.output = result.output.replacing("\r\n", with: "\n")
    return result
  }

  private static func isLarge(_ example: Example) throws -> Bool {
    try example.wheels.contains {
      !["small", "compilers", "field"].contains(try TestInputs.group(ofWheel: $0))
    }
  }

  /// Without what differs from run to run.
  private static func comparable(_ line: String) -> String {
    line.replacing(/[0-9.]+ m?s\b/, with: "TIME").replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}/, with: "DATE")
  }

  static func agree(_ shown: ArraySlice<String>, _ printed: ArraySlice<String>) -> Bool {
    guard let first = shown.first else { return printed.isEmpty }
    if first == "…" {
      return (printed.startIndex...printed.endIndex).contains { agree(shown.dropFirst(), printed[$0...]) }
    }
    guard let line = printed.first, comparable(first) == comparable(line) else { return false }
    return agree(shown.dropFirst(), printed.dropFirst())
  }

  @Test(.timeLimit(.minutes(30)), arguments: documentsWithExamples) func whatIsShownIsPrinted(
    _ document: String
  ) throws {
    let examples = try #require(Self.examples(in: document)).filter { example in
      try TestInputs.includesLarge || !Self.isLarge(example)
    }
    let folder = try Self.inputs(for: examples)
    defer { try? FileManager.default.removeItem(at: folder) }
    var lines = try #require(Self.lines(of: document))
    let isUpdate = ProcessInfo.processInfo.environment["CUBINSPECT_UPDATE_GOLDENS"] != nil
    // In their order, because one may write what the next one reads; the document is changed from its end.
    let isTranscript = Self.transcripts.contains(document)
    let results = try examples.map { example in
      try isTranscript
        ? Self.terminal(example.command, in: folder) : Self.shell(example.command, in: folder)
    }
    for (example, result) in zip(examples, results).reversed() {
      var printed = (result.output.isEmpty ? result.messages : result.output)
        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      while printed.last == "" { printed.removeLast() }
      guard !Self.agree(example.shown[...], printed[...]) else { continue }
      if isUpdate, !example.shown.contains("…") {
        // A line that differs in its times alone stays as it is.
        let written = printed.indices.map { index in
          let kept = example.shown.indices.contains(index) ? example.shown[index] : ""
          return Self.comparable(kept) == Self.comparable(printed[index]) ? kept : printed[index]
        }
        lines.replaceSubrange(
          example.lines, with: written.map { $0.isEmpty ? "" : Self.indentation + $0 })
      } else {
        Issue.record("\(document): $ \(example.command)\n\(printed.joined(separator: "\n"))")
      }
    }
    if isUpdate {
      try lines.joined(separator: "\n")
        .write(to: Self.root.appending(path: document), atomically: true, encoding: .utf8)
    }
  }

  /// One line for each GPU is as long as it is.
  @Test(arguments: transcripts) func transcriptsFitATerminal(_ document: String) throws {
    for example in try #require(Self.examples(in: document)) where !example.command.hasSuffix("-o short") {
      for line in example.shown { #expect(line.count <= 80, "\(example.command): \(line)") }
    }
  }

  /// Links within the project lead to files and headings that there are.
  @Test(arguments: documents) func linksLeadSomewhere(_ document: String) throws {
    let folder = Self.root.appending(path: document).deletingLastPathComponent()
    let text = try #require(Self.lines(of: document)).joined(separator: "\n")
    for match in text.matches(of: /\]\((?<path>[^)#\s]*)(#(?<heading>[^)\s]+))?\)/) {
      let path = String(match.path)
      if path.contains("://") { continue }
      let file = path.isEmpty ? Self.root.appending(path: document) : folder.appending(path: path)
      guard FileManager.default.fileExists(atPath: file.path) else {
        Issue.record("\(document): no file \(path)")
        continue
      }
      guard let heading = match.heading else { continue }
      let target = try String(contentsOf: file, encoding: .utf8)
      #expect(Self.anchors(in: target).contains(String(heading)), "\(document): no heading \(heading)")
    }
  }

  /// The headings of a document as links name them.
  private static func anchors(in text: String) -> Set<String> {
    Set(
      text.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
        line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
          .filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
          .replacing(" ", with: "-")
      })
  }

  /// Commands whose output is not shown are at least of the form that the program takes. In a transcript all is shown.
  @Test(arguments: documents.filter { !transcripts.contains($0) }) func whatIsNotShownIsUnderstood(
    _ document: String
  ) throws {
    let folder = try Self.inputs(for: [])
    defer { try? FileManager.default.removeItem(at: folder) }
    for command in Self.commands(in: document) {
      // Programs that fetch something are not there.
      let result = try Self.shell(
        "export PATH=\(folder.path)/bin VIRTUAL_ENV=\(folder.path)/venv TORCH_CUDA_ARCH_LIST='8.0;9.0+PTX'; \(command)",
        in: folder)
      #expect(!result.messages.contains("Try 'cubinspect"), "\(command): \(result.messages)")
    }
  }

  @Test func thereAreExamples() {
    #expect(Self.documentsWithExamples.contains("README.md"))
    #expect(Self.commands(in: "README.md").count > 30)
    #expect(!Self.agree(["a", "…", "c"], ["a", "b"]))
    #expect(Self.agree(["a", "…", "c"], ["a", "b", "c"]))
    #expect(Self.agree(["read in 2 ms"], ["read in 31.5 s"]))
    #expect(!Self.agree(["2 modules"], ["3 modules"]))
  }
}
