import Archives
import Bytes
import CommandLineSyntax
import Glibc
import Report
import Scan
import Stack

/// One result that `--output` asks for: a format and where it goes.
struct Output {
  enum Format: String, CaseIterable {
    case text, json
  }

  var format: Format
  /// nil: standard output.
  var file: Path?

  /// The outputs that the command line asks for; text on standard output when it asks for none.
  ///
  /// - Throws: a usage error for an unknown format, an empty name, or two outputs to one place.
  static func all(_ arguments: ParsedArguments) throws(UsageError) -> [Output] {
    let values = arguments.values(of: .output)
    var outputs = arguments.has(.json) ? [Output(format: .json)] : []
    guard !values.isEmpty || !outputs.isEmpty else { return [Output(format: .text)] }
    for value in values {
      let parts = value.bytes.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(decoding: parts[0], as: UTF8.self)
      guard let format = Format(rawValue: name) else {
        throw arguments.invalid(
          .output, value, "the formats are \(Format.allCases.map(\.rawValue).joined(separator: " and "))")
      }
      let file = parts.count > 1 ? Path(bytes: parts[1]) : nil
      if file?.bytes.isEmpty == true { throw arguments.invalid(.output, value, "the file has no name") }
      if outputs.contains(where: { $0.file == file }) {
        throw arguments.invalid(.output, value, "two results cannot go to the same place")
      }
      outputs.append(Output(format: format, file: file))
    }
    return outputs
  }

  /// Writes the result: a file appears whole or not at all.
  ///
  /// - Throws: a ``Problem`` when the system refuses. A closed pipe is none.
  func write(_ bytes: [UInt8]) throws(Problem) {
    guard let file else {
      let error = Terminal.write(bytes[...], to: STDOUT_FILENO)
      if error != 0, error != EPIPE {
        throw Problem(.unreadable, "standard output", observed: errorText(error))
      }
      return
    }
    if let kind = try? FileKind.of(file), kind != .regular {
      // Pipes and devices cannot be replaced: write into them.
      return try write(bytes, into: file)
    }
    let target = Self.resolved(file)
    let start = target.bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    let directory = try OutputDirectory(start == 0 ? Path(".") : Path(bytes: target.bytes[..<start]))
    let error = directory.write(bytes[...], to: Path(bytes: target.bytes[start...]), replaces: true)
    if error != 0 { throw Problem(.unreadable, "output file", observed: errorText(error)) }
  }

  /// The file that `path` leads to: a symbolic link such as /dev/stdout stays what it is.
  private static func resolved(_ path: Path) -> Path {
    guard let resolved = unsafe path.withCString({ unsafe realpath($0, nil) }) else { return path }
    defer { unsafe free(resolved) }
    return Path(bytes: unsafe Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved))))
  }

  private func write(_ bytes: [UInt8], into path: Path) throws(Problem) {
    let descriptor = unsafe path.withCString { unsafe open($0, O_WRONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw Problem(.unreadable, "output file", observed: errorText(errno)) }
    let error = Terminal.write(bytes[...], to: descriptor)
    let closed = close(descriptor) == 0 ? 0 : errno
    if error != 0 || closed != 0 {
      throw Problem(.unreadable, "output file", observed: errorText(error != 0 ? error : closed))
    }
  }
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

  /// Writes every output, text in `style` where it goes to standard output; returns whether all were written.
  func write(_ style: TextStyle, text: (TextStyle) -> [UInt8], json: () -> [UInt8]) -> Bool {
    var isComplete = true
    for output in self {
      do throws(Problem) {
        switch output.format {
        case .text: try output.write(text(output.file == nil ? style : TextStyle()))
        case .json: try output.write(json())
        }
      } catch {
        Terminal.report(
          "\(output.file?.description ?? "standard output"): cannot be written: \(error.observed ?? "")")
        isComplete = false
      }
    }
    return isComplete
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
    has(.into) || commandPath.last == "facts"
      || values(of: .output).contains { $0.bytes.contains(UInt8(ascii: "=")) }
  }

  /// A usage error about the value of a flag.
  func invalid(_ flag: Flag, _ value: Argument, _ why: String) -> UsageError {
    UsageError(.other("--\(flag.long) \(value): \(why)"), commandPath: commandPath)
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

  /// The scanner that `--jobs`, `--limit` and `--platform` ask for.
  var scanner: Scanner {
    get throws(UsageError) { Scanner(jobs: try jobs, limits: try limits, platform: try platform) }
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
