extension Command {
  /// Reads a command line, the program's own name left out.
  ///
  /// Flags may stand anywhere, as `--flag=value`, `--flag value`, `-f value`, `-fvalue`, and switches together as
  /// `-qv`; `--` ends them, and a lone `-` is a positional argument.
  ///
  /// - Parameters:
  ///   - environment: the values of environment variables, which stand for flags that were not typed; nil for one that is not
  ///     set. See ``variables(for:of:)``.
  ///   - configuration: reads the configuration file, which stands for flags that neither was typed nor has a variable; it is given
  ///     these. Nil where there is none.
  public func parse(
    _ arguments: [Argument], environment: (String) -> Argument? = { _ in nil },
    configuration: (ParsedArguments) throws(UsageError) -> Configuration? = { _ in nil }
  ) throws(UsageError) -> ParsedArguments {
    var parser = Parser(program: self)
    for argument in arguments {
      try parser.read(argument)
    }
    return try parser.finish(environment, configuration)
  }
}

private struct Parser {
  let program: Command
  var command: Command
  var result: ParsedArguments
  /// The flag whose value is the next word.
  var pending: Flag?
  var flagsEnded = false

  init(program: Command) {
    self.program = program
    command = program
    result = ParsedArguments(commandPath: [program.name])
  }

  /// The flags that are known at this point, the program's own included.
  var flags: [Flag] {
    result.commandPath.count > 1 ? command.flags + program.flags : program.flags
  }

  func failure(_ reason: UsageError.Reason, suggestions: [String] = []) -> UsageError {
    UsageError(reason, commandPath: result.commandPath, suggestions: suggestions)
  }

  mutating func read(_ argument: Argument) throws(UsageError) {
    let bytes = argument.bytes
    if let flag = pending {
      pending = nil
      try record(flag, argument)
    } else if flagsEnded || bytes.first != UInt8(ascii: "-") || bytes.count == 1 {
      try readPositional(argument)
    } else if bytes.elementsEqual("--".utf8) {
      flagsEnded = true
    } else if bytes.starts(with: "--".utf8) {
      try readLong(argument)
    } else {
      try readShort(argument)
    }
  }

  mutating func readPositional(_ argument: Argument) throws(UsageError) {
    guard !command.subcommands.isEmpty else {
      result.positionals.append(argument)
      return
    }
    guard let subcommand = command.subcommand(argument.text) else {
      throw failure(
        .unknownCommand(argument),
        suggestions: nearMatches(for: argument.text, in: command.visibleSubcommands.map(\.name)))
    }
    command = subcommand
    result.commandPath.append(subcommand.name)
  }

  mutating func readLong(_ argument: Argument) throws(UsageError) {
    let parts = argument.bytes.dropFirst(2).split(
      separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(decoding: parts[0], as: UTF8.self)
    let value = parts.count == 2 ? Argument(bytes: Array(parts[1])) : nil
    guard let flag = flags.first(where: { $0.long == name }) else {
      throw unknownFlag(Argument("--" + name), named: name)
    }
    if let value {
      try record(flag, value)
    } else if flag.takesNextWord {
      pending = flag
    } else {
      try record(flag, nil)
    }
  }

  mutating func readShort(_ argument: Argument) throws(UsageError) {
    var rest = argument.bytes.dropFirst()
    while let letter = rest.popFirst() {
      guard let flag = flags.first(where: { $0.short?.asciiValue == letter }) else {
        // One dash before a long name is the likelier slip.
        let name = String(
          decoding: argument.bytes.dropFirst().prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
        let isCluster = argument.bytes.count == 2 || flags.allSatisfy { $0.long != name }
        let typed = letter < 0x80 && isCluster ? Argument(bytes: [UInt8(ascii: "-"), letter]) : argument
        throw unknownFlag(typed, named: name)
      }
      if flag.takesNextWord {
        if rest.isEmpty {
          pending = flag
        } else {
          try record(flag, Argument(bytes: Array(rest)))
        }
        return
      }
      try record(flag, nil)
    }
  }

  func unknownFlag(_ typed: Argument, named name: String) -> UsageError {
    let visible = flags.filter { !$0.isHidden }
    let suggestions =
      typed.bytes.count > 2 ? nearMatches(for: name, in: visible.map(\.long)).map { "--" + $0 } : []
    return failure(.unknownFlag(typed), suggestions: suggestions)
  }

  mutating func record(_ flag: Flag, _ value: Argument?) throws(UsageError) {
    if let value {
      if case .switch = flag.kind { throw failure(.unexpectedValue(flag, value)) }
      try flag.values.check(value, of: flag.dashed, result.commandPath)
    }
    switch flag.kind {
    case .value, .optionalValue:
      if result.has(flag) { throw failure(.repeatedFlag(flag)) }
    case .switch, .repeated:
      break
    }
    result.occurrences.append(.init(flag: flag.long, value: value))
  }

  /// Adds the flags that environment variables stand for.
  mutating func readEnvironment(_ environment: (String) -> Argument?) throws(UsageError) {
    let name = result.commandPath.count > 1 ? command.name : nil
    for flag in flags where !result.has(flag) {
      guard let (variable, value) = program.setting(of: flag, in: name, by: environment) else { continue }
      let occurrences: [ParsedArguments.Occurrence]
      do throws(UsageError.Reason) {
        occurrences = try flag.occurrences(from: value, of: variable)
      } catch {
        throw failure(error)
      }
      for case let value? in occurrences.map(\.value) {
        try flag.values.check(value, of: variable, result.commandPath)
      }
      result.occurrences += occurrences
    }
  }

  /// Adds the flags that a configuration file sets.
  mutating func readConfiguration(_ configuration: Configuration) throws(UsageError) {
    try program.check(configuration, result.commandPath)
    let name = result.commandPath.count > 1 ? command.name : nil
    for flag in flags where !result.has(flag) {
      guard let setting = configuration.setting(of: flag, in: name) else { continue }
      do throws(UsageError.Reason) {
        result.occurrences += try configuration.occurrences(of: flag, by: setting)
      } catch {
        throw failure(error)
      }
    }
    result.configuration = configuration
  }

  mutating func finish(
    _ environment: (String) -> Argument?,
    _ configuration: (ParsedArguments) throws(UsageError) -> Configuration?
  ) throws(UsageError) -> ParsedArguments {
    if let pending { throw failure(.missingValue(pending)) }
    if flags.contains(where: { $0.replacesCommand && result.has($0) }) { return result }
    if !command.subcommands.isEmpty {
      guard let subcommand = command.defaultSubcommand.flatMap({ command.subcommand($0) }) else {
        throw failure(.missingCommand)
      }
      command = subcommand
      result.commandPath.append(subcommand.name)
      result.isCommandImplied = true
    }
    try readEnvironment(environment)
    if let configuration = try configuration(result) { try readConfiguration(configuration) }

    let expected = command.positionals
    for (place, positional) in expected.enumerated() where positional.isRequired {
      if place >= result.positionals.count { throw failure(.missingArgument(positional)) }
    }
    for (place, argument) in result.positionals.enumerated() {
      guard let positional = place < expected.count ? expected[place] : expected.last,
        place < expected.count || positional.repeats
      else { throw failure(.unexpectedArgument(argument)) }
      try positional.values.check(argument, of: positional.name, result.commandPath)
    }
    return result
  }
}
