import Archives
import Assessment
import Bytes
import CommandLineSyntax
import DeviceCode
import Glibc
import Report
import Scan
import Stack

/// One result that `--output` asks for: a format and where it goes.
struct Output {
  enum Format: String, CaseIterable {
    case text, short, json, ndjson, csv, tsv, markdown, html, sarif, junit, cyclonedx
  }

  var format: Format
  /// As it was named; nil: standard output.
  var file: Path?
  private var destination = Destination.standardOutput

  private init(_ format: Format) { self.format = format }

  /// A result that goes to `file`.
  ///
  /// - Parameter folder: a directory that the command makes.
  /// - Throws: an error that says why nothing can be written there.
  private init(
    _ format: Format, to file: Path, making folder: Path?, _ arguments: ParsedArguments
  ) throws(UsageError) {
    self.format = format
    self.file = file
    do throws(Problem) {
      destination = try Destination(file, making: folder)
    } catch {
      throw UsageError(
        .unusable("\(file): cannot be written: \(error.observed ?? "")"), commandPath: arguments.commandPath)
    }
  }

  /// The outputs that the command line asks for; text on standard output when it asks for none.
  ///
  /// - Parameters:
  ///   - inputs: what the command reads.
  ///   - folder: a directory that the command makes, and that results may go into.
  /// - Throws: a usage error for an unknown format, an empty name, two outputs to one place, one that is an input, and
  ///   one that cannot be written.
  static func all(
    _ arguments: ParsedArguments, reading inputs: [Path] = [], making folder: Path? = nil
  ) throws(UsageError) -> [Output] {
    // What is typed wins, and --json is a way to type --output.
    let isReplaced = arguments.has(.json) && arguments.source(of: .output) != nil
    let values = isReplaced ? [] : arguments.values(of: .output)
    let formats: [Format] =
      switch arguments.commandPath.last {
      case "scan", "check": Format.allCases
      case "tables", "config": [.text, .markdown, .csv, .tsv, .json]
      case "kernels": [.text, .json, .csv, .tsv]
      default: [.text, .json]
      }
    var outputs = arguments.has(.json) ? [Output(.json)] : []
    if values.isEmpty, outputs.isEmpty { outputs = [Output(.text)] }
    for value in values {
      let parts = value.bytes.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(decoding: parts[0], as: UTF8.self)
      guard let format = Format(rawValue: name), formats.contains(format) else {
        throw arguments.invalid(
          .output, value, "the formats are \(formats.map(\.rawValue).joined(separator: ", "))")
      }
      let file = parts.count > 1 ? Path(bytes: parts[1]) : nil
      if file?.bytes.isEmpty == true { throw arguments.invalid(.output, value, "the file has no name") }
      let output =
        if let file { try Output(format, to: file, making: folder, arguments) } else { Output(format) }
      if outputs.contains(where: { $0.file == file || $0.destination.isSame(as: output.destination) }) {
        throw arguments.invalid(.output, value, "two results cannot go to the same place")
      }
      outputs.append(output)
    }
    try check(outputs, arguments, reading: inputs)
    return outputs
  }

  /// The one output of a command that writes JSON, to the file that `flag` names or to standard output.
  ///
  /// - Throws: a usage error for an empty name, one that is an input, and one that cannot be written.
  static func json(
    _ arguments: ParsedArguments, _ flag: Flag, reading inputs: [Path]
  ) throws(UsageError) -> Output {
    var output = Output(.json)
    if let value = arguments.value(of: flag) {
      guard !value.bytes.isEmpty else { throw arguments.invalid(flag, value, "the file has no name") }
      output = try Output(.json, to: Path(bytes: value.bytes), making: nil, arguments)
    }
    try check([output], arguments, reading: inputs)
    return output
  }

  private static func check(
    _ outputs: [Output], _ arguments: ParsedArguments, reading inputs: [Path]
  ) throws(UsageError) {
    let inputs =
      inputs
      + [Flag.imageConfig, .data, .host, .bom].flatMap { arguments.values(of: $0) }.map {
        Path(bytes: $0.bytes)
      }
    for output in outputs {
      let conflict: String
      if let input = output.destination.input(among: inputs) {
        conflict = "is the input \(input) too"
      } else if let folder = output.destination.ancestor(among: inputs), output.file.map(isScanned) == true {
        conflict = "is one of the files to read in \(folder)"
      } else {
        continue
      }
      throw UsageError(
        .other("\(output.name): \(conflict), and would be lost"), commandPath: arguments.commandPath)
    }
  }

  /// Whether a scan would read the file for what it holds. A report of the last scan is no such file.
  private static func isScanned(_ path: Path) -> Bool {
    guard let file = try? FileBytes(path: path),
      let prefix = try? file.bytes(
        at: 0, count: Int(min(file.size, UInt64(InspectedFile.prefixSize))), "file")
    else { return false }
    return InspectedFile.mayHoldDeviceCode(prefix: prefix[...]) || ZipArchive.isZip(prefix: prefix.prefix(4))
      || (try? TarArchive.isTar(file)) == true
  }

  /// Whether it goes to the entry `name` of `directory`.
  func isEntry(_ name: Path, of directory: OutputDirectory) -> Bool {
    destination.isEntry(name, of: directory)
  }

  /// What a message calls it.
  var name: String { file?.description ?? "standard output" }

