import Bytes
import Testing

@Suite struct NameTreeTests {
  private static let links = [
    "link": "b", "a/up": "..", "absolute": "/usr", "chain": "next", "next": "./link", "loop": "loop",
  ]

  private static func tree(_ links: [String: String]) -> LinkTree {
    var tree = LinkTree()
    for (path, target) in links { tree.add(Path(path).components, target: Path(target)) }
    return tree
  }

  private static func follow(_ path: String, _ tree: inout LinkTree, _ steps: Budget = Budget()) -> String? {
    tree.destination(of: Path(path).components, steps: steps)
      .map { Path(bytes: tree.names(to: $0).joined(separator: [0x2F])).text }
  }

  @Test(arguments: [
    ("a/b", "a/b"), ("./a//c/", "a/c"), ("link/x", "b/x"), ("a/up/x", "x"), ("absolute/x", "usr/x"),
    ("../../a", "a"), ("a/link", "a/link"), ("chain", "b"), ("", ""), ("x/y/../../link/..", ""),
    ("chain/../a/up/chain/x", "b/x"),
  ])
  func followsLinks(_ path: String, end: String) {
    var tree = Self.tree(Self.links)
    // The second time by what was learned.
    for _ in 0..<2 { #expect(Self.follow(path, &tree) == end) }
    #expect(Self.follow("loop", &tree) == nil)
    #expect(Self.follow("loop/" + path, &tree) == nil)
  }

  /// As many links as Linux follows, also where what they lead to is known.
  @Test func countsLinks() {
    for isLearned in [false, true] {
      var tree = Self.tree(Dictionary(uniqueKeysWithValues: (0..<50).map { ("l\($0)", "l\($0 + 1)") }))
      if isLearned { #expect(Self.follow("l20", &tree) == "l50") }
      #expect(Self.follow("l10", &tree) == "l50")
      #expect(Self.follow("l9", &tree) == nil)
    }
  }

  /// Each link is followed once, however many lead through it; a name costs the same at any depth.
  @Test func stepsAreLinear() {
    let detour = String(repeating: "d/", count: 800) + String(repeating: "../", count: 800)
    var links = Dictionary(
      uniqueKeysWithValues: (0..<30).map { ("l\($0)", detour + ($0 < 29 ? "l\($0 + 1)" : "d")) })
    for index in 0..<1000 { links["s\(index)"] = "l0" }
    var tree = Self.tree(links)
    let steps = Budget(30 * 1602 + 1000 * 3)
    for index in 0..<1000 { #expect(Self.follow("s\(index)", &tree, steps) == "d") }
    #expect(!steps.isSpent)
    let few = Budget(100)
    var other = Self.tree(links)
    #expect(Self.follow("s0", &other, few) == nil)
    #expect(few.isSpent)
  }

  @Test func longPathsLeadNowhere() {
    let long = String(repeating: "a/", count: 1800)
    var tree = Self.tree(["link": long])
    #expect(Self.follow("link/b", &tree) != nil)
    #expect(Self.follow("link/" + String(repeating: "b", count: 600), &tree) == nil)
    #expect(Self.follow(String(repeating: "a/", count: 2100), &tree) == nil)
  }

  @Test func budget() {
    let budget = Budget(3)
    #expect(budget.take() && budget.take(2) && !budget.isSpent)
    #expect(!budget.take() && budget.isSpent)
    #expect(!budget.take(0))
    budget.add(2)
    #expect(!budget.isSpent && budget.take(2) && !budget.take())
    budget.add(.max)
    budget.add(.max)
    #expect(budget.take(.max))
  }
}
