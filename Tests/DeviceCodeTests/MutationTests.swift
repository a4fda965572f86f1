import Bytes
import DeviceCode
import Foundation
import FuzzSupport
import Testing

/// The fixtures and past failures through the fuzz targets' entry functions, as they are and damaged at random.
@Suite struct MutationTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func files(in folder: String) -> [URL] {
    let found = FileManager.default.enumerator(
      at: root.appending(path: folder), includingPropertiesForKeys: nil)
    return (found?.compactMap { $0 as? URL } ?? []).filter { !$0.hasDirectoryPath }.sorted {
      $0.path < $1.path
    }
  }

  /// All fixtures that are device code or hold it.
  private static let seeds = files(in: "Fixtures").filter {
    !["json", "sh", "md", "py", "cu", "c", "txt"].contains($0.pathExtension)
  }

  @Test func thereAreSeeds() { #expect(Self.seeds.count > 200) }

  @Test(.timeLimit(.minutes(30)), arguments: FuzzTarget.allCases) func seedsKeepAllPromises(
    _ target: FuzzTarget
  ) throws {
    for seed in Self.seeds {
      #expect(target.violations(try Array(Data(contentsOf: seed))) == [], "\(seed.lastPathComponent)")
    }
  }

  /// What the fuzzer starts from besides the fixtures, and damaged copies of it.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      (FuzzTarget.facts, "Facts"), (.records, "Records"), (.squashFS, "SquashFS"), (.demangling, "Names"),
    ])
  func ownSeedsKeepAllPromises(_ target: FuzzTarget, _ folder: String) throws {
    let seeds = Self.files(in: "Tests/Fuzz/\(folder)")
    #expect(!seeds.isEmpty)
    for (index, seed) in seeds.enumerated() {
      let bytes = try Array(Data(contentsOf: seed))
      #expect(target.violations(bytes) == [], "\(seed.lastPathComponent)")
      var generator = SeededGenerator(seed: UInt64(index))
      for round in 0..<20 {
        let violations = target.violations(Self.damaged(bytes, &generator))
        #expect(violations == [], "\(seed.lastPathComponent), round \(round)")
      }
    }
  }

  /// Inputs that once broke a promise; their names start with the target that read them.
  @Test(.timeLimit(.minutes(30))) func pastFailuresKeepAllPromises() throws {
    for file in Self.files(in: "Tests/Fuzz/FailCases") where file.lastPathComponent != "README.md" {
      let name = file.lastPathComponent.prefix { $0 != "-" }
      let target = try #require(
        FuzzTarget(rawValue: String(name)), "\(file.lastPathComponent) names no target")
      #expect(target.violations(try Array(Data(contentsOf: file))) == [], "\(file.lastPathComponent)")
    }
  }

  /// 200 mutations of every small fixture: cut anywhere, or with up to eight bytes changed, mostly where structures are.
  @Test(.timeLimit(.minutes(30))) func damagedSeedsKeepAllPromises() throws {
    let seeds = try Self.seeds.map { (name: $0.lastPathComponent, bytes: try Array(Data(contentsOf: $0))) }
      .filter { (1...6000).contains($0.bytes.count) }
    #expect(seeds.count > 100)
    let jobs = 4
    let failures = FailureList()
    DispatchQueue.concurrentPerform(iterations: jobs) { job in
      for index in stride(from: job, to: seeds.count, by: jobs) {
        var generator = SeededGenerator(seed: UInt64(index))
        for round in 0..<200 {
          let input = Self.damaged(seeds[index].bytes, &generator)
          let violations = FuzzTarget.file.violations(input)
          if !violations.isEmpty { failures.add("\(seeds[index].name), round \(round): \(violations)") }
        }
      }
    }
    #expect(failures.all == [])
  }

  private static func damaged(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    if Int.random(in: 0..<4, using: &generator) == 0 {
      return Array(bytes[..<Int.random(in: 0..<bytes.count, using: &generator)])
    }
    for _ in 0..<Int.random(in: 1...8, using: &generator) {
      // Headers are at the start and, in ELF files, at the end.
      let near = min(bytes.count, 512)
      let place =
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: Int.random(in: 0..<near, using: &generator)
        case 1: bytes.count - 1 - Int.random(in: 0..<near, using: &generator)
        default: Int.random(in: 0..<bytes.count, using: &generator)
        }
      bytes[place] =
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: 0
        case 1: 0xFF
        case 2: bytes[place] ^ 1 << Int.random(in: 0..<8, using: &generator)
        default: UInt8.random(in: 0...255, using: &generator)
        }
    }
    return bytes
  }
}

private final class FailureList: @unchecked Sendable {
  private let lock = NSLock()
  private var texts: [String] = []

  func add(_ text: String) { lock.withLock { if texts.count < 20 { texts.append(text) } } }
  var all: [String] { lock.withLock { texts } }
}
