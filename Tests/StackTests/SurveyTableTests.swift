import Foundation
import Stack
import Testing

@Suite struct SurveyTableTests {
  private let table = SurveyTable.shipped

  @Test func everyRowIsReadAndNamesWhereItIsFrom() throws {
    #expect(table.names.count >= 20)
    #expect(Set(table.names).count == table.names.count)
    for name in table.names {
      let packages = try table.packages(named: name)
      #expect(!packages.isEmpty, "\(name)")
      #expect(Set(packages.map(\.machine)).count == packages.count)
      let wheels = try table.wheels(of: name)
      for wheel in wheels {
        let text: Comment = "\(wheel.file)"
        #expect(wheel.package == name, text)
        #expect(wheel.sha256.wholeMatch(of: /[0-9a-f]{64}/) != nil, text)
        #expect(wheel.size > 0, text)
        #expect(wheel.facts.kind == .wheel, text)
        // The name of a wheel starts with those of the package and its release (PEP 427).
        #expect(wheel.file.split(separator: "-")[1] == wheel.release, text)
        let package = packages.first { $0.machine == wheel.machine }
        #expect(package?.releases.contains { $0.version == wheel.release } == true, text)
      }
      for package in packages {
        let own = wheels.filter { $0.machine == package.machine }
        #expect(!own.isEmpty, "\(name) on \(package.machine)")
        // Oldest first, each once.
        let places = own.compactMap { wheel in package.releases.firstIndex { $0.version == wheel.release } }
        #expect(places == Set(places).sorted(), "\(name) on \(package.machine)")
        #expect(package.asOf.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil)
      }
    }
  }

  @Test func nothingIsKnownOfWhatIsNotThere() throws {
    #expect(try table.packages(named: "no-such-package").isEmpty)
    #expect(try table.wheels(of: "bitsandbyte").isEmpty)
  }

  private func release(_ pythons: [String], _ requires: String? = nil) throws -> SurveyTable.Release {
    let row: [String: Any] = ["version": "1.0", "published": "2026-01-01", "pythons": pythons]
      .merging(requires.map { ["requiresPython": $0] } ?? [:]) { first, _ in first }
    return try JSONDecoder().decode(
      SurveyTable.Release.self, from: try JSONSerialization.data(withJSONObject: row))
  }

  @Test func pythonIsToldByTagsAndMetadata() throws {
    #expect(try release(["3.9", "3.10"]).supports(python: "3.10") == true)
    #expect(try release(["3.9", "3.10"]).supports(python: "3.11") == false)
    // A stable ABI serves later versions.
    #expect(try release(["3.8+"]).supports(python: "3.13") == true)
    #expect(try release(["3.8+"]).supports(python: "3.7") == false)
    #expect(try release([], ">=3.9").supports(python: "3.9") == true)
    #expect(try release([], ">=3.9,<3.13").supports(python: "3.13") == false)
    #expect(try release([], ">=3.6.1").supports(python: "3.6") == true)
    #expect(try release([], "!=3.10.*,>=3.7").supports(python: "3.10") == false)
    #expect(try release([], "<4.0,>=3").supports(python: "3.12") == true)
    #expect(try release([]).supports(python: "3.12") == true)
    #expect(try release([]).supports(python: "three") == nil)
    #expect(try release([], "===3.9").supports(python: "3.9") == nil)
  }
}
