import Foundation

/// Where the downloaded wheels are unpacked.
enum TestInputs {
  struct Missing: Error, CustomStringConvertible {
    var description: String
  }

  static var cache: URL {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["CUBINSPECT_DOWNLOADS"], !folder.isEmpty { return URL(filePath: folder) }
    return URL(filePath: environment["HOME"] ?? "/root").appending(path: ".cache/cubinspect")
  }

  static var unpacked: URL { cache.appending(path: "unpacked") }

  /// The large wheels are read only when asked for.
  static var includesLarge: Bool { ProcessInfo.processInfo.environment["CUBINSPECT_TEST_LARGE"] == "1" }

  /// More files and folders to compare, separated by colons: any library must agree.
  static var more: [URL] {
    (ProcessInfo.processInfo.environment["CUBINSPECT_AGREEMENT_PATHS"] ?? "").split(separator: ":")
      .map { URL(filePath: String($0)).standardizedFileURL }
  }

  private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  private static let script = tests.appending(path: "Scripts/fetch-test-wheels")
  static let fixtures = tests.deletingLastPathComponent().appending(path: "Fixtures").standardizedFileURL

  /// Fixtures that cuobjdump cannot answer for, each with its reason in Docs/Agreement.md.
  private static let incomparable: Set<String> = [
    "concatenated/old.fatbin", "host/i386.so", "synthetic/kinds.fatbin",
  ]

  /// The sound fixtures that cuobjdump reads.
  static func comparableFixtures() throws -> [URL] {
    try candidates(under: fixtures).filter { file in
      let name = String(file.path.dropFirst(fixtures.path.count + 1))
      return !name.contains("malformed/") && !incomparable.contains(name)
    }
  }

  /// A row of the script's table.
  private struct Row {
    var group: String
    var name: String
    var version: String
    var wheel: String
  }

  private static func rows() throws -> [Row] {
    try String(contentsOf: script, encoding: .utf8).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map { String($0) }
      guard words.count == 5, words[4].hasSuffix(".whl") else { return nil }
      return Row(group: words[0], name: words[1], version: words[2], wheel: words[4])
    }
  }

  private static func present(_ file: URL, group: String) throws -> URL {
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw Missing(description: "\(file.path) is missing: run Tests/Scripts/fetch-test-wheels \(group)")
    }
    return file.standardizedFileURL
  }

  /// The unpacked wheel `name`; its version is the one in the script's table.
  ///
  /// - Throws: ``Missing`` with the command to run where it has not been fetched.
  static func folder(of name: String, size: String) throws -> URL {
    guard let row = try rows().first(where: { $0.group == size && $0.name == name }) else {
      throw Missing(description: "\(script.path) has no line '\(size) \(name)'")
    }
    return try present(unpacked.appending(path: "\(name)-\(row.version)"), group: size)
  }

  /// The unpacked wheels of a group.
  static func folders(size: String) throws -> [URL] {
    try rows().filter { $0.group == size }
      .map { try present(unpacked.appending(path: "\($0.name)-\($0.version)"), group: size) }
  }

  /// The wheels of the script's table, each with its name there.
  static func wheels(size: String) throws -> [(name: String, file: URL)] {
    try rows().filter { $0.group == size }.map { ($0.name, cache.appending(path: "wheels/\($0.wheel)")) }
  }

  /// The group in which the script's table has the wheel with this file name.
  static func group(ofWheel wheel: String) throws -> String {
    guard let row = try rows().first(where: { $0.wheel == wheel }) else {
      throw Missing(description: "\(script.path) has no wheel \(wheel)")
    }
    return row.group
  }

  /// The wheel with this file name.
  ///
  /// - Throws: ``Missing`` with the command to run where it has not been fetched.
  static func wheel(_ wheel: String) throws -> URL {
    try present(cache.appending(path: "wheels/\(wheel)"), group: group(ofWheel: wheel))
  }

  /// All regular files under `root` that are ELF files, static libraries or fat binaries, by path; or `root` itself.
  ///
  /// Bare cubins are left out: cuobjdump's plain listing shows the entries of fat binaries alone.
  static func candidates(under root: URL) throws -> [URL] {
    guard let kind = try? root.resourceValues(forKeys: [.isDirectoryKey]) else {
      throw Missing(description: "\(root.path) is missing")
    }
    guard kind.isDirectory == true else { return [root] }
    let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
    let magics: [[UInt8]] = [Array("\u{7F}ELF".utf8), Array("!<arch>\n".utf8), [0x50, 0xED, 0x55, 0xBA]]
    return try names.sorted().map { root.appending(path: $0) }.filter { file in
      let values = try file.resourceValues(forKeys: [.isRegularFileKey, .isSymbolicLinkKey])
      guard values.isRegularFile == true, values.isSymbolicLink != true else { return false }
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      let prefix = [UInt8](try handle.read(upToCount: 20) ?? Data())
      let isCubin = prefix.starts(with: magics[0]) && prefix.dropFirst(18) == [190, 0]
      return magics.contains { prefix.starts(with: $0) } && !isCubin
    }
  }
}
