import Bytes
import Glibc

/// The Python environment that somebody works in: what a job that starts here would import.
struct PythonEnvironment {
  enum Origin: String {
    /// The variable of an environment that `activate` made the active one.
    case virtualEnvironment = "VIRTUAL_ENV"
    /// The variable of a conda environment.
    case conda = "CONDA_PREFIX"
    /// The Python that would start.
    case path = "PATH"
  }

  var origin: Origin
  /// The folders that have its packages.
  var paths: [Path]
  /// How it was found, in sentences.
  var notes: [String]

  /// Why there is none: what was looked for.
  struct NotFound: Error {
    var text: String
  }

  /// The environment that is active, else that of the Python that would start.
  static func current() throws(NotFound) -> PythonEnvironment {
    var notes: [String] = []
    for (origin, prefix) in active {
      guard isFolder(prefix) else {
        notes.append("\(origin.rawValue) names \(Path(prefix)), where there is no folder")
        continue
      }
      let what = origin == .conda ? "conda environment" : "virtual environment"
      var environment = PythonEnvironment(
        origin: origin, paths: [Path(prefix)],
        notes: notes + ["looked at \(Path(prefix)), the active \(what) (\(origin.rawValue))"])
      environment.addSystemPackages(of: prefix)
      return environment
    }
    for name in ["python3", "python"] {
      if let environment = try ofProgram(name, notes) { return environment }
    }
    notes.append("neither VIRTUAL_ENV nor CONDA_PREFIX names an environment, and PATH leads to no python3")
    throw NotFound(text: notes.joined(separator: "; "))
  }

  /// The variables that are set, that of the environment whose programs come first along PATH before the other.
  private static var active: [(origin: Origin, prefix: String)] {
    let folders = Terminal.programFolders
    return [Origin.virtualEnvironment, .conda].map { ($0, Terminal.environment($0.rawValue)) }
      .filter { $0.1.hasPrefix("/") }
      .enumerated()
      .sorted { left, right in
        let places = [left, right].map { folders.firstIndex(of: $0.element.1 + "/bin") ?? folders.count }
        return (places[0], left.offset) < (places[1], right.offset)
      }.map { ($0.element.0, $0.element.1) }
  }

  // MARK: The Python that would start

  private static func ofProgram(_ name: String, _ notes: [String]) throws(NotFound) -> PythonEnvironment? {
    guard let program = Terminal.programFolders.map({ "\($0)/\(name)" }).first(where: { isProgram($0) })
    else { return nil }
    // An environment that is used without being activated: its own name leads to it, the file does not.
    let prefix = prefix(of: program)
    if let prefix, exists("\(prefix)/pyvenv.cfg") {
      var environment = PythonEnvironment(
        origin: .path, paths: [Path(prefix)],
        notes: notes + [
          "looked at \(Path(prefix)), the virtual environment of \(Path(program)), which PATH leads to"
        ])
      environment.addSystemPackages(of: prefix)
      return environment
    }
    guard let file = realPath(program) else { return nil }
    if isELF(file), let prefix = Self.prefix(of: file) {
      let paths = packageFolders(prefix, program: file)
      if !paths.isEmpty {
        return PythonEnvironment(
          origin: .path, paths: paths,
          notes: notes + ["looked at the packages of \(Path(program)), which PATH leads to"])
      }
    }
    // A script that chooses one, as pyenv's: it alone knows which.
    let paths = asked(program)
    guard !paths.isEmpty else {
      throw NotFound(
        text: (notes + ["\(Path(program)), which PATH leads to, does not tell where its packages are"])
          .joined(separator: "; "))
    }
    return PythonEnvironment(
      origin: .path, paths: paths,
      notes: notes + ["looked at the packages of \(Path(program)), which PATH leads to, as it says itself"])
  }

  /// The folder above the `bin` that a program is in.
  private static func prefix(of program: String) -> String? {
    let parts = program.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[parts.count - 2] == "bin" else { return nil }
    return parts.dropLast(2).joined(separator: "/")
  }

  /// The folders in which a Python of this prefix looks for packages, as far as they are there: its own, Debian's, and the
  /// user's.
  private static func packageFolders(_ prefix: String, program: String) -> [Path] {
    let name = program.split(separator: "/").last.map(String.init) ?? ""
    let versions = fileNames(in: "\(prefix)/lib").filter { $0.wholeMatch(of: /python3\.[0-9]+t?/) != nil }
    guard let version = versions.contains(name) ? name : versions.count == 1 ? versions[0] : nil else {
      return []
    }
    var folders = ["\(prefix)/lib/\(version)/site-packages"]
    if prefix == "/usr" {
      folders += ["/usr/local/lib/\(version)/dist-packages", "/usr/lib/python3/dist-packages"]
    }
    let home = Terminal.environment("HOME")
    if home.hasPrefix("/") { folders.append("\(home)/.local/lib/\(version)/site-packages") }
    return folders.filter(isFolder).map { Path($0) }
  }

  /// Bytes of an answer.
  private static let answerLimit = 1 << 16

  /// What a Python says where its packages are.
  private static func asked(_ program: String) -> [Path] {
    let question =
      #"import site; print("\n".join(site.getsitepackages() + [site.getusersitepackages()]))"#
    let process = ChildProcess(
      program: program, arguments: ["-I", "-c", question], deadline: .now + .seconds(10))
    guard let answer = try? process.output(limit: answerLimit) else { return [] }
    var folders: [String] = []
    for line in String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    where line.hasPrefix("/") && !folders.contains(line) && isFolder(line) { folders.append(line) }
    return folders.map { Path($0) }
  }

  /// Adds the packages of the Python that a virtual environment was made with, where it is to see them.
  private mutating func addSystemPackages(of prefix: String) {
    guard let bytes = try? readAll(Path("\(prefix)/pyvenv.cfg"), limit: Self.answerLimit) else { return }
    var values: [String: String] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != "\r" } }
      guard parts.count == 2 else { continue }
      let key = parts[0].filter { !$0.isWhitespace }.lowercased()
      values[key] = String(parts[1].drop(while: \.isWhitespace))
    }
    guard values["include-system-site-packages"]?.lowercased() == "true", let home = values["home"],
      let file = Self.realPath("\(home)/python3"), let base = Self.prefix(of: file)
    else { return }
    let more = Self.packageFolders(base, program: file)
    guard !more.isEmpty else { return }
    paths += more
    notes.append(
      "and at the packages of \(Path(base)), which it uses as well; each folder is judged by itself")
  }

  // MARK: Files

  private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  private static func isFolder(_ path: String) -> Bool { (try? FileKind.of(Path(path))) == .directory }

  private static func isProgram(_ path: String) -> Bool {
    guard (try? FileKind.of(Path(path))) == .regular else { return false }
    return unsafe access(path, X_OK) == 0
  }

  private static func isELF(_ path: String) -> Bool {
    guard let file = try? FileBytes(path: Path(path)) else { return false }
    return (try? file.bytes(at: 0, count: 4, "file")) == [0x7F, 0x45, 0x4C, 0x46]
  }

  /// The file that a name leads to, without symbolic links on the way.
  private static func realPath(_ path: String) -> String? { Path(path).resolved?.text }
}
