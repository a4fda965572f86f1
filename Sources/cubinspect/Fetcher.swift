import Archives
import Bytes
import CommandLineSyntax
import Compatibility
import Glibc
import Scan

/// Makes of an input what a scan can start at. Images and packages come from the clients that are installed, which know the
/// credentials; nothing here speaks to a network.
struct Fetcher {
  /// Why something is not there, in one line.
  struct Failure: Error {
    var text: String
  }

  private let limit: UInt64
  private let platform: ContainerImage.Platform?
  private let python: String?
  private let blobs: Path?
  /// Where facts of layers are, and what they are read by.
  private let layers: (folder: Path, tables: TableSet)?
  private let patience: Duration
  private let isQuiet: Bool

  /// Seconds after which a client that does nothing is ended.
  static let timeoutVariable = "CUBINSPECT_CLIENT_TIMEOUT"

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let scanner = try arguments.scanner
    limit = scanner.limits.inputSize
    platform = scanner.platform
    python = try arguments.pythonVersion
    blobs = arguments.value(of: .blobs).map { Path(bytes: $0.bytes) }
    layers = try arguments.value(of: .layers).map { (folder) throws(UsageError) in
      (Path(bytes: folder.bytes), try arguments.tables)
    }
    let seconds = Terminal.environment(Self.timeoutVariable)
    patience = Int(seconds).flatMap { (1...1_000_000).contains($0) ? .seconds($0) : nil } ?? .seconds(600)
    isQuiet = arguments.isQuiet
  }

  /// - Parameter folders: takes the folders that have to stay until the input has been read.
  func fetch(_ input: Input, _ folders: inout [TemporaryFolder]) throws(Failure) -> ScanInput {
    switch input {
    case .path(let path):
      guard blobs != nil || layers != nil, ImageArchive.isImage(folder: path) else {
        return ScanInput(name: path)
      }
      return try layout(path)
    case .layout(let path): return try layout(path)
    case .standardInput: return ScanInput(name: Path("standard input"), place: .file(try standardInput()))
    case .engine(let program, let image):
      return ScanInput(name: Path("\(program):\(image)"), place: .file(try saved(image, by: program)))
    case .package(let requirement): return ScanInput(name: try wheel(requirement))
    case .registry(let reference):
      return ScanInput(
        name: Path("registry:\(reference)"), place: try image(inRegistry: reference, &folders))
    }
  }

  private func layout(_ path: Path) throws(Failure) -> ScanInput {
    var store: LayerStore?
    do throws(Problem) {
      if let layers { store = try LayerStore(layers.folder, by: layers.tables) }
    } catch {
      throw Failure(text: "\(layers?.folder ?? path): \(error.description)")
    }
    return ScanInput(name: path, place: .image(folder: path, blobs: blobs, layers: store))
  }

  // MARK: Standard input

  /// Standard input: the file that it is, or a copy of the stream, because archives are read at random.
  private func standardInput() throws(Failure) -> FileBytes {
    let name = "standard input"
    guard let status = FileStatus(of: STDIN_FILENO) else {
      throw Failure(text: "\(name): \(errorText(errno))")
    }
    if status.kind == .regular {
      let copy = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
      return try adopt(copy, name)
    }
    guard status.kind != .directory else {
      throw Failure(text: "\(name) is a directory: name it as a PATH")
    }
    guard isatty(STDIN_FILENO) == 0 else {
      throw Failure(
        text: "\(name) is a terminal; a file comes into it by: docker save app | cubinspect scan -")
    }
    let file = try temporaryFile(name)
    var size: UInt64 = 0
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(STDIN_FILENO, bytes.baseAddress, bytes.count)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN {
        var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&request, 1, -1)
        continue
      }
      guard count >= 0 else {
        close(file)
        throw Failure(text: "\(name): \(errorText(errno))")
      }
      if count == 0 { break }
      size += UInt64(count)
      let error = size > limit ? 0 : Terminal.write(buffer[..<count], to: file)
      guard size <= limit, error == 0 else {
        close(file)
        throw size > limit ? tooMuch(name) : notKept(name, errorText(error))
      }
    }
    guard size > 0 else {
      close(file)
      throw Failure(text: "\(name) is empty")
    }
    return try adopt(file, name)
  }

  // MARK: docker and podman

  /// What `docker save` writes of an image.
  private func saved(_ image: String, by program: String) throws(Failure) -> FileBytes {
    let name = "\(program):\(image)"
    announce("\(program) save \(image)")
    let file = try temporaryFile(name)
    do throws(ChildProcess.Failure) {
      try ChildProcess(program: program, arguments: ["save", "--", image], patience: patience)
        .write(into: file, limit: limit)
    } catch {
      close(file)
      let saving = "where it is there: \(program) save \(image) -o image.tar, then cubinspect scan image.tar"
      var help = saving
      if case .status(_, let messages) = error,
        ["No such image", "no such image", "image not known", "reference does not exist"].contains(
          where: messages.contains)
      {
        help = "\(program) pull \(image) fetches it"
      }
      throw failure(name, program, error, help: help)
    }
    return try adopt(file, name)
  }

  // MARK: Registries

  private func image(
    inRegistry reference: String, _ folders: inout [TemporaryFolder]
  ) throws(Failure) -> ScanInput.Place {
    let name = "registry:\(reference)"
    if let place = try copied(reference, name, &folders) { return place }
    for program in ["docker", "podman"] {
      if let file = try pulled(reference, name, by: program) { return .file(file) }
    }
    if let place = try written(reference, name, &folders) { return place }
    throw Failure(
      text: "\(name): none of skopeo, docker and podman is installed; apt-get install skopeo installs one")
  }

  /// What the Python side of this program fetches; nil where it is not installed beside the program.
  private func written(
    _ reference: String, _ name: String, _ folders: inout [TemporaryFolder]
  ) throws(Failure) -> ScanInput.Place? {
    guard let (packages, python) = PythonPackage.fleet else { return nil }
    let folder = try temporaryFolder(name)
    let layout = folder.path.appending("image".utf8)
    // In isolated mode Python takes nothing from the working directory, nor from variables.
    let script =
      "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'cubinspect'; "
      + "runpy.run_module('cubinspect.fleet', run_name='__main__')"
    var arguments = ["-I", "-c", script, packages, "pull", "--quiet"]
    if let platform { arguments += ["--platform", platform.description] }
    announce("python -m cubinspect.fleet pull \(reference)")
    do throws(ChildProcess.Failure) {
      try ChildProcess(
        program: python, arguments: arguments + ["--", reference, layout.text],
        environment: [("TMPDIR", folder.path.text)], patience: patience
      ).run(limit: limit) { folder.size }
    } catch {
      if case .notStarted = error { return nil }
      throw failure(
        name, "python", error,
        help:
          "python -m cubinspect.fleet pull \(reference) DIR asks for it alone, and skopeo would be taken first"
      )
    }
    folders.append(folder)
    return .image(folder: layout, blobs: nil)
  }

  /// What skopeo copies, each layer as it is stored; nil where there is no skopeo.
  private func copied(
    _ reference: String, _ name: String, _ folders: inout [TemporaryFolder]
  ) throws(Failure) -> ScanInput.Place? {
    let folder = try temporaryFolder(name)
    let layout = folder.path.appending("image".utf8)
    // In what skopeo takes, the path ends at a colon.
    guard !layout.bytes.contains(UInt8(ascii: ":")) else {
      throw Failure(text: "\(name): skopeo takes no folder with a colon; TMPDIR names another one")
    }
    // The name that the image has there: not all names in registries may stand in a layout.
    let isPlain = reference.wholeMatch(of: /[A-Za-z0-9]+(?:[-._:@+\/][A-Za-z0-9]+)*/) != nil
    var arguments = ["copy", "--quiet"]
    if let platform {
      arguments += [
        "--override-os", platform.operatingSystem, "--override-arch", platform.architecture,
      ]
      if let variant = platform.variant { arguments += ["--override-variant", variant] }
    }
    // Nothing on the way could listen in; docker takes it so too.
    if isLoopback(reference) { arguments.append("--src-tls-verify=false") }
    announce("skopeo copy docker://\(reference)")
    do throws(ChildProcess.Failure) {
      try ChildProcess(
        program: "skopeo",
        arguments: arguments + [
          "docker://\(reference)", "oci:\(layout.text):\(isPlain ? reference : "image")",
        ],
        environment: [("TMPDIR", folder.path.text)], patience: patience
      ).run(limit: limit) { folder.size }
    } catch {
      if case .notStarted = error, !isInstalled("skopeo") { return nil }
      throw failure(name, "skopeo", error, help: help(error, "skopeo", reference))
    }
    folders.append(folder)
    return .image(folder: layout, blobs: nil)
  }

  /// What docker or podman fetches, which is removed again where it was not there before; nil where there is no such
  /// program.
  private func pulled(_ reference: String, _ name: String, by program: String) throws(Failure) -> FileBytes? {
    func run(_ arguments: String...) throws(ChildProcess.Failure) {
      try ChildProcess(program: program, arguments: arguments, patience: patience).run()
    }
    do throws(ChildProcess.Failure) {
      try run("image", "inspect", "--", reference)
    } catch {
      if case .notStarted = error { return nil }
      let removal = ChildProcess(
        program: program, arguments: ["image", "rm", "--", reference], patience: patience)
      return try removal.after { () throws(Failure) in
        announce("\(program) pull \(reference)")
        do throws(ChildProcess.Failure) {
          if let platform {
            try run("pull", "--quiet", "--platform", platform.description, "--", reference)
          } else {
            try run("pull", "--quiet", "--", reference)
          }
        } catch {
          throw failure(name, program, error, help: help(error, program, reference))
        }
        return try saved(reference, by: program)
      }
    }
    return try saved(reference, by: program)
  }

  /// The command that would help where a registry gives no image.
  private func help(_ error: ChildProcess.Failure, _ program: String, _ reference: String) -> String {
    if case .status(_, let messages) = error {
      let host = reference.split(separator: "/").first.map(String.init) ?? reference
      let words = messages.lowercased()
      if ["unauthorized", "authentication required", "denied", "403", "401"].contains(where: words.contains) {
        return "\(program) login \(host) gives it credentials"
      }
      if ["manifest unknown", "not found", "name unknown"].contains(where: words.contains) {
        return "skopeo list-tags docker://\(reference.prefix { $0 != "@" }.withoutTag) lists what there is"
      }
    }
    return program == "skopeo"
      ? "skopeo inspect docker://\(reference) asks for it alone"
      : "\(program) pull \(reference) asks for it alone"
  }

  /// Whether a registry is on this machine: `localhost:5000/app`.
  private func isLoopback(_ reference: String) -> Bool {
    let host = reference.prefix { $0 != "/" }
    guard host.count < reference.count else { return false }
    let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
    return name == "localhost" || name == "[::1]" || name.wholeMatch(of: /127(?:\.[0-9]{1,3}){3}/) != nil
  }

  // MARK: PyPI

  /// The wheel that pip downloads for a requirement, in the user's cache.
  private func wheel(_ requirement: String) throws(Failure) -> Path {
    let name = "pypi:\(requirement)"
    let cache = try cacheFolder(name)
    let key = (requirement + "," + (python ?? "") + "," + (platform?.description ?? ""))
      .filter { $0 != " " }.map { $0.isLetter || $0.isNumber || ".=+-_,".contains($0) ? $0 : "_" }
    let place = cache.appending(String(key).utf8)
    let isFixed = requirement.firstMatch(of: /===?[^*,]+$/) != nil
    // Without a version of Python it is that of pip, which may be another one tomorrow.
    if isFixed, python != nil, let wheel = wheels(in: place).first { return place.appending(wheel.utf8) }

    let folder: TemporaryFolder
    do throws(Problem) {
      folder = try TemporaryFolder(in: cache)
    } catch {
      throw Failure(text: "\(name): \(error)")
    }
    let wheels = folder.path.appending("wheels".utf8)
    var arguments = [
      "download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check",
      "--progress-bar=off", "--dest", wheels.text,
    ]
    if let python { arguments += ["--python-version", python] }
    if let platform { arguments += try tags(of: platform, name).flatMap { ["--platform", $0] } }
    announce("pip download --no-deps '\(requirement)'")
    var failure: ChildProcess.Failure?
    for (program, first) in [("pip", []), ("pip3", []), ("python3", ["-m", "pip"])] {
      failure = nil
      do throws(ChildProcess.Failure) {
        try ChildProcess(
          program: program, arguments: first + arguments + ["--", requirement],
          environment: [("TMPDIR", folder.path.text)], patience: patience
        ).run(limit: limit) { folder.size }
        break
      } catch {
        failure = error
        guard case .notStarted = error else { break }
      }
    }
    if let failure {
      var help = "where pip works: pip download --no-deps '\(requirement)', then cubinspect scan *.whl"
      if case .status(_, let messages) = failure, messages.contains("No matching distribution") {
        let package = requirement.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) }
        help =
          "pip index versions \(package) lists what there is; --python and --platform ask for another Python or machine"
      }
      throw self.failure(name, "pip", failure, help: help)
    }
    guard let wheel = self.wheels(in: wheels).first else {
      throw Failure(text: "\(name): pip has downloaded no wheel")
    }
    let target = place.appending(wheel.utf8)
    _ = unsafe place.withCString { unsafe mkdir($0, 0o700) }
    let source = wheels.appending(wheel.utf8)
    let moved = unsafe source.withCString { source in unsafe target.withCString { unsafe rename(source, $0) }
    }
    guard moved == 0 else { throw Failure(text: "\(name): \(target): \(errorText(errno))") }
    return target
  }

  private func wheels(in folder: Path) -> [String] {
    fileNames(in: folder.text).filter { $0.hasSuffix(".whl") }.sorted()
  }

  /// The folder for wheels in the user's cache, which is made where it is missing.
  private func cacheFolder(_ name: String) throws(Failure) -> Path {
    let named = Terminal.environment("XDG_CACHE_HOME")
    let home = Terminal.environment("HOME")
    guard named.hasPrefix("/") || home.hasPrefix("/") else {
      throw Failure(text: "\(name): XDG_CACHE_HOME and HOME name no folder for the cache")
    }
    var path = Path(named.hasPrefix("/") ? named : home + "/.cache")
    for part in ["", "cubinspect", "wheels"] {
      if !part.isEmpty { path = path.appending(part.utf8) }
      let made = unsafe path.withCString { unsafe mkdir($0, 0o700) }
      guard made == 0 || errno == EEXIST else { throw Failure(text: "\(name): \(path): \(errorText(errno))") }
    }
    return path
  }

  /// The tags of wheels for a platform, for each GNU C library.
  private func tags(of platform: ContainerImage.Platform, _ name: String) throws(Failure) -> [String] {
    let machines = ["amd64": "x86_64", "arm64": "aarch64"]
    guard platform.operatingSystem == "linux", let machine = machines[platform.architecture] else {
      throw Failure(
        text: "\(name): --platform \(platform): wheels are fetched for linux/amd64 and linux/arm64")
    }
    return (5...45).reversed().map { "manylinux_2_\($0)_\(machine)" }
      + ["manylinux2014_\(machine)", "manylinux2010_\(machine)", "manylinux1_\(machine)", "linux_\(machine)"]
  }

  // MARK: Common parts

  /// Says on a terminal what takes so long.
  private func announce(_ command: String) {
    if ProgressLine.isPossible(isQuiet: isQuiet) { Terminal.report("running \(command)") }
  }

  private func temporaryFile(_ name: String) throws(Failure) -> CInt {
    do throws(Problem) {
      return try Temporary.file()
    } catch {
      throw Failure(text: "\(name): \(error)")
    }
  }

  private func temporaryFolder(_ name: String) throws(Failure) -> TemporaryFolder {
    do throws(Problem) {
      return try TemporaryFolder()
    } catch {
      throw Failure(text: "\(name): \(error)")
    }
  }

  private func adopt(_ file: CInt, _ name: String) throws(Failure) -> FileBytes {
    guard file >= 0 else { throw Failure(text: "\(name): \(errorText(errno))") }
    do throws(Problem) {
      return try FileBytes(adopting: file)
    } catch {
      throw Failure(text: "\(name): \(error)")
    }
  }

  private func tooMuch(_ name: String) -> Failure {
    Failure(text: "\(name): more than \(limit) bytes; --limit input-size=SIZE allows more")
  }

  private func notKept(_ name: String, _ why: String) -> Failure {
    Failure(text: "\(name): \(why) in \(Temporary.place); TMPDIR names another folder")
  }

  private func isInstalled(_ program: String) -> Bool {
    Terminal.programFolders.contains { folder in
      unsafe access("\(folder)/\(program)", X_OK) == 0
    }
  }

  private func failure(
    _ name: String, _ program: String, _ error: ChildProcess.Failure, help: String
  ) -> Failure {
    switch error {
    case .tooMuch: return tooMuch(name)
    case .notKept(let why): return notKept(name, why)
    case .notStarted(let why):
      return Failure(
        text:
          "\(name): \(isInstalled(program) ? "\(program): \(why)" : "\(program) is not installed"); \(help)")
    case .timeout:
      return Failure(
        text:
          "\(name): \(program) did nothing for \(patience.components.seconds) seconds and was ended; \(help)")
    case .signal(let number, let messages):
      return Failure(text: "\(name): \(program) was ended by signal \(number)\(Self.said(messages)); \(help)")
    case .status(let status, let messages):
      return Failure(text: "\(name): \(program) failed with status \(status)\(Self.said(messages)); \(help)")
    }
  }

  /// The last line of what a program wrote, which as a rule says why it failed.
  private static func said(_ messages: String) -> String {
    let lines = messages.split(whereSeparator: \.isNewline).filter { $0.contains { !$0.isWhitespace } }
    guard let last = lines.last(where: { $0.lowercased().contains("error") }) ?? lines.last else { return "" }
    // skopeo and podman write what they have to say as a value.
    let text =
      last.firstMatch(of: /\smsg="(?<text>.*)"/).map { String($0.text).replacing("\\\"", with: "\"") }
      ?? String(last)
    return ": \(printable(String(text.prefix(500))))"
  }
}

extension Substring {
  /// A reference without its tag.
  fileprivate var withoutTag: Substring {
    guard let slash = lastIndex(of: "/"), let colon = self[slash...].lastIndex(of: ":") else { return self }
    return self[..<colon]
  }
}
