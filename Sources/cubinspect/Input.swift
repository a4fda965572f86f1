import Archives
import Bytes
import CommandLineSyntax
import Glibc
import Scan

/// What somebody names to be read: a path, or something that has to be fetched first.
enum Input {
  case path(Path)
  case standardInput
  /// An image in the store of docker or podman.
  case engine(program: String, image: String)
  /// An OCI layout.
  case layout(Path)
  /// A requirement as pip takes it.
  case package(String)
  /// An image in a registry: `HOST/REPO:TAG`, or with a digest.
  case registry(String)

  /// Words before a colon that make an argument more than a path. A file of such a name is named `./docker:app`.
  private static let schemes = ["docker", "podman", "oci", "pypi", "registry"]

  /// - Throws: an error that says what is wrong with the name behind the scheme.
  init(_ argument: Argument, _ arguments: ParsedArguments) throws(UsageError) {
    guard let scheme = Self.scheme(of: argument) else {
      self = argument.bytes.elementsEqual("-".utf8) ? .standardInput : .path(Path(bytes: argument.bytes))
      return
    }
    let rest = argument.bytes.dropFirst(scheme.utf8.count + 1)
    func refuse(_ why: String) -> UsageError {
      UsageError(.other("\(argument): \(why)"), commandPath: arguments.commandPath)
    }
    if scheme == "oci" {
      guard !rest.isEmpty else {
        throw refuse("write oci:DIR, where DIR is a folder with an OCI image layout")
      }
      self = .layout(Path(bytes: rest))
      return
    }
    let name = String(decoding: rest, as: UTF8.self)
    // Other programs take it as one argument, which must not look like an option of theirs.
    guard !name.isEmpty, !name.hasPrefix("-"), name.utf8.elementsEqual(rest), name.utf8.count <= 1024,
      name.unicodeScalars.allSatisfy({ $0.isASCII && $0.value >= 0x20 && $0.value != 0x7F })
    else { throw refuse("what follows \(scheme): is no name") }
    switch scheme {
    case "pypi":
      guard name.wholeMatch(of: Self.requirement) != nil else {
        throw refuse("write a requirement as pip takes it, such as pypi:torch==2.9.1 or pypi:torch[opt]<2.9")
      }
      self = .package(name)
    case "registry":
      guard name.wholeMatch(of: Self.reference) != nil else {
        throw refuse(
          "write HOST/REPO:TAG or HOST/REPO@DIGEST, such as registry:nvcr.io/nvidia/pytorch:25.09-py3")
      }
      self = .registry(name)
    default:
      guard name.wholeMatch(of: Self.reference) != nil else {
        throw refuse("write the name of an image as \(scheme) images shows it, such as \(scheme):app:latest")
      }
      self = .engine(program: scheme, image: name)
    }
  }

  /// The word before the colon that makes `argument` more than a path; nil for a path.
  static func scheme(of argument: Argument) -> String? {
    schemes.first { argument.bytes.starts(with: ($0 + ":").utf8) }
  }

  /// A name, extras and versions (PEP 508, without addresses and markers).
  private static var requirement: Regex<Substring> {
    /[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])? *(?:\[[A-Za-z0-9._, -]*\])? *(?:(?:===?|~=|!=|<=?|>=?) *[A-Za-z0-9.*+!_-]+ *(?:, *(?:===?|~=|!=|<=?|>=?) *[A-Za-z0-9.*+!_-]+ *)*)?/
  }

  /// Parts of letters and digits between slashes, a tag and a digest; or the start of a digest alone.
  private static var reference: Regex<Substring> {
    /[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*(?:\/[A-Za-z0-9._-]+)*(?::[A-Za-z0-9._-]+)?(?:@[A-Za-z0-9]+:[0-9a-fA-F]+)?/
  }

  /// The path in the file system of this machine; nil for everything else.
  var path: Path? { if case .path(let path) = self { path } else { nil } }
}

extension ParsedArguments {
  /// What the positional arguments name.
  var inputs: [Input] {
    get throws(UsageError) {
      var inputs: [Input] = []
      for argument in positionals { inputs.append(try Input(argument, self)) }
      let takesInput = values(of: .host).contains { $0.text == "-" }
      let streams =
        inputs.count { if case .standardInput = $0 { true } else { false } } + (takesInput ? 1 : 0)
      guard streams <= 1 else {
        throw UsageError(.other("-: standard input can be read once only"), commandPath: commandPath)
      }
      return inputs
    }
  }
}

/// What inputs became: what a scan starts at, and what has to stay until it has been read.
struct Fetched {
  var inputs: [ScanInput] = []
  /// Folders that are removed with this.
  fileprivate var folders: [TemporaryFolder] = []

  /// Fetches what has to be fetched.
  ///
  /// - Throws: an error that says why something is not there, and what would help.
  init(_ inputs: [Input], _ arguments: ParsedArguments) throws(UsageError) {
    let fetcher = try Fetcher(arguments)
    for input in inputs {
      do throws(Fetcher.Failure) {
        self.inputs.append(try fetcher.fetch(input, &folders))
      } catch {
        throw UsageError(.unusable(error.text), commandPath: arguments.commandPath)
      }
    }
  }
}
