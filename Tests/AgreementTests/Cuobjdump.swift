import Foundation

/// What a program printed and how it ended.
struct ProgramOutput: Codable, Sendable {
  var status: Int32
  var output: String
  var messages: String
}

/// Runs NVIDIA's cuobjdump, which tells what it finds in a file; each answer is kept, because some take 20 seconds.
struct Cuobjdump: Sendable {
  static let version = "13.5.37"
  let program: URL

  init() throws {
    program = try TestInputs.folder(of: "nvidia-cuda-cuobjdump", size: "small")
      .appending(path: "nvidia/cu13/bin/cuobjdump")
  }

  /// The plain listing: every image of the executable, then of the relocatable device code.
  func listing(of file: URL) throws -> ProgramOutput { try ask(["-all"], about: file, keptAs: "all") }

  /// The names of all cubins and PTX texts as they would be extracted.
  func names(in file: URL) throws -> ProgramOutput {
    try ask(["-all", "-lelf", "-lptx"], about: file, keptAs: "names")
  }

  /// What the kernels of a cubin take, which is an image of `file`.
  func resourceUsage(of cubin: [UInt8], image: Int, in file: URL) throws -> ProgramOutput {
    try answer(about: file, keptAs: "resources-\(image)") {
      let copy = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).cubin")
      defer { try? FileManager.default.removeItem(at: copy) }
      try Data(cubin).write(to: copy)
      return try runInNewFolder(["-res-usage", copy.path])
    }
  }

  private func ask(_ options: [String], about file: URL, keptAs kind: String) throws -> ProgramOutput {
    try answer(about: file, keptAs: kind) { try runInNewFolder(options + [file.path]) }
  }

  private func runInNewFolder(_ arguments: [String]) throws -> ProgramOutput {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    return try run(program, arguments, in: folder)
  }

  /// Answers about files in the cache lie beside the unpacked wheel; other files are asked anew.
  private func answer(about file: URL, keptAs kind: String, _ ask: () throws -> ProgramOutput) throws
    -> ProgramOutput
  {
    let kept = try answerFile(for: file, kind: kind)
    if let kept, let data = try? Data(contentsOf: kept),
      let answer = try? JSONDecoder().decode(ProgramOutput.self, from: data)
    {
      return answer
    }
    let answer = try ask()
    if let kept {
      try FileManager.default.createDirectory(
        at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
      try JSONEncoder().encode(answer).write(to: kept, options: .atomic)
    }
    return answer
  }

  /// `unpacked/torch-2.15.0/torch/lib/libc10.so` → `cuobjdump-13.5.37/torch-2.15.0/torch/lib/libc10.so.SIZE.all.json`.
  private func answerFile(for file: URL, kind: String) throws -> URL? {
    let wheels = TestInputs.unpacked.path + "/"
    guard file.path.hasPrefix(wheels) else { return nil }
    let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
    return TestInputs.cache.appending(
      path: "cuobjdump-\(Self.version)/\(file.path.dropFirst(wheels.count)).\(size).\(kind).json")
  }

  /// Extracts the cubins and PTX texts whose names hold one of `names` into `folder`; returns the names of the files,
  /// cubins and PTX texts each by their number.
  func extract(_ names: [String] = ["all"], of file: URL, into folder: URL) throws -> (
    cubins: [Int: String], ptx: [Int: String]
  ) {
    let list = names.joined(separator: ",")
    let answer = try run(program, ["-all", "-xelf", list, "-xptx", list, file.path], in: folder)
    var files: (cubins: [Int: String], ptx: [Int: String]) = ([:], [:])
    for line in answer.output.split(separator: "\n") where line.hasPrefix("Extracting ") {
      // "Extracting ELF file    1: libx.1.sm_90.cubin", "Extracting PTX file and ptxas options    1: libx.1.sm_90.ptx …"
      let words = line.split(separator: " ")
      guard let place = words.firstIndex(where: { $0.hasSuffix(":") }), place + 1 < words.count,
        let number = Int(words[place].dropLast())
      else { throw UnknownLine(line: String(line)) }
      switch words[1] {
      case "ELF": files.cubins[number] = String(words[place + 1])
      case "PTX": files.ptx[number] = String(words[place + 1])
      default: throw UnknownLine(line: String(line))
      }
    }
    return files
  }
}

/// A new empty folder.
func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appending(path: "agreement-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

/// Runs `program` in `folder`.
func run(_ program: URL, _ arguments: [String], in folder: URL) throws -> ProgramOutput {
  // Files, not pipes: the listing of a large library is larger than a pipe.
  let (output, messages) = (folder.appending(path: ".output"), folder.appending(path: ".messages"))
  try Data().write(to: output)
  try Data().write(to: messages)
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  process.currentDirectoryURL = folder
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: messages)
  try process.run()
  process.waitUntilExit()
  return ProgramOutput(
    status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
    output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
    messages: String(decoding: try Data(contentsOf: messages), as: UTF8.self))
}
