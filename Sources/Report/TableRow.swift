import Bytes
import Compatibility
import DeviceCode
import Scan
import Stack

/// One row of a scan's table: a package, a library, many device code files of one folder with the same verdicts, or an
/// environment above its packages.
struct TableRow {
  var name: String
  /// Spaces before the name.
  var indent = 0
  var isPackage = false
  var modules: Int
  var verdicts: [Verdict]
  var aliases: [FilePlace] = []

  /// The row below a heading.
  var indented: TableRow {
    var row = self
    row.indent += 2
    return row
  }
}

extension ScanReport {
  /// From this number of files on, those of one folder and kind with the same verdicts share a row.
  private static let foldedCount = 20

  private struct Fold: Hashable {
    var root: Int
    var folder: [UInt8]
    var format: InspectedFile.Format
    var verdicts: [Verdict]
  }

  /// A package with all that was judged of it, or something judged that no package owns.
  private struct Item {
    var package: Int?
    var judged: [Int]
    var environment: Int?
  }

  /// The rows: packages and what belongs to none in the order of the libraries. Where packages lie in several
  /// environments these are headings; a root that is a single package needs none.
  var tableRows: [TableRow] { rowsOfCode + rowsOfOtherPackages }

  /// The packages among the roots that hold no device code, where others do.
  var rowsOfOtherPackages: [TableRow] {
    let withCode = Set(result.libraries.flatMap { [$0.place.root] + $0.aliases.map(\.root) })
    return result.roots.indices.filter { result.roots[$0].isPackage && !withCode.contains($0) }.map {
      TableRow(
        name: name(ofRoot: $0), modules: 0, verdicts: devices.map { _ in Verdict.noDeviceCode })
    }
  }

  private var rowsOfCode: [TableRow] {
    let items = items
    let environments = Set(items.filter { $0.package != nil }.map(\.environment))
    guard environments.count > 1 else { return rows(of: items) }
    var rows: [TableRow] = []
    var groups: [Int: [Item]] = [:]
    for item in items {
      if let environment = item.environment { groups[environment, default: []].append(item) }
    }
    for item in items {
      guard let environment = item.environment, environments.contains(environment),
        let group = groups[environment]
      else {
        rows += self.rows(of: [item])
        continue
      }
      guard group[0].judged == item.judged, group[0].package == item.package else { continue }
      let place = result.place(of: facts.installed[environment].folder)
      if group.count == 1, let root = place?.root, result.roots[root].isPackage {
        rows += self.rows(of: group)
        continue
      }
      let name = place.map { self.name(of: $0) } ?? facts.installed[environment].folder.description
      let root = facts.installed[environment].kind == .debian ? "system" : "."
      rows.append(row(name.isEmpty ? root : name, group.flatMap(\.judged)))
      rows += self.rows(of: group, below: facts.installed[environment].folder).map(\.indented)
    }
    return rows
  }

  private var items: [Item] {
    var packages: [Int: [Int]] = [:]
    for (index, code) in judged.enumerated() {
      for package in code.packages { packages[package, default: []].append(index) }
    }
    var items: [Item] = []
    var seen: Set<Int> = []
    for (index, code) in judged.enumerated() {
      if code.packages.isEmpty {
        let environment = facts.environmentIndex(of: result.path(of: code.place))
        items.append(Item(package: nil, judged: [index], environment: environment))
      }
      for package in code.packages where seen.insert(package).inserted {
        let environment = facts.installed.firstIndex { $0.folder == facts.packages[package].environment }
        items.append(Item(package: package, judged: packages[package] ?? [], environment: environment))
      }
    }
    return items
  }

  /// The rows of some items, those that no package owns named as from `folder`.
  private func rows(of items: [Item], below folder: Path? = nil) -> [TableRow] {
    let folds = items.map { $0.package == nil ? fold($0.judged[0]) : nil }
    var members: [Fold: [Int]] = [:]
    for (index, fold) in folds.enumerated() {
      if let fold { members[fold, default: []].append(index) }
    }
    return items.indices.flatMap { index -> [TableRow] in
      let item = items[index]
      if let package = item.package { return packageRows(package, item.judged) }
      guard let fold = folds[index], let group = members[fold], group.count >= Self.foldedCount else {
        return [libraryRow(item.judged[0], below: folder)]
      }
      guard group[0] == index else { return [] }
      let folder = name(of: FilePlace(root: fold.root, path: Path(bytes: fold.folder)))
      let name = "\(folder.isEmpty ? "." : folder): \(counted(group.count, "\(fold.format.name) file"))"
      return [row(name, group.map { items[$0].judged[0] })]
    }
  }

  private func row(_ name: String, _ part: [Int]) -> TableRow {
    let files = Set(part.flatMap { judged[$0].files })
    return TableRow(
      name: name, modules: files.reduce(0) { $0 + result.libraries[$1].file.inventory.modules.count },
      verdicts: devices.indices.map { overall(device: $0, of: part) })
  }

  private func libraryRow(_ index: Int, below folder: Path?) -> TableRow {
    var row = row(folder.map { name(of: index, below: $0) } ?? name(of: index), [index])
    if !judged[index].isCollection { row.aliases = result.libraries[judged[index].files[0]].aliases }
    return row
  }

  /// A package, and the libraries in it where their verdicts differ: what most have in common is told last.
  private func packageRows(_ index: Int, _ part: [Int]) -> [TableRow] {
    let package = facts.packages[index]
    var head = row("\(printable(package.name)) \(printable(package.version))", part)
    head.isPackage = true
    let groups = Dictionary(grouping: part) { verdicts[$0].map(\.verdict) }.values.sorted { $0[0] < $1[0] }
    guard groups.count > 1 else { return [head] }
    let most = groups.max { $0.count < $1.count }
    var rows = [head]
    for group in groups where group != most || group.count < 3 {
      rows += group.prefix(Self.shownLibraries).map {
        row(name(of: $0, below: package.environment), [$0]).indented
      }
      let rest = group.dropFirst(Self.shownLibraries)
      if !rest.isEmpty { rows.append(row("\(grouped(rest.count)) more like it", Array(rest)).indented) }
    }
    if let most, most.count >= 3 {
      rows.append(row("\(grouped(most.count)) other libraries", most).indented)
    }
    return rows
  }

  /// Libraries of a package with the same verdicts that are shown one by one.
  private static let shownLibraries = 4

  /// A library as from a folder that one of its names lies in.
  private func name(of index: Int, below folder: Path) -> String {
    let code = judged[index]
    let names = code.isCollection ? [] : result.libraries[code.files[0]].aliases
    let prefix = folder.bytes.isEmpty ? [] : folder.bytes + [UInt8(ascii: "/")]
    let path = ([code.place] + names).lazy.map { result.path(of: $0) }.first { $0.bytes.starts(with: prefix) }
    guard let path else { return name(of: index) }
    return named(printable(path.bytes.dropFirst(prefix.count)), code)
  }

  /// What a device code file shares with those that it may share a row with; nil for a host file.
  private func fold(_ index: Int) -> Fold? {
    let code = judged[index]
    guard !code.isCollection else { return nil }
    let format = result.libraries[code.files[0]].file.format
    switch format {
    case .cubin, .fatBinary, .ptx, .ltoIR: break
    default: return nil
    }
    let path = code.place.path.bytes
    let folder = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
    return Fold(
      root: code.place.root, folder: folder, format: format, verdicts: verdicts[index].map(\.verdict))
  }
}
