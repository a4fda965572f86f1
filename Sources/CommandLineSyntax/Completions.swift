/// A shell that completions can be written for.
public enum Shell: String, Hashable, Sendable, CaseIterable {
  case bash, zsh, fish
}

extension Command {
  /// A script that teaches `shell` to complete the program's subcommands, options and values.
  public func completions(for shell: Shell) -> String {
    switch shell {
    case .bash: bashCompletions
    case .zsh: zshCompletions
    case .fish: fishCompletions
    }
  }
}

extension Values {
  /// The words to offer; nil when there is nothing to say about the value.
  var words: [String]? {
    switch self {
    case .choices(let words), .suggestions(let words): words
    case .any, .files, .directories: nil
    }
  }
}

extension Command {
  /// What the arguments of a command without subcommands may be.
  var argumentValues: Values { positionals.first?.values ?? .any }
}

/// `text` as one word of a POSIX shell.
func shellQuoted(_ text: String) -> String {
  "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

/// The first sentence of a flag's documentation, without its full stop.
func firstSentence(_ text: String) -> String {
  let line = text.prefix { $0 != "\n" }
  guard let end = line.indices.first(where: { line[$0] == "." && isSentenceEnd($0, in: line) }) else {
    return String(line)
  }
  return String(line[..<end])
}

private func isSentenceEnd(_ stop: Substring.Index, in line: Substring) -> Bool {
  let next = line.index(after: stop)
  return next == line.endIndex || line[next] == " "
}