  /// Writes the result: a file appears whole or not at all.
  ///
  /// - Throws: a ``Problem`` when the system refuses. A closed pipe is none.
  func write(_ bytes: [UInt8]) throws(Problem) { try destination.write(bytes) }
}

extension [Output] {
  /// Reports the problems of a file on standard error, unless the text on the terminal shows them already; returns
  /// whether one of them is a failure.
  func report(_ problems: [Problem], of path: Path) -> Bool {
    if !showsTextOnTerminal {
      for problem in problems.grouped { Terminal.report("\(path): \(problem.description)") }
    }
    return problems.contains(where: \.isFailure)
  }

  /// Writes every output that `make` makes, text in `style` where it goes to standard output; returns whether all were written.
  func write(_ style: TextStyle, _ make: (Output.Format, TextStyle) -> [UInt8]) -> Bool {
    var isComplete = true
    for output in self {
      do throws(Problem) {
        try output.write(make(output.format, output.file == nil ? style : style.forFile))
      } catch {
        Terminal.report(
          "\(output.name): cannot be written: \(error.observed ?? "")")
        isComplete = false
      }
    }
    return isComplete
  }

  /// The same for a command that writes text and JSON.
  func write(_ style: TextStyle, text: (TextStyle) -> [UInt8], json: () -> [UInt8]) -> Bool {
    write(style) { format, style in format == .json ? json() : text(style) }
  }

  /// Whether a person sees the text report on the terminal, with all problems in it.
  var showsTextOnTerminal: Bool {
    contains { $0.format == .text && $0.file == nil } && isatty(STDOUT_FILENO) == 1
  }
}

extension ParsedArguments {
  /// Whether nothing but errors goes to standard error.
  var isQuiet: Bool { has(.quiet) }

  /// Whether the command writes files, and not only to standard output.
  var writesFiles: Bool {
    has(.into) || has(.cache) || commandPath.last == "facts"
      || values(of: .output).contains { $0.bytes.contains(UInt8(ascii: "=")) }
  }

  /// A usage error about the value of a flag.
  func invalid(_ flag: Flag, _ value: Argument, _ why: String) -> UsageError {
    let name = source(of: flag) ?? "--\(flag.long)"
    return UsageError(.other("\(name) \(value): \(why)"), commandPath: commandPath)
  }

  /// The configurations that `--image-config` names.
  var images: [ImageConfiguration] {
    get throws(UsageError) {
      var images: [ImageConfiguration] = []
      for file in values(of: .imageConfig) {
        do throws(Problem) {
          images += try ImageConfiguration.read(
            readAll(Path(bytes: file.bytes), limit: ImageConfiguration.sizeLimit))
        } catch {
          throw invalid(.imageConfig, file, error.description)
        }
      }
      return images
    }
  }

  /// The version of Python that `--python` names: its first two numbers.
  var pythonVersion: String? {
    get throws(UsageError) {
      guard let value = value(of: .python) else { return nil }
      guard value.text.wholeMatch(of: /[0-9]{1,2}\.[0-9]{1,3}/) != nil else {
        throw invalid(.python, value, "write a version such as 3.12")
      }
      return value.text
    }
  }

  /// The scanner that `--jobs`, `--limit`, `--platform` and `--follow-links` ask for.
  var scanner: Scanner {
    get throws(UsageError) {
      Scanner(jobs: try jobs, limits: try limits, platform: try platform, linkedFolders: try linkedFolders)
    }
  }

  private var linkedFolders: [LinkedFolder] {
    get throws(UsageError) {
      var folders: [LinkedFolder] = []
      for value in values(of: .followLinks) {
        do throws(Problem) {
          folders.append(try LinkedFolder(Path(bytes: value.bytes)))
        } catch {
          throw invalid(.followLinks, value, error.description)
        }
      }
      return folders
    }
  }

  private var limits: ArchiveLimits {
    get throws(UsageError) {
      var limits = ArchiveLimits()
      for value in values(of: .limit) {
        let parts = value.text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = ArchiveLimits.Name(rawValue: String(parts[0])), parts.count == 2 else {
          let names = ArchiveLimits.Name.allCases.map(\.rawValue).joined(separator: ", ")
          throw invalid(.limit, value, "write NAME=VALUE, where NAME is one of \(names)")
        }
        let number = name.isSize ? ByteSize(String(parts[1]))?.bytes : UInt64(parts[1])
        guard let number, (1...UInt64(Int.max)).contains(number) else {
          throw invalid(.limit, value, "write a number from 1 on" + (name.isSize ? ", such as 16GiB" : ""))
        }
        limits[name] = number
      }
      return limits
    }
  }

  private var platform: ContainerImage.Platform? {
    get throws(UsageError) {
      guard let value = value(of: .platform) else { return nil }
      guard let platform = ContainerImage.Platform(value.text) else {
        throw invalid(.platform, value, "write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64")
      }
      return platform
    }
  }

  /// How many threads `--jobs` allows.
  var jobs: Int {
    get throws(UsageError) {
      guard let value = value(of: .jobs) else { return Terminal.processors }
      guard let jobs = Int(value.text), (1...1024).contains(jobs) else {
        throw invalid(.jobs, value, "write a number from 1 to 1024")
      }
      return jobs
    }
  }
}
