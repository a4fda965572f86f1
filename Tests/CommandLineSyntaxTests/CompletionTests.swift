import CommandLineSyntax
import Foundation
import Testing

struct CompletionTests {
  /// What bash offers for a command line whose last word is being typed.
  func bashOffers(_ words: String...) throws -> [String] {
    let script =
      Command.fruit.completions(for: .bash) + """
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _fruit
        printf '%s\\n' "${COMPREPLY[@]}"
        """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["--norc", "-uc", script, "bash", "fruit"] + words
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return text.split(separator: "\n").map(String.init)
  }

  @Test func bashOffersCommandsAndFlags() throws {
    #expect(try bashOffers("") == ["pick", "swap", "show"])
    #expect(try bashOffers("-v", "s") == ["swap", "show"])
    #expect(try bashOffers("--") == ["--verbose", "--help"])
    #expect(try bashOffers("swap", "-") == ["--verbose", "-v", "--help", "-h"])
    #expect(try bashOffers("pick", "--s") == ["--size", "--sort"])
  }

  @Test func bashOffersValues() throws {
    #expect(try bashOffers("pick", "--ripeness", "r") == ["ripe", "rotten"])
    #expect(try bashOffers("pick", "-r", "g") == ["green"])
    #expect(try bashOffers("pick", "--ripeness", "=") == ["green", "ripe", "rotten"])
    #expect(try bashOffers("pick", "--ripeness", "=", "ro") == ["rotten"])
    #expect(try bashOffers("pick", "--size", "") == [])
    #expect(try bashOffers("show", "b") == ["blood orange"])
    #expect(try bashOffers("pick", String(#filePath.dropLast())) == [#filePath])
  }

  @Test func zsh() {
    let script = Command.fruit.completions(for: .zsh)
    #expect(script.hasPrefix("#compdef fruit\n"))
    #expect(script.contains("    'pick:Pick fruit from trees.'\n"))
    #expect(script.contains("'*--size=[Keep fruit of this size]:SIZE: '"))
    #expect(script.contains("'(-r --ripeness)--ripeness=[How ripe it must be]:LEVEL:(green ripe rotten)'"))
    #expect(script.contains("'*-o+[Write the result]:FORMAT\\[=FILE\\]:(text json)'"))
    #expect(script.contains("'*:TREE:_files'"))
    #expect(script.contains("'::FRUIT:(apple blood\\ orange)'"))
    #expect(!script.contains("secret") && !script.contains("dig"))
  }

  @Test func fish() {
    let script = Command.fruit.completions(for: .fish)
    #expect(
      script.contains("\ncomplete -c fruit -n __fish_use_subcommand -a pick -d 'Pick fruit from trees.'\n"))
    #expect(script.contains("\ncomplete -c fruit -s v -l verbose -d 'Say more'\n"))
    #expect(
      script.contains(
        "\ncomplete -c fruit -n '__fish_seen_subcommand_from pick' -s r -l ripeness -x "
          + #"-a '(printf \'%s\\n\' \'green\' \'ripe\' \'rotten\')' -d 'How ripe it must be'"#))
    #expect(!script.contains("secret") && !script.contains("dig"))
  }
}
