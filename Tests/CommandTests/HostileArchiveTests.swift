import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Archives that mean harm: each ends in its expected problem, what is good in it is found, and nothing is touched.
struct HostileArchiveTests {
  /// A row of `expected.json`.
  struct Case: CustomTestStringConvertible, Sendable {
    var file: String
    var note: String
    /// How many of its bytes are read; nil for all.
    var size: Int?
    var problems: [(code: String, text: String)]
    /// Paths of the files with device code, sorted.
    var found: [[UInt8]]
    var status: Int32

    var testDescription: String { "\(file): \(note)" }
  }

  private static let folder = GoldenTests.fixtures + "/hostile/"

  static let cases: [Case] = {
    guard let text = fileContents(folder + "expected.json"), let rows = try? JSONValue(parsing: text).elements
    else { return [] }
    return rows.map { row in
      func strings(_ name: String) -> [String] { row[name]?.elements?.compactMap(\.string) ?? [] }
      return Case(
        file: row["file"]?.string ?? "", note: row["note"]?.string ?? "", size: row["size"]?.integer,
        problems: (row["problems"]?.elements ?? []).map {
          ($0["code"]?.string ?? "", $0["text"]?.string ?? "")
        },
        found: (strings("found").map { Array($0.utf8) } + strings("hex").map(bytes)).sorted {
          $0.lexicographicallyPrecedes($1)
        }, status: Int32(row["status"]?.integer ?? -1))
    }
  }()

  private static func bytes(_ digits: String) -> [UInt8] {
    let characters = Array(digits)
    return stride(from: 0, to: characters.count, by: 2).map {
      UInt8(String(characters[$0...$0 + 1]), radix: 16) ?? 0
    }
  }

  @Test func thereAreCases() {
    #expect(Self.cases.count > 200)
    #expect(Set(Self.cases.flatMap(\.problems).map(\.code)).count > 8)
  }

  @Test(arguments: cases) func archive(_ expected: Case) throws {
    let name = "in/" + expected.file
    let watched = try WatchedTree { tree in
      if let bytes = fileContents(Self.folder + expected.file) {
        try tree.write(Array(bytes.prefix(expected.size ?? bytes.count)), to: "work/" + name)
      } else {
        let copied = try Program.shell("cp -R \"$1\" \"$2\"", Self.folder + expected.file, tree("work/in"))
        try #require(copied.status == 0)
      }
    }
    let text = try watched.run("scan", name)
    let run = try watched.run("scan", name, "-o", "json")
    #expect(watched.changes() == [])
    #expect(text.status == expected.status && run.status == expected.status)
    for bytes in [text.output, Array(text.messages.utf8), Array(run.messages.utf8)] {
      #expect(isSafe(bytes), "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
    let document = try run.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    #expect(try Self.found(in: document) == expected.found)
    try expectProblems(document, expected.problems)
  }

  /// The paths of the files with device code, with all their names.
  private static func found(in document: JSONValue) throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    for library in try #require(document["libraries"]?.elements) {
      for name in [library] + (library["aliases"]?.elements ?? []) {
        found.append(try name["pathBytes"]?.string.map(bytes) ?? Array(#require(name["path"]?.string).utf8))
      }
    }
    return found.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Each expected problem is there once, and nothing else.
  private func expectProblems(
    _ document: JSONValue, _ expected: [(code: String, text: String)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var left = try #require(document["problems"]?.elements)
    for (code, text) in expected {
      let place = left.firstIndex {
        $0["code"]?.string == code && $0["message"]?.string?.hasPrefix(text) == true
      }
      if let place {
        left.remove(at: place)
      } else {
        Issue.record("no problem \(code): \(text)", sourceLocation: sourceLocation)
      }
    }
    #expect(left == [], sourceLocation: sourceLocation)
  }
}
