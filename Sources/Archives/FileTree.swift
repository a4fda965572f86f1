public import Bytes

/// The files, folders and links that layers make when they are applied one after the other.
///
/// Nothing in it refers to the host: links lead to other nodes, and `..` does not leave the root.
public struct FileTree: Sendable {
  /// What a name stands for.
  public enum Entry: Hashable, Sendable {
    case directory
    /// The contents of a member of a layer.
    case file(layer: Int, member: Int)
    case symbolicLink(Path)
    case other(FileKind)
  }

  private struct Node: Sendable {
    var parent: Int
    var entry: Entry
    /// Bytes of the path from the root.
    var pathLength = 0
    var children: [Path: Int] = [:]
  }

  /// Nodes are named by their index, the root is 0. What was removed stays here, but no folder names it.
  private var nodes = [Node(parent: 0, entry: .directory)]
  private let limits: ArchiveLimits
  private let steps: Budget
  private let memory: Budget
  /// The nodes that symbolic links lead to, by those of the links, and how many other links are followed on the way.
  private var known: [Int: (node: Int, links: Int)] = [:]
  public private(set) var layers: [TarArchive] = []
  public private(set) var problems: [Problem] = []

  /// The tree of no layer: an empty root.
  ///
  /// - Parameters:
  ///   - steps: names that may be looked up; nil for as many as `limits` say.
  ///   - memory: bytes that the tree may take; nil for as many as `limits` say.
  public init(limits: ArchiveLimits = ArchiveLimits(), steps: Budget? = nil, memory: Budget? = nil) {
    self.limits = limits
    self.steps = steps ?? Budget(limits.pathSteps)
    self.memory = memory ?? limits.memory(for: 0)
  }

  /// A file of the tree.
  public struct File: Sendable {
    /// From the root, without a slash in front.
    public var path: Path
    /// The layer that brought the contents, counted from the lowest one.
    public var layer: Int
    public var member: Int
  }

  /// All files in the order of their paths, component by component. A file with several names is listed under each.
  public var files: [File] {
    var found: [File] = []
    visit { path, node in
      if case .file(let layer, let member) = node.entry {
        found.append(File(path: path, layer: layer, member: member))
      }
    }
    return found
  }

  /// All symbolic links in the order of their paths, with what they lead to.
  public var symbolicLinks: [(path: Path, target: Path)] {
    var found: [(path: Path, target: Path)] = []
    visit(inOrder: false) { path, node in
      if case .symbolicLink(let target) = node.entry { found.append((path, target)) }
    }
    return found.sorted { $0.path < $1.path }
  }

  /// How many folders there are, the root among them.
  public var directoryCount: Int {
    var count = 0
    visit(inOrder: false) { _, node in if node.entry == .directory { count += 1 } }
    return count
  }

  private func visit(inOrder: Bool = true, _ body: (Path, Node) -> Void) {
    var waiting = [(index: 0, path: Path(""))]
    while let (index, path) = waiting.popLast() {
      body(path, nodes[index])
      if inOrder {
        for (name, child) in nodes[index].children.sorted(by: { $0.key > $1.key }) {
          waiting.append((child, path.appending(name.bytes)))
        }
      } else {
        for (name, child) in nodes[index].children { waiting.append((child, path.appending(name.bytes))) }
      }
    }
  }

  /// What a file holds.
  ///
  /// - Throws: a ``Problem`` when its layer ends before it does, or it has holes.
  public func contents(of file: File) throws(Problem) -> any ByteSource {
    try layers[file.layer].contents(of: layers[file.layer].members[file.member])
  }

  /// What is at `path`, links followed inside the root; nil where there is nothing.
  ///
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when links lead to links without end.
  public func entry(at path: Path) throws(Problem) -> Entry? { try find(path.parts).map { nodes[$0].entry } }

  /// The file at `path`, links followed inside the root; nil where there is none.
  ///
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when links lead to links without end.
  public func file(at path: Path) throws(Problem) -> File? {
    guard let index = try find(path.parts), case .file(let layer, let member) = nodes[index].entry else {
      return nil
    }
    return File(path: path, layer: layer, member: member)
  }
}

/// How names start that stand for the absence of what is below (OCI image specification, "Whiteouts").
private let whiteoutPrefix = Array(".wh.".utf8)

extension FileTree {
  /// A whiteout of all that lower layers have in a folder.
  private static let opaqueWhiteout = Path(".wh..wh..opq")

