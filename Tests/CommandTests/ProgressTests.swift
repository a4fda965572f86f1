import FixtureSupport
import Glibc
import Testing

/// What a person sees while a scan is under way, and what an interruption leaves behind.
struct ProgressTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.library("lib/a.so", "sm_80 compute_80")
    try tree.library("lib/b.so", "sm_90")
    try tree.directory("out")
  }

  /// Writes a library with a section of `size` zeros, which takes no space on disk, and long to search.
  private func largeLibrary(_ size: UInt64) throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_75")])
    elf.append([0], to: ".rodata")
    elf.sections[elf.sections.count - 1].declaredSize = size
    let path = try tree.write(elf.bytes, to: "lib/large.so")
    try #require(unsafe truncate(path, off_t(size) + off_t(elf.bytes.count)) == 0)
  }

  /// A library that no machine searches before the test is over.
  private func endlessLibrary() throws { try largeLibrary(1 << 43) }

  private func showsProgress(_ bytes: [UInt8]) -> Bool {
    String(decoding: bytes, as: UTF8.self).contains(/[0-9]+ files?, [0-9.]+ k?B read/)
  }

  /// Runs a command that shows progress when it takes long enough, on libraries that are ever larger, until it does.
  private func growing(_ command: String, _ body: (PseudoTerminal, Program.End) throws -> Void) throws {
    for power: UInt64 in stride(from: 24, through: 40, by: 2) {
      try largeLibrary(1 << power)
      let terminal = try PseudoTerminal()
      let process = try Program.start("exec \"$0\" " + command, on: terminal, in: tree.path)
      terminal.read()
      let end = try Program.wait(for: process)
      guard showsProgress(terminal.bytes) else { continue }
      return try body(terminal, end)
    }
    Issue.record("no library was large enough")
  }

  /// The lines of a screen without what differs from run to run.
  private func lasting(_ lines: [String]) -> [String] {
    lines.map { $0.replacing(/read in [0-9.]+ m?s:/, with: "read in TIME:") }
  }

  /// Standard output is the same with and without progress, and only a terminal shows it.
  @Test(.timeLimit(.minutes(30))) func progressOnATerminalOnly() throws {
    try growing("scan lib -o json > out/shown.json") { terminal, end in
      #expect(end == .exit(0))
      // One line is left: what was done.
      #expect(terminal.screen.count == 2)
      let summary = terminal.screen.joined()
      #expect(
        summary.wholeMatch(
          of:
            /cubinspect: 3 files, [0-9.]+ [kMGT]B read in .*: 3 with device code; tables of .*/
        )
          != nil, "\(summary)")

      let piped = try Program.run("scan", "lib", "-o", "json", in: tree.path)
      #expect(piped.messages == "")
      #expect(fileContents(tree("out/shown.json")) == piped.output)

      for (command, lines) in [
        ("exec \"$0\" scan lib -o json -q > out/quiet.json", 0),
        ("TERM=dumb exec \"$0\" scan lib -o json > out/dumb.json", 2),
        ("exec \"$0\" scan lib -o json 2> out/messages > out/piped.json", 0),
      ] {
        let terminal = try PseudoTerminal()
        let process = try Program.start(command, on: terminal, in: tree.path)
        terminal.read()
        #expect(try Program.wait(for: process) == .exit(0))
        #expect(!showsProgress(terminal.bytes))
        #expect(!terminal.bytes.contains(0x1B))
        #expect(terminal.screen.count == lines, "\(command)")
      }
      #expect(fileContents(tree("out/quiet.json")) == piped.output)
      #expect(fileText(tree("out/messages")) == "")
    }
  }

  /// The report stands on the terminal as if there had been no progress.
  @Test(.timeLimit(.minutes(30))) func progressBeforeAReport() throws {
    try growing("scan lib --color=never") { terminal, _ in
      let quiet = try PseudoTerminal()
      let process = try Program.start("exec \"$0\" scan lib --color=never -q", on: quiet, in: tree.path)
      quiet.read()
      _ = try Program.wait(for: process)
      #expect(!quiet.bytes.contains(0x1B))
      #expect(lasting(terminal.screen) == lasting(quiet.screen))
      #expect(terminal.screen.count > 5)
    }
  }

  @Test(.timeLimit(.minutes(30)), arguments: [SIGINT, SIGTERM, SIGHUP])
  func interruption(signal: CInt) throws {
    try endlessLibrary()
    let terminal = try PseudoTerminal()
    let process = try Program.start(
      "exec \"$0\" scan lib -o text -o json=out/report.json", on: terminal, in: tree.path)
    #expect(terminal.read(until: showsProgress))
    #expect(terminal.screen.count == 1)
    kill(process, signal)
    #expect(try Program.wait(for: process) == .signal(signal))
    terminal.read()
    #expect(terminal.screen == [])
    #expect(tree.names(in: "out") == [])
  }

  /// The line is cut to the terminal, so that what the terminal shows for Ctrl-C stays on it and is erased with it.
  @Test(.timeLimit(.minutes(30)), arguments: [30, 80])
  func controlC(columns: Int) throws {
    try endlessLibrary()
    let terminal = try PseudoTerminal(columns: columns)
    let process = try Program.start("exec \"$0\" scan lib", on: terminal, in: tree.path)
    #expect(terminal.read { bytes in bytes.count(where: { $0 == 0x0D }) >= 3 })
    #expect(terminal.screen.count == 1)
    #expect(terminal.screen.first.map { (20...columns - 3).contains($0.count) } == true)
    terminal.type("\u{3}")
    #expect(try Program.wait(for: process) == .signal(SIGINT))
    terminal.read()
    #expect(String(decoding: terminal.bytes, as: UTF8.self).contains("^C"))
    #expect(terminal.screen == [])
  }

  /// The line follows the width of the terminal.
  @Test(.timeLimit(.minutes(30))) func resizing() throws {
    try endlessLibrary()
    let terminal = try PseudoTerminal(columns: 80)
    let process = try Program.start("exec \"$0\" scan lib", on: terminal, in: tree.path)
    #expect(terminal.read(until: showsProgress))
    terminal.resize(to: 24)
    // The last line that was drawn before is followed by shorter ones.
    func last(_ bytes: [UInt8]) -> Int {
      String(decoding: bytes, as: UTF8.self).split(separator: "\r").last { $0.hasSuffix("\u{1B}[K") }?.count
        ?? 0
    }
    #expect(terminal.read { last($0) == 21 + 3 })
    kill(process, SIGTERM)
    #expect(try Program.wait(for: process) == .signal(SIGTERM))
    terminal.read()
  }

  /// What was started to ignore a signal goes on.
  @Test(.timeLimit(.minutes(30))) func ignoredSignals() throws {
    try endlessLibrary()
    let terminal = try PseudoTerminal()
    let process = try Program.start("trap '' HUP INT; exec \"$0\" scan lib", on: terminal, in: tree.path)
    #expect(terminal.read(until: showsProgress))
    kill(process, SIGHUP)
    kill(process, SIGINT)
    let before = terminal.bytes.count
    #expect(terminal.read { $0.count > before + 200 })
    kill(process, SIGTERM)
    #expect(try Program.wait(for: process) == .signal(SIGTERM))
    terminal.read()
    #expect(terminal.screen == [])
  }

  /// Where the first signal cannot clear the terminal, the second one does not wait for that.
  @Test(.timeLimit(.minutes(30))) func aSecondSignalEndsAtOnce() throws {
    try endlessLibrary()
    let terminal = try PseudoTerminal()
    let process = try Program.start("exec \"$0\" scan lib", on: terminal, in: tree.path)
    #expect(terminal.read(until: showsProgress))
    terminal.hold()
    kill(process, SIGINT)
    // The first one is being dealt with when it is not pending any more.
    while fileText("/proc/\(process)/status")?.contains(/ShdPnd:\s*0{16}/) == false { sched_yield() }
    kill(process, SIGTERM)
    #expect(try Program.wait(for: process) == .signal(SIGTERM))
  }

  /// A file that is being written when the program is interrupted does not stay.
  @Test(.timeLimit(.minutes(30))) func interruptionWhileAFileIsWritten() throws {
    let name = "lib.0000.lto_80.ltoir"
    for power in 24...29 {
      var entry = FatBinaryBuilder.Entry.ltoIR("sm_80")
      entry.payload = [UInt8](repeating: 0xA5, count: 1 << power)
      try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder([entry])]).bytes, to: "lib.so")
      let terminal = try PseudoTerminal()
      let process = try Program.start(
        "exec \"$0\" extract lib.so --into out --force", on: terminal, in: tree.path)
      var names: [String] = []
      while !names.contains(where: { $0.hasSuffix(".partial") }), !names.contains(name) {
        names = tree.names(in: "out")
      }
      kill(process, SIGINT)
      let end = try Program.wait(for: process)
      terminal.read()
      #expect(tree.names(in: "out").allSatisfy { $0 == name })
      // Whether it was done before the signal came, or was stopped by it.
      if names != [name], end == .signal(SIGINT), tree.names(in: "out") == [] { return }
      try #require(unsafe unlink(tree("out/" + name)) == 0)
    }
    Issue.record("no file was large enough")
  }
}
