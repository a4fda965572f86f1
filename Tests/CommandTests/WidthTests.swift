import FixtureSupport
import Testing

/// What a person sees on terminals of different widths.
@Suite(.enabled(if: (try? Program.shell("command -v script").status) == 0, "needs script(1)"))
struct WidthTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.library("lib/a.so", "sm_80 compute_80", "sm_90", "sm_87")
    try tree.library(
      "lib/a-name-that-is-much-too-long/for-one-line-of-a-terminal/libsomething_cuda.so.12.5.0",
      "sm_37 sm_50 sm_60")
    try tree.library(
      "lib/a-name-that-is-much-too-long/for-one-line-of-a-terminal/libother_cuda.so", "compute_70")
    try tree.symbolicLink(
      "lib/other.so", to: "a-name-that-is-much-too-long/for-one-line-of-a-terminal/libother_cuda.so")
    try tree.library("lib/" + String(repeating: "long", count: 40) + ".so", "sm_75")
    try tree.write(
      [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1], to: "lib/broken-file-with-a-long-name-that-has-to-be-wrapped.so")
  }

  /// What the program writes to a terminal of that many columns, as lines.
  private func lines(_ arguments: String, columns: Int) throws -> [Substring] {
    let run = try Program.shell(
      "script -qec 'stty cols \(columns); '\"$0\"' \(arguments)' /dev/null", in: tree.path,
      environment: ["TERM=xterm"])
    // A slow machine shows progress, which is erased before the report comes.
    return run.text.split(whereSeparator: \.isNewline).map { line in
      line.lastIndex(of: "\u{1B}").map { erase in
        line[erase...].hasPrefix("\u{1B}[K") ? line[erase...].dropFirst(3) : line
      } ?? line
    }.filter { !$0.isEmpty }
  }

  @Test(
    arguments: [
      "scan lib", "scan lib --gpu A100 --gpu 9.0 --driver 460.32.03", "scan lib --require sm_80", "help scan",
      "gpus A100", "help explain", "explain lib --gpu A100 --driver 460.32.03",
      "explain sm_80 --gpu H100,A100",
    ],
    [80, 120])
  func linesFit(arguments: String, columns: Int) throws {
    let lines = try lines(arguments + " --color=never", columns: columns)
    #expect(lines.count > 10)
    // A single word that is longer than the line is not broken.
    for line in lines where line.split(separator: " ").allSatisfy({ $0.count < columns - 10 }) {
      #expect(line.count <= columns, "\(line)")
    }
  }

  /// A site-packages of twenty packages of which nothing runs, and two GPUs, is a page.
  @Test func manyPackagesAreAPage() throws {
    for number in 0..<20 {
      try tree.library("env/p\(number)/lib.so", number < 15 ? "sm_60" : "sm_80")
      try tree.library("env/p\(number)/other.so", "sm_75")
      try tree.distribution(
        "package-\(number)", "1.0", files: ["p\(number)/lib.so", "p\(number)/other.so"], in: "env/")
    }
    let all = try lines(
      "scan env --gpu V100 --gpu RTX5090 --driver 470 --details --color=never", columns: 80)
    let lines = try lines("scan env --gpu V100 --gpu RTX5090 --driver 470 --color=never", columns: 80)
    #expect(lines.count <= 60 - 6, "six lines are empty: \(lines.joined(separator: "\n"))")
    #expect(all.count > 150)
    #expect(lines.contains { $0.hasPrefix("package-9 1.0") })
    #expect(lines.contains { $0.wholeMatch(of: /and [0-9]+ more/) != nil })
    #expect(lines.last?.contains("--details") == true)
  }

  /// A name keeps its last component where there is room for it.
  @Test func namesKeepTheirEnd() throws {
    let narrow = try lines("scan lib --color=never", columns: 80)
    #expect(narrow.contains { $0.hasPrefix("library") })
    #expect(narrow.contains { $0.hasPrefix("libsomet…") && $0.contains("cuda.so.12.5.0") })
    let wide = try lines("scan lib --color=never", columns: 120)
    #expect(wide.contains { $0.hasPrefix("…/for-one-line-of-a-terminal/libother_cuda.so ") })
    #expect(wide.contains("  = other.so"))
    #expect(wide.contains { $0.hasPrefix("library") && $0.contains("modules") })
  }
}