  /// Puts `layer` on top: what it hides goes, then what it brings comes.
  public mutating func apply(_ layer: TarArchive) {
    let index = layers.count
    layers.append(layer)
    for problem in layer.problems { problems.append(withinLimit: problem) }
    // Whiteouts concern what is below, wherever in the layer they stand.
    let whiteouts = layer.members.indices.filter { layer.members[$0].isWhiteout }
    for member in whiteouts.lazy.map({ layer.members[$0] }) {
      guard !member.path.leavesRoot(absolute: false) else {
        report(.outOfBounds, member, expected: "a path inside the root")
        continue
      }
      var parts = member.path.normalisedParts
      guard let name = parts.popLast() else { continue }
      do {
        try hide(name, in: parts, member)
      } catch {
        problems.append(withinLimit: error)
        if isLast(error) { return }
      }
    }
    var hidden = whiteouts[...]
    for (number, member) in layer.members.enumerated() {
      if number == hidden.first {
        hidden.removeFirst()
        continue
      }
      guard !member.path.leavesRoot(absolute: false) else {
        report(.outOfBounds, member, expected: "a path inside the root")
        continue
      }
      do {
        try add(member, number, layer: index)
      } catch {
        problems.append(withinLimit: error)
        if isLast(error) { return }
      }
    }
  }

  private var tooManyNodes: Problem {
    Problem(.limitExceeded, "files of an image", expected: limits.atMost(.nodes))
  }

  /// Whether nothing can be added after this problem.
  private func isLast(_ problem: Problem) -> Bool {
    [tooManyNodes, Self.tooManySteps(limits), TarArchive.tooMuchMemory(limits)].contains(problem)
  }

  private static func tooManySteps(_ limits: ArchiveLimits) -> Problem {
    Problem(.limitExceeded, "names that are looked up", expected: limits.atMost(.pathSteps))
  }

  private mutating func report(_ code: Problem.Code, _ member: TarMember, expected: String) {
    problems.append(withinLimit: Self.problem(code, member, expected: expected))
  }

  private static func problem(_ code: Problem.Code, _ member: TarMember, expected: String) -> Problem {
    Problem(
      code, "layer member", expected: expected,
      observed: printable(member.path.bytes.prefix(256)))
  }

  private mutating func hide(_ name: Path, in parent: [Path], _ member: TarMember) throws(Problem) {
    let hidden = Path(bytes: name.bytes.dropFirst(whiteoutPrefix.count))
    guard !hidden.bytes.isEmpty, hidden != Path("."), hidden != Path("..") else {
      throw Self.problem(.invalidValue, member, expected: "a whiteout with a name")
    }
    guard let folder = try findAndLearn(parent) else { return }
    known = [:]
    // Other names that start with .wh..wh. are one file system driver's notes to itself; they hide nothing.
    if name == Self.opaqueWhiteout {
      nodes[folder].children = [:]
    } else {
      nodes[folder].children[hidden] = nil
    }
  }

  private mutating func add(_ member: TarMember, _ number: Int, layer: Int) throws(Problem) {
    var parent = member.path.normalisedParts
    // The root itself needs no adding.
    guard let name = parent.popLast() else { return }
    guard let folder = try makeDirectory(parent) else {
      throw Self.problem(.invalidValue, member, expected: "folders on the way")
    }
    let entry: Entry
    switch member.kind {
    case .file: entry = .file(layer: layer, member: number)
    case .directory: entry = .directory
    case .symbolicLink(let target): entry = .symbolicLink(target)
    case .other(let kind): entry = .other(kind)
    case .hardLink(let target):
      let node =
        target.leavesRoot(absolute: false)
        ? nil : try findAndLearn(target.normalisedParts, followsLast: false)
      guard let node, nodes[node].entry != .directory else {
        throw Self.problem(.notFound, member, expected: "a link to a file of the image")
      }
      entry = nodes[node].entry
    }
    // A folder keeps what lower layers put into it.
    if entry == .directory, let node = nodes[folder].children[name], nodes[node].entry == .directory {
      return
    }
    _ = try append(Node(parent: folder, entry: entry), name)
  }

  /// Puts `node` into its parent as `name`, in the place of what has the name.
  private mutating func append(_ node: Node, _ name: Path) throws(Problem) -> Int {
    guard nodes.count < limits.nodes else { throw tooManyNodes }
    var node = node
    // Through links, folders can be made that are deeper than any path.
    node.pathLength = nodes[node.parent].pathLength + 1 + name.bytes.count
    guard node.pathLength <= limits.pathLength else {
      throw Problem(
        .limitExceeded, "path in an image", expected: limits.atMost(.pathLength),
        observed: "\(node.pathLength)")
    }
    // The path of what is no folder is kept as well.
    let pathMemory = node.entry == .directory ? 0 : 2 * (node.pathLength + 32)
    guard memory.take(2 * MemoryLayout<Node>.stride + 64 + name.bytes.count + pathMemory) else {
      throw TarArchive.tooMuchMemory(limits)
    }
    nodes.append(node)
    // Links may have led through what had the name.
    if nodes[node.parent].children.updateValue(nodes.count - 1, forKey: name) != nil { known = [:] }
    return nodes.count - 1
  }

