import Bytes
import Compatibility
import Stack

extension FuzzTarget {
  /// Reads records of packages and of images: a text of files, each behind a line `### PATH`. Those with the names of
  /// ``Record`` are read as what is named, all others as the files of one tree.
  static func recordViolations(_ bytes: [UInt8]) -> [String] {
    var found: [String] = []
    var tables = TableSet.shipped
    var images: [ImageConfiguration] = []
    var files: [Path: [UInt8]] = [:]
    for file in namedFiles(bytes) {
      switch Record(rawValue: String(decoding: file.name, as: UTF8.self)) {
      case .rows: try? tables.add(document: file.contents, to: TableSet.types)
      case .configuration: images += ((try? ImageConfiguration.read(file.contents)) ?? []).prefix(4)
      case .management:
        guard let host = try? DetectedHost(managementText: file.contents, tables: tables) else { continue }
        if host.gpus.count > 256 { found.append("\(host.gpus.count) GPUs") }
        _ = try? host.devices(with: host.driver, by: tables)
      case nil:
        let names = file.name.split(separator: UInt8(ascii: "/"))
        guard !names.isEmpty,
          !names.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) })
        else { continue }
        files[Path(bytes: Array(names.joined(separator: [UInt8(ascii: "/")])))] = file.contents
      }
    }
    func view(_ paths: [Path]) -> View {
      let tree = Tree(files: paths) { [files] path in MemoryBytes(files[path] ?? []) }
      var view = View(kind: images.isEmpty ? .directory : .image, paths: [Path("root")])
      (view.stack, view.problems) = FactCollector.facts(of: tree, libraries: [], images: images, by: tables)
      return view
    }
    let paths = files.keys.sorted()
    let facts = Facts(views: [view(paths)])
    if document(Facts(views: [view(paths.reversed())])) != document(facts) {
      found.append("facts that depend on the order of files")
    }
    return found + judgementViolations(facts, by: tables)
  }

  /// Files that are no part of a tree.
  private enum Record: String {
    case rows = "--data"
    case configuration = "--image-config"
    case management = "--host"
  }

  private static func namedFiles(_ bytes: [UInt8]) -> [(name: ArraySlice<UInt8>, contents: [UInt8])] {
    let mark = Array("### ".utf8)
    var files: [(name: ArraySlice<UInt8>, contents: [UInt8])] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.starts(with: mark) {
        files.append((line.dropFirst(mark.count), []))
      } else if !files.isEmpty {
        files[files.count - 1].contents += line + [UInt8(ascii: "\n")]
      }
    }
    return files
  }
}
