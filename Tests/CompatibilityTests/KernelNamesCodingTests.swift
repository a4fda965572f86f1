import Foundation
import Testing

@testable import Compatibility

/// How the names of kernels are written and read.
@Suite struct KernelNamesCodingTests {
  private func names(_ list: [String]) -> KernelNames {
    var names = KernelNames()
    for (module, name) in list.enumerated() { names.add([name], ofModule: module) }
    return names
  }

  private func document(_ names: KernelNames) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(names))
    return try #require(object as? [String: Any])
  }

  @Test(
    arguments: [
      [], ["a1", "a2", "a3"], ["b", "a1", "a2", "a3", "c", "a5", "a6", "a7"], ["a1", "a2", "b"],
      ["a8", "a9", "a10", "a11"], ["a01", "a02", "a03"], ["1", "2", "3"], ["a3", "a2", "a1"],
      ["a1x", "a2x", "a3x", "a4y", "a5y", "a6y"], ["9223372036854775806", "9223372036854775807"],
      ["é1", "é2", "é3"], ["_Z2t2II2p25cudnnLi98E", "_Z2t2II2p25cudnnLi99E", "_Z2t2II2p25cudnnLi100E"],
    ] as [[String]])
  func namesAreReadAsTheyWereWritten(_ list: [String]) throws {
    let written = names(list)
    let read = try JSONDecoder().decode(KernelNames.self, from: JSONEncoder().encode(written))
    #expect(read == written)
    #expect(read.names == list)
  }

  @Test func thousandsTakeOneRow() throws {
    let document = try document(names(["first"] + (0..<5000).map { "kernel<\($0)>" } + ["last"]))
    #expect(document["names"] as? [String] == ["first", "last"])
    let runs = try #require(document["numberedNames"] as? [[String: Any]])
    #expect(runs.count == 1)
    #expect(runs[0]["position"] as? Int == 1)
    #expect(runs[0]["numbers"] as? [Int] == [0, 4999])
  }

  @Test(arguments: [
    #"{"position": 0, "prefix": "a", "numbers": [0, 99999999], "suffix": ""}"#,
    #"{"position": 0, "prefix": "a", "numbers": [0, 9223372036854775806], "suffix": ""}"#,
    #"{"position": 0, "prefix": "a", "numbers": [5, 4], "suffix": ""}"#,
    #"{"position": 0, "prefix": "a", "numbers": [-1, 4], "suffix": ""}"#,
    #"{"position": 0, "prefix": "a", "numbers": [1], "suffix": ""}"#,
    #"{"position": 2, "prefix": "a", "numbers": [1, 2], "suffix": ""}"#,
    #"{"position": -1, "prefix": "a", "numbers": [1, 2], "suffix": ""}"#,
  ])
  func whatCannotBeIsAnError(_ run: String) {
    let document = #"{"names": ["x"], "numberedNames": [\#(run)], "modules": [], "unreadable": []}"#
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(KernelNames.self, from: Data(document.utf8))
    }
  }
}
