import Archives
import Bytes
import FuzzSupport
import Testing

/// A tree that is made as it is described: folders with entries, every path followed from the root.
private struct PlainTree {
  indirect enum Entry {
    case folder(Folder)
    case file(layer: Int, member: Int)
    case link(String)
  }

  final class Folder {
    let parent: Folder?
    var entries: [String: Entry] = [:]

    init(parent: Folder?) { self.parent = parent }
  }

  let root = Folder(parent: nil)

  /// The names of a path that was normalised as text; nil where it leaves the root.
  static func names(_ path: String) -> [String]? {
    var names: [String] = []
    for name in path.split(separator: "/") where name != "." {
      guard name == ".." else {
        names.append(String(name))
        continue
      }
      guard names.popLast() != nil else { return nil }
    }
    return names
  }

  func folder(at names: [String], makes: Bool) -> Folder? {
    var rest = Array(names.reversed())
    var (folder, links) = (root, 0)
    while let name = rest.popLast() {
      if name == ".." {
        folder = folder.parent ?? folder
        continue
      }
      switch folder.entries[name] {
      case .folder(let next): folder = next
      case .link(let target):
        links += 1
        guard links <= Path.linkLimit else { return nil }
        if target.hasPrefix("/") { folder = root }
        rest += target.split(separator: "/").reversed().map(String.init)
      case .file: return nil
      case nil:
        guard makes else { return nil }
        let next = Folder(parent: folder)
        folder.entries[name] = .folder(next)
        folder = next
      }
    }
    return folder
  }

  func apply(_ members: [TarMember], layer: Int) {
    for member in members {
      guard let names = Self.names(member.path.text), let name = names.last, name.hasPrefix(".wh."),
        let folder = folder(at: names.dropLast(), makes: false)
      else { continue }
      if name == ".wh..wh..opq" {
        folder.entries = [:]
      } else {
        folder.entries[String(name.dropFirst(4))] = nil
      }
    }
    for (number, member) in members.enumerated() {
      guard let names = Self.names(member.path.text), let name = names.last, !name.hasPrefix(".wh."),
        let folder = folder(at: names.dropLast(), makes: true)
      else { continue }
      switch member.kind {
      case .file: folder.entries[name] = .file(layer: layer, member: number)
      case .directory:
        if case .folder = folder.entries[name] { continue }
        folder.entries[name] = .folder(Folder(parent: folder))
      case .symbolicLink(let target): folder.entries[name] = .link(target.text)
      case .hardLink(let target):
        guard let names = Self.names(target.text), let last = names.last,
          let entry = self.folder(at: names.dropLast(), makes: false)?.entries[last]
        else { continue }
        if case .folder = entry { continue }
        folder.entries[name] = entry
      case .other: break
      }
    }
  }

  /// A line for everything in it.
  var lines: Set<String> {
    var lines: Set<String> = []
    var waiting = [("", root)]
    while let (path, folder) = waiting.popLast() {
      for (name, entry) in folder.entries {
        let path = path.isEmpty ? name : "\(path)/\(name)"
        switch entry {
        case .folder(let inner):
          lines.insert("\(path)/")
          waiting.append((path, inner))
        case .file(let layer, let member): lines.insert("\(path) \(layer) \(member)")
        case .link(let target): lines.insert("\(path) -> \(target)")
        }
      }
    }
    return lines
  }
}

@Suite struct FileTreePropertyTests {
  private static func member(_ generator: inout SeededGenerator) -> TarMember {
    let names = ["a", "b", "c", "a", "b", "d.so", ".", "..", ""]
    var parts = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
      names.randomElement(using: &generator) ?? ""
    }
    if Int.random(in: 0..<6, using: &generator) == 0 {
      parts.append([".wh.a", ".wh.b", ".wh.c", ".wh..wh..opq"].randomElement(using: &generator) ?? "")
    }
    // As most tars have them: no name but those of folders on the way, and a slash behind a folder.
    if Bool.random(using: &generator) { parts.removeAll { [".", "..", ""].contains($0) } }
    let targets = ["a", "/b", "../c", "/", "a/b", "b/c", "/a/b"]
    let target = Path(targets.randomElement(using: &generator) ?? "")
    let isFolder = Int.random(in: 0..<3, using: &generator) == 0
    let path = Path(parts.joined(separator: "/") + (isFolder && Bool.random(using: &generator) ? "/" : ""))
    if isFolder { return TarMember(path: path, kind: .directory) }
    return switch Int.random(in: 0..<8, using: &generator) {
    case 0: TarMember(path: path, kind: .symbolicLink(target))
    case 1: TarMember(path: path, kind: .hardLink(target))
    default: TarMember(path: path, kind: .file, range: 0..<0)
    }
  }

  @Test(arguments: 0..<40) func isWhatFollowingEveryPathMakes(seed: UInt64) {
    for round in 0..<50 {
      var generator = SeededGenerator(seed: seed &* 1000 &+ UInt64(round))
      var tree = FileTree()
      let plain = PlainTree()
      for layer in 0..<3 {
        let members = (0..<Int.random(in: 1...25, using: &generator)).map { _ in Self.member(&generator) }
        tree.apply(TarArchive(members: members, problems: []))
        plain.apply(members, layer: layer)
      }
      var lines: Set<String> = []
      var last = 0
      tree.visit { number, path, entry in
        switch entry {
        case .directory: lines.insert("\(path)/")
        case .file(let layer, let member): lines.insert("\(path) \(layer) \(member)")
        case .symbolicLink(let target): lines.insert("\(path) -> \(target)")
        case .other: break
        }
        #expect(number > last && tree.number(of: path) == number)
        last = number
      }
      #expect(lines == plain.lines, "seed \(seed), round \(round)")
      // What is gone is not found.
      for name in ["a", "a/b", "b/c", "a/b/c", "c/d.so"] {
        let isThere = lines.contains { $0 == "\(name)/" || $0.hasPrefix("\(name) ") }
        #expect((tree.number(of: Path(name)) != nil) == isThere)
      }
    }
  }
}
