import Archives
import Bytes
import Foundation
import Testing

@Suite struct HostileScratch {
  struct Row: Decodable { struct P: Decodable { var code: String; var text: String }
    var file: String; var note: String; var problems: [P]; var found: [String]; var size: Int?; var hex: [String]? }
  @Test func show() throws {
    let folder = Fixtures.folder.appending(path: "hostile")
    let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: folder.appending(path: "expected.json")))
    for row in rows {
      let clock = ContinuousClock.now
      var problems: [Problem] = []
      var found: [String] = []
      func note(_ path: Path, _ source: any ByteSource) {
        do {
          let bytes = try source.all()
          if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) || bytes.starts(with: [0x50, 0xED, 0x55, 0xBA]) {
            found.append(path.text)
          }
        } catch { if let e = error as? Problem { problems.append(e) } else { fatalError() } }
      }
      func tree(_ tree: FileTree) {
        problems += tree.problems
        for file in tree.files { do { note(file.path, try tree.contents(of: file)) } catch { problems.append(error) } }
      }
      do {
        let path = folder.appending(path: row.file).path
        if row.file.hasSuffix("-folder") {
          let a = try ImageArchive(folder: Path(path))
          problems += a.problems
          for i in a.images { var t = FileTree(); for l in i.layers { do { t.apply(try l.tar()) } catch { problems.append(error) } }; tree(t) }
        } else {
          var bytes = Array(try Data(contentsOf: URL(filePath: path)))
          if let s = row.size { bytes = Array(bytes[..<s]) }
          let source = MemoryBytes(bytes)
          if row.file.hasSuffix(".whl") {
            let z = try ZipArchive(source); problems += z.problems
            for m in z.members where m.mode & 0o170000 == 0o100000 || true { do { note(m.path, try z.contents(of: m)) } catch { problems.append(error) } }
          } else if row.file.hasSuffix(".conda") {
            let c = try CondaPackage(source); problems += c.problems
            for p in c.parts { var t = FileTree(); t.apply(p); problems.removeAll { p.problems.contains($0) }; tree(t) }
          } else if row.file.hasPrefix("image-") || row.file.hasPrefix("docker-") {
            let a = try ImageArchive(source); problems += a.problems
            for i in a.images { var t = FileTree(); for l in i.layers { do { t.apply(try l.tar()) } catch { problems.append(error) } }; tree(t) }
          } else {
            var t = FileTree(); t.apply(try TarArchive(decompressing: source)); tree(t)
          }
        }
      } catch { if let e = error as? Problem { problems.append(e) } else { fatalError() } }
      let time = ContinuousClock.now - clock
      var left = problems
      var missing: [String] = []
      for p in row.problems {
        if let i = left.firstIndex(where: { $0.code.rawValue == p.code && $0.description.contains(p.text) }) { left.remove(at: i) } else { missing.append("\(p.code): \(p.text)") }
      }
      let f = found.sorted()
      if !left.isEmpty || !missing.isEmpty || (f != row.found && row.hex == nil) || time > .seconds(1) {
        print("## \(row.file) \(row.size ?? -1) [\(row.note)] \(time)")
        for l in left.prefix(3) { print("   unexpected \(l.code): \(String(l.description.prefix(300)))") }
        for m in Set(missing) { print("   missing \(m)") }
        if f != row.found { print("   found \(f.map { $0.prefix(40) }) not \(row.found.map { $0.prefix(40) })") }
      }
    }
  }
}
