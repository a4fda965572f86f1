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
    /// From the root, links not among its folders; that of the layer's member, where it is the same.
    var path: Path
    var parent: Int
    var entry: Entry
    /// Whether its folder still has it.
    var isThere = true

    var isDirectory: Bool { if case .directory = entry { true } else { false } }
  }

  /// Nodes are named by their index. What was removed stays here, but its folder does not have it.
  private var nodes: [Node] = []
  /// The folder that has everything.
  private var root = 0
  /// The node that was made last at each path. It may be gone, and so may be a folder on the way to it.
  private var newest = PathIndex()
  private let limits: ArchiveLimits
  private let steps: Budget
  private let memory: Budget
  /// The nodes that symbolic links lead to, by those of the links, and how many other links are followed on the way.
  private var known: [Int: (node: Int, links: Int)] = [:]
  /// The way to what was added last: what is added next is near, mostly.
  private var way = Way()
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
    nodes = [Node(path: Path(""), parent: 0, entry: .directory)]
  }

  /// A file of the tree.
  public struct File: Sendable {
    /// From the root, without a slash in front.
    public var path: Path
    /// The layer that brought the contents, counted from the lowest one.
    public var layer: Int
    public var member: Int
  }

  /// Calls `body` with everything but the root, in the order in which the layers brought it: with its number, which grows,
  /// its path and its kind. A file with several names comes under each.
  public func visit(_ body: (_ number: Int, _ path: Path, _ entry: Entry) -> Void) {
    // A folder comes before what is in it. What was in one that is gone is gone with it.
    var isThere = nodes.map(\.isThere)
    for (number, node) in nodes.enumerated() {
      isThere[number] = isThere[number] && isThere[node.parent]
      if isThere[number], !node.path.bytes.isEmpty { body(number, node.path, node.entry) }
    }
  }

  /// The number of what is at `path`, no link followed; nil where there is nothing.
  public func number(of path: Path) -> Int? {
    guard let number = newest.find(path, in: nodes) else { return nil }
    var node = number
    while nodes[node].isThere {
      if node == root { return number }
      node = nodes[node].parent
    }
    return nil
  }

  /// All files, in the order in which the layers brought them. A file with several names is listed under each.
  public var files: [File] {
    var files: [File] = []
    visit { _, path, entry in
      if case .file(let layer, let member) = entry {
        files.append(File(path: path, layer: layer, member: member))
      }
    }
    return files
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
  private static let opaqueWhiteout = Array(".wh..wh..opq".utf8)

  /// Puts `layer` on top: what it hides goes, then what it brings comes.
  public mutating func apply(_ layer: TarArchive) {
    let index = layers.count
    layers.append(layer)
    for problem in layer.problems { problems.append(withinLimit: problem) }
    // Most of them are new names.
    nodes.reserveCapacity(nodes.count + layer.members.count)
    newest.reserveCapacity(nodes.count + layer.members.count)
    // Whiteouts concern what is below, wherever in the layer they stand.
    let whiteouts = layer.members.indices.filter { layer.members[$0].path.isWhiteout }
    for number in whiteouts {
      guard tries({ (tree) throws(Problem) in try tree.hide(layer.members[number]) }) else { return }
    }
    var hidden = whiteouts[...]
    for number in layer.members.indices {
      if number == hidden.first {
        hidden.removeFirst()
        continue
      }
      let goesOn = tries { (tree) throws(Problem) in
        try tree.add(layer.members[number], number, layer: index)
      }
      guard goesOn else { return }
    }
  }

  /// Does something for a member; returns whether the next one can follow.
  private mutating func tries(_ body: (inout FileTree) throws(Problem) -> Void) -> Bool {
    do throws(Problem) {
      try body(&self)
      return true
    } catch {
      problems.append(withinLimit: error)
      return ![tooManyNodes, Self.tooManySteps(limits), TarArchive.tooMuchMemory(limits)].contains(error)
    }
  }

  private var tooManyNodes: Problem {
    Problem(.limitExceeded, "files of an image", expected: limits.atMost(.nodes))
  }

  private static func tooManySteps(_ limits: ArchiveLimits) -> Problem {
    Problem(.limitExceeded, "names that are looked up", expected: limits.atMost(.pathSteps))
  }

  private static func problem(_ code: Problem.Code, _ member: TarMember, expected: String) -> Problem {
    Problem(
      code, "layer member", expected: expected,
      observed: printable(member.path.bytes.prefix(256)))
  }

  private static func outside(_ member: TarMember) -> Problem {
    problem(.outOfBounds, member, expected: "a path inside the root")
  }

  private mutating func hide(_ member: TarMember) throws(Problem) {
    // What is hidden may be on the way.
    way.forget()
    guard way.turn(to: member.path) else { throw Self.outside(member) }
    guard let name = way.last else { return }
    let hidden = Path(bytes: name.dropFirst(whiteoutPrefix.count))
    guard !hidden.bytes.isEmpty, hidden != Path("."), hidden != Path("..") else {
      throw Self.problem(.invalidValue, member, expected: "a whiteout with a name")
    }
    guard let folder = try findAndLearn(way.rest) else { return }
    known = [:]
    // Other names that start with .wh..wh. are one file system driver's notes to itself; they hide nothing.
    if name.elementsEqual(Self.opaqueWhiteout) {
      // In its place comes a folder that has nothing.
      let empty = try append(nodes[folder])
      if folder == root {
        nodes[folder].isThere = false
        nodes[empty].parent = empty
        root = empty
      }
    } else if let child = child(of: folder, at: nodes[folder].path.appending(hidden.bytes)) {
      nodes[child].isThere = false
    }
  }

  private mutating func add(_ member: TarMember, _ number: Int, layer: Int) throws(Problem) {
    guard way.turn(to: member.path) else { throw Self.outside(member) }
    // The root itself needs no adding.
    guard let name = way.last else { return }
    guard let folder = try makeFolder() else {
      throw Self.problem(.invalidValue, member, expected: "folders on the way")
    }
    let path = way.isPlain ? member.path : nodes[folder].path.appending(name)
    let entry: Entry
    switch member.kind {
    case .file: entry = .file(layer: layer, member: number)
    case .directory:
      // A folder keeps what lower layers put into it.
      if let node = child(of: folder, at: path), nodes[node].isDirectory { return }
      entry = .directory
    case .symbolicLink(let target): entry = .symbolicLink(target)
    case .other(let kind): entry = .other(kind)
    case .hardLink(let target):
      let node =
        target.leavesRoot(absolute: false)
        ? nil : try findAndLearn(target.normalisedParts, followsLast: false)
      guard let node, !nodes[node].isDirectory else {
        throw Self.problem(.notFound, member, expected: "a link to a file of the image")
      }
      entry = nodes[node].entry
    }
    _ = try append(Node(path: path, parent: folder, entry: entry))
  }

  /// The node at `path` in a folder that is there, of which it is the folder's path and a name; nil where there is none.
  private func child(of folder: Int, at path: Path) -> Int? {
    guard let child = newest.find(path, in: nodes), nodes[child].parent == folder, nodes[child].isThere else {
      return nil
    }
    return child
  }

  /// Puts `node` into its parent, in the place of what has its name.
  private mutating func append(_ node: Node) throws(Problem) -> Int {
    guard nodes.count < min(limits.nodes, Int(UInt32.max) - 1) else { throw tooManyNodes }
    // Through links, folders can be made that are deeper than any path.
    let length = node.path.bytes.count
    guard length <= limits.pathLength else {
      throw Problem(
        .limitExceeded, "path in an image", expected: limits.atMost(.pathLength), observed: "\(length)")
    }
    guard memory.take(2 * (MemoryLayout<Node>.stride + 32) + 32 + length) else {
      throw TarArchive.tooMuchMemory(limits)
    }
    let old = newest.add(nodes.count, at: node.path, in: nodes)
    if let old, nodes[old].parent == node.parent, nodes[old].isThere {
      nodes[old].isThere = false
      switch nodes[old].entry {
      case .directory, .symbolicLink:
        // Links may have led through it. The way to its folder does not.
        known = [:]
      case .file, .other: break
      }
    }
    nodes.append(node)
    return nodes.count - 1
  }

  /// The folder that the last name of ``way`` is in, made where it is missing; nil where something else is in the way.
  private mutating func makeFolder() throws(Problem) -> Int? {
    var walk = Walk(from: way.folders.last ?? root, parts: way.rest)
    while let name = walk.next() {
      guard nodes[walk.node].isDirectory else { return nil }
      if try !walk.enter(name, in: self, followsLink: true) {
        let path = nodes[walk.node].path.appending(name.bytes)
        walk.node = try append(Node(path: path, parent: walk.node, entry: .directory))
      }
      if walk.hasFollowedLinks {
        way.isPlain = false
      } else if nodes[walk.node].isDirectory {
        way.folders.append(walk.node)
      }
    }
    learn(walk)
    return nodes[walk.node].isDirectory ? walk.node : nil
  }

  /// The node at `parts`; nil where there is none.
  private func find(_ parts: [Path]) throws(Problem) -> Int? {
    var walk = Walk(from: root, parts: parts)
    return try walk.finish(in: self, followsLast: true) ? walk.node : nil
  }

  /// The same, and what was learned of links on the way is kept.
  private mutating func findAndLearn(_ parts: [Path], followsLast: Bool = true) throws(Problem) -> Int? {
    var walk = Walk(from: root, parts: parts)
    guard try walk.finish(in: self, followsLast: followsLast) else { return nil }
    learn(walk)
    return walk.node
  }

  private mutating func learn(_ walk: Walk) {
    for (link, destination) in walk.learned { known[link] = destination }
  }

  /// The names of a path that counts from the root, without those that stay where they are, and with `..` taken as leading
  /// back along it; and the folders that the first of them lead to, as far as the path before had the same.
  private struct Way: Sendable {
    private var path = Path("")
    /// Where the names are in the path.
    private var names: [Range<Int>] = []
    private var namesBefore: [Range<Int>] = []
    /// The folders that the first names lead to, without following links.
    var folders: [Int] = []
    /// Whether the path is made of the names and of one slash between two of them, and follows no links.
    var isPlain = false

    /// - Returns: false where the path leaves the root.
    mutating func turn(to path: Path) -> Bool {
      swap(&names, &namesBefore)
      names.removeAll(keepingCapacity: true)
      let (old, new) = (self.path.bytes, path.bytes)
      self.path = path
      var start = 0
      while start < new.count {
        var end = start
        while end < new.count, new[end] != UInt8(ascii: "/") { end += 1 }
        switch end - start {
        case 0: break
        case 1 where new[start] == UInt8(ascii: "."): break
        case 2 where new[start] == UInt8(ascii: ".") && new[start + 1] == UInt8(ascii: "."):
          if names.popLast() == nil {
            forget()
            return false
          }
        default: names.append(start..<end)
        }
        start = end + 1
      }
      var shared = 0
      while shared < folders.count, shared + 1 < names.count, names[shared] == namesBefore[shared],
        old[names[shared]] == new[names[shared]]
      {
        shared += 1
      }
      folders.removeLast(folders.count - shared)
      isPlain = names.reduce(names.count - 1) { $0 + $1.count } == new.count
      return true
    }

    /// The last name; nil for the root itself.
    var last: ArraySlice<UInt8>? { names.last.map { path.bytes[$0] } }

    /// The names in front of the last one, of which the folders are not known.
    var rest: [Path] { names[folders.count...].dropLast().map { Path(bytes: path.bytes[$0]) } }

    mutating func forget() { folders.removeAll(keepingCapacity: true) }
  }

  /// Finds nodes by their paths. Images have millions of them: a dictionary would be twice as large and as slow, because it
  /// keeps the paths once more, and compares them wherever two are near.
  private struct PathIndex: Sendable {
    /// An open-addressing table, half full at most: in each slot 32 bits of a path's hash, and below them the number of the
    /// node, counted from 1; 0 where it is free.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var count = 0

    private static func hash(_ path: Path) -> UInt64 {
      var hasher = Hasher()
      hasher.combine(path)
      return UInt64(truncatingIfNeeded: hasher.finalize()) >> 32
    }

    /// The slot of a path: the one with its node, or the free one where that would be.
    private func slot(of path: Path, _ hash: UInt64, in nodes: [Node]) -> Int {
      var slot = Int(hash) & (slots.count - 1)
      while slots[slot] != 0, slots[slot] >> 32 != hash || nodes[Self.node(slots[slot])].path != path {
        slot = (slot + 1) & (slots.count - 1)
      }
      return slot
    }

    private static func node(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }

    func find(_ path: Path, in nodes: [Node]) -> Int? {
      let found = slots[slot(of: path, Self.hash(path), in: nodes)]
      return found == 0 ? nil : Self.node(found)
    }

    /// Takes a node for its path, which is not among `nodes` yet; returns the one that was taken before.
    mutating func add(_ node: Int, at path: Path, in nodes: [Node]) -> Int? {
      reserveCapacity(count + 1)
      let hash = Self.hash(path)
      let slot = slot(of: path, hash, in: nodes)
      let old = slots[slot]
      slots[slot] = hash << 32 | UInt64(node + 1)
      if old == 0 { count += 1 }
      return old == 0 ? nil : Self.node(old)
    }

    mutating func reserveCapacity(_ capacity: Int) {
      var size = slots.count
      while size < 2 * capacity { size *= 2 }
      guard size > slots.count else { return }
      let old = slots
      slots = [UInt64](repeating: 0, count: size)
      for entry in old where entry != 0 {
        var slot = Int(entry >> 32) & (size - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
        slots[slot] = entry
      }
    }
  }

  /// The state of following a path through the tree.
  private struct Walk {
    var node: Int
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

    var hasFollowedLinks: Bool { links > 0 }

    init(from node: Int, parts: [Path]) {
      self.node = node
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
      if name == Path("..") {
        guard tree.steps.take() else { throw FileTree.tooManySteps(tree.limits) }
        node = tree.nodes[node].parent
        return true
      }
      let path = tree.nodes[node].path.appending(name.bytes)
      guard tree.steps.take(1 + path.bytes.count / 64) else { throw FileTree.tooManySteps(tree.limits) }
      guard let next = tree.child(of: node, at: path) else { return false }
      guard followsLink, case .symbolicLink(let target) = tree.nodes[next].entry else {
        node = next
        return true
      }
      let known = tree.known[next].flatMap { tree.nodes[$0.node].isThere ? $0 : nil }
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
      if target.bytes.first == UInt8(ascii: "/") { node = tree.root }
      let parts = target.parts
      rest += parts.reversed().map { .name($0) }
      namesLeft += parts.count
      return true
    }
  }
}

extension Path {
  /// Whether its last name stands for the absence of what is below (OCI image specification, "Whiteouts").
  fileprivate var isWhiteout: Bool {
    // Every member is asked for it, and few have it anywhere.
    let isPlain = bytes.last != UInt8(ascii: "/") && bytes.last != UInt8(ascii: ".")
    let name = isPlain ? self.name : normalisedParts.last?.bytes[...] ?? []
    return name.starts(with: whiteoutPrefix)
  }

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
