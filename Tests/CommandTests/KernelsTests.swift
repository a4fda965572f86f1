import Testing

/// `cubinspect kernels`: which kernels and targets the options choose, and in which order.
struct KernelsTests {
  /// The rows of a table with titles, by title.
  private func rows(_ arguments: String...) throws -> [[String: String]] {
    let run = try Program.run(
      (["kernels"] + arguments + ["-o", "tsv"]).map { Array($0.utf8) }, in: GoldenTests.fixtures)
    #expect(run.status == 0, "\(run.messages)")
    let lines = run.text.split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    let titles = try #require(lines.first)
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(titles, $0)) }
  }

  /// Every condition holds for every row that is shown, and for none that is left out.
  @Test(arguments: [">", ">=", "<", "<=", "=", "!="])
  func conditions(relation: String) throws {
    let all = try rows("stubs/from-100.so", "kernels/resources.ptx")
    let chosen = try rows("stubs/from-100.so", "kernels/resources.ptx", "--where", "registers \(relation) 8")
    let expected = all.filter { row in
      guard let registers = Int(row["registers"] ?? "") else { return false }
      return switch relation {
      case ">": registers > 8
      case ">=": registers >= 8
      case "<": registers < 8
      case "<=": registers <= 8
      case "=": registers == 8
      default: registers != 8
      }
    }
    #expect(chosen == expected)
    #expect(!chosen.isEmpty && chosen.count < all.count)
  }

  /// Several conditions hold for one target, not each for some; a size is that of all copies.
  @Test func conditionsTogether() throws {
    let all = try rows("stubs/from-100.so")
    let both = try rows("stubs/from-100.so", "--where", "registers>8", "--where", "code<=256")
    func number(_ title: String, of row: [String: String]) -> Int { Int(row[title] ?? "") ?? -1 }
    #expect(both == all.filter { number("registers", of: $0) > 8 && number("codeSize", of: $0) <= 256 })
    #expect(!both.isEmpty)
    let sizes = Dictionary(grouping: all) { $0["kernel"] }.mapValues {
      $0.reduce(0) { $0 + number("storedSize", of: $1) }
    }
    let large = try rows("stubs/from-100.so", "--where", "size>600B")
    #expect(large == all.filter { sizes[$0["kernel"], default: 0] > 600 })
    #expect(!large.isEmpty && large.count < all.count)
    #expect(try rows("kernels/resources.ptx", "--where", "size>=0").isEmpty)
  }

  @Test(arguments: [
    ("registers", "registers"), ("stack", "stackSize"), ("local", "localMemory"), ("shared", "sharedMemory"),
    ("code", "codeSize"),
  ])
  func order(by field: String, title: String) throws {
    let rows = try rows("kernels/sm_120.cubin", "--sort", field)
    let values = rows.compactMap { Int($0[title] ?? "") }
    #expect(values == values.sorted(by: >))
    #expect(values.count == 5)
  }

  @Test func ignoringCase() throws {
    #expect(try rows("kernels/sm_75.cubin", "--match", "STACK").isEmpty)
    #expect(
      try rows("kernels/sm_75.cubin", "--match", "STACK", "-i").map { $0["kernel"] } == ["stack(float*, int)"]
    )
  }
}
