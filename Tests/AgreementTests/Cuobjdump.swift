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
      return try run(["-res-usage", copy.path])
    }
  }

  private func ask(_ options: [String], about file: URL, keptAs kind: String) throws -> ProgramOutput {
    try answer(about: file, keptAs: kind) { try run(options + [file.path]) }
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

  private func run(_ arguments: [String]) throws -> ProgramOutput {
    // Files, not pipes: the listing of a large library is larger than a pipe.
    let folder = FileManager.default.temporaryDirectory.appending(path: "cuobjdump-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, messages) = (folder.appending(path: "output"), folder.appending(path: "messages"))
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
}