  /// The folder at `parts`, made where it is missing; nil where something else is in the way.
  private mutating func makeDirectory(_ parts: [Path]) throws(Problem) -> Int? {
    var walk = Walk(parts: parts)
    while let name = walk.next() {
      guard nodes[walk.node].entry == .directory else { return nil }
      if try !walk.enter(name, in: self, followsLink: true) {
        walk.node = try append(Node(parent: walk.node, entry: .directory), name)
      }
    }
    learn(walk)
    return nodes[walk.node].entry == .directory ? walk.node : nil
  }

  /// The node at `parts`; nil where there is none.
  private func find(_ parts: [Path]) throws(Problem) -> Int? {
    var walk = Walk(parts: parts)
    return try walk.finish(in: self, followsLast: true) ? walk.node : nil
  }

  /// The same, and what was learned of links on the way is kept.
  private mutating func findAndLearn(_ parts: [Path], followsLast: Bool = true) throws(Problem) -> Int? {
    var walk = Walk(parts: parts)
    guard try walk.finish(in: self, followsLast: followsLast) else { return nil }
    learn(walk)
    return walk.node
  }

  private mutating func learn(_ walk: Walk) {
    for (link, destination) in walk.learned { known[link] = destination }
  }

  /// The state of following a path through the tree.
  private struct Walk {
    var node = 0
    /// Links that were followed to their end.
    private(set) var learned: [(link: Int, destination: (node: Int, links: Int))] = []
    /// What is still to be followed, the next part last.
    private var rest: [Item]
    /// Names in it.
    private var namesLeft: Int
    private var links = 0

    private enum Item {
      case name(Path)
      /// The end of what a link says, which was the nth one.
      case end(link: Int, number: Int)
    }

    init(parts: [Path]) {
      rest = parts.reversed().map { .name($0) }
      namesLeft = rest.count
    }

    mutating func next() -> Path? {
      while let item = rest.popLast() {
        switch item {
        case .name(let name):
          namesLeft -= 1
          return name
        case .end(let link, let number): learned.append((link, (node, links - number)))
        }
      }
      return nil
    }

    /// Goes to the end; returns false where there is nothing.
    mutating func finish(in tree: FileTree, followsLast: Bool) throws(Problem) -> Bool {
      while let name = next() {
        guard try enter(name, in: tree, followsLink: followsLast || namesLeft > 0) else { return false }
      }
      return true
    }

    /// Goes to what is called `name`, or where that leads to; returns false where there is nothing.
    mutating func enter(_ name: Path, in tree: FileTree, followsLink: Bool) throws(Problem) -> Bool {
      guard tree.steps.take(1 + name.bytes.count / 64) else { throw FileTree.tooManySteps(tree.limits) }
      if name == Path("..") {
        node = tree.nodes[node].parent
        return true
      }
      guard let next = tree.nodes[node].children[name] else { return false }
      guard followsLink, case .symbolicLink(let target) = tree.nodes[next].entry else {
        node = next
        return true
      }
      let known = tree.known[next]
      links += 1 + (known?.links ?? 0)
      guard links <= Path.linkLimit else {
        throw Problem(
          .limitExceeded, "symbolic links on the way to one file", expected: "at most \(Path.linkLimit)",
          observed: "a link to \(printable(target.bytes.prefix(256)))")
      }
      if let known {
        node = known.node
        return true
      }
      rest.append(.end(link: next, number: links))
      if target.bytes.first == UInt8(ascii: "/") { node = 0 }
      let parts = target.parts
      rest += parts.reversed().map { .name($0) }
      namesLeft += parts.count
      return true
    }
  }
}

extension TarMember {
  /// Whether the name stands for the absence of what is below (OCI image specification, "Whiteouts").
  fileprivate var isWhiteout: Bool { path.normalisedParts.last?.bytes.starts(with: whiteoutPrefix) == true }
}

extension Path {
  /// The names between the slashes, without those that stay where they are.
  fileprivate var parts: [Path] {
    var result: [Path] = []
    for part in bytes.split(separator: UInt8(ascii: "/"))
    where !(part.count == 1 && part.first == UInt8(ascii: ".")) {
      result.append(Path(bytes: part))
    }
    return result
  }

  /// The path without names that stay where they are, and with `..` taken as leading back along it.
  package var normalised: Path {
    Path(bytes: Array(normalisedParts.map(\.bytes).joined(separator: [UInt8(ascii: "/")])))
  }

  /// The names of ``normalised``.
  fileprivate var normalisedParts: [Path] {
    var result = parts
    guard result.contains(Path("..")) else { return result }
    result = []
    for part in parts {
      if part == Path("..") { _ = result.popLast() } else { result.append(part) }
    }
    return result
  }
}
