import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

/// One row of a scan's table: a package, a library, many device code files of one folder with the same verdicts, or an
/// environment above its packages.
struct TableRow {
  /// What a row says of one device.
  enum Cell: Hashable {
    case verdict(Verdict)
    /// It is for other GPUs, or another file is taken in its place.
    case setAside
    /// It does not matter to whoever asks.
    case ignored(Verdict)

    var isIgnored: Bool { if case .ignored = self { true } else { false } }

    /// Each of them, in the order of a legend.
    static let all =
      Verdict.allCases.map { Cell.verdict($0) } + [.setAside] + Verdict.allCases.map { .ignored($0) }
  }

  var name: String
  /// Spaces before the name.
  var indent = 0
  var isPackage = false
  var modules: Int
  var cells: [Cell]
  var aliases: [Path] = []

  /// The row below a heading.
  var indented: TableRow {
    var row = self
    row.indent += 2
    return row
  }
}

extension Sequence<TableRow> {
  /// What the rows say, each once and in the order of a legend.
  var usedCells: [TableRow.Cell] {
    let used = Set(lazy.flatMap(\.cells))
    return TableRow.Cell.all.filter(used.contains)
  }
}

/// Makes the rows of one view.
struct TableRows {
  let part: ViewAssessment
  /// The rows: packages and what belongs to none in the order of their files. Where packages lie in several environments
  /// these are headings; a view that is a single package needs none.
  private(set) var all: [TableRow] = []
  /// Whether rows are left out that the details have.
  private(set) var isCut = false
  private let devices: Int
  /// Whether the libraries of a package whose verdicts differ have rows.
  private let showsLibraries: Bool

  init(part: ViewAssessment, question: Question, showsDetails: Bool) {
    self.part = part
    devices = question.devices.count
    showsLibraries = showsDetails || !question.namesDevices
    all = everything
    if !showsLibraries {
      isCut = part.packages.contains { package in
        package.isShownAsOne && Set(package.units.map { cells(of: $0) }).count > 1
      }
    }
    if !showsDetails, all.count > Self.shownRows { shorten() }
  }

  /// Rows that are shown without details.
  private static let shownRows = 40

  /// Leaves out what runs as it is, and then what comes last.
  private mutating func shorten() {
    let native = Set([TableRow.Cell.verdict(.native), .setAside])
    let plain = all.filter { native.isSuperset(of: $0.cells) }
    var rest = all.filter { !native.isSuperset(of: $0.cells) }
    let hidden = rest.dropFirst(Self.shownRows)
    rest = Array(rest.prefix(Self.shownRows))
    if let first = hidden.first {
      rest.append(
        TableRow(
          name: "\(grouped(hidden.count)) more", modules: hidden.reduce(0) { $0 + $1.modules },
          cells: hidden.allSatisfy { $0.cells == first.cells } ? first.cells : []))
    }
    if !plain.isEmpty {
      rest.append(
        TableRow(
          name: "\(grouped(plain.count)) more that run as they are",
          modules: plain.reduce(0) { $0 + $1.modules },
          cells: Array(repeating: .verdict(.native), count: devices)))
    }
    all = rest
    isCut = true
  }

  private var view: View { part.view }

  /// From this number of files on, those of one folder and kind with the same verdicts share a row.
  private static let foldedCount = 20
  /// Libraries of a package with the same verdicts that are shown one by one.
  private static let shownLibraries = 4

  private struct Fold: Hashable {
    var folder: Path
    var format: InspectedFile.Format
    var cells: [TableRow.Cell]
  }

  /// A package with its units, or a unit that no package owns.
  private struct Item: Hashable {
    var package: Int?
    var units: [Int]
    /// The index of its environment in the facts.
    var environment: Int?
  }

  private var everything: [TableRow] {
    rowsOfCode
      + part.packages.filter { package in
        package.units.isEmpty && package.verdicts.contains { $0.told != .noDeviceCode }
      }.map { package in
        TableRow(
          name: printable(package.name), isPackage: true, modules: 0,
          cells: package.verdicts.map(\.cell))
      }
  }

  private var rowsOfCode: [TableRow] {
    let items = items
    let environments = Set(items.filter { $0.package != nil }.map(\.environment))
    guard environments.count > 1 else { return rows(of: items) }
    var rows: [TableRow] = []
    let groups = Dictionary(grouping: items.filter { $0.environment != nil }) { $0.environment }
    var seen: Set<Int> = []
    for item in items {
      guard let environment = item.environment, environments.contains(environment),
        let group = groups[environment]
      else {
        rows += self.rows(of: [item])
        continue
      }
      guard seen.insert(environment).inserted else { continue }
      let folder = view.stack.installed[environment].folder
      let isSystem = folder.bytes.isEmpty && view.stack.installed[environment].kind == .debian
      let packages = group.compactMap(\.package)
      rows.append(
        TableRow(
          name: isSystem ? "system" : part.shown(folder),
          modules: moduleCount(group.flatMap(\.units)),
          cells: (0..<devices).map { .verdict(part.verdict(ofPackages: packages, on: $0)) }))
      rows += self.rows(of: group, below: folder).map(\.indented)
    }
    return rows
  }

  private var items: [Item] {
    var items: [Item] = []
    for (index, package) in part.packages.enumerated() where !package.units.isEmpty {
      let environment =
        package.package.flatMap { owner in
          view.stack.installed.firstIndex { $0.folder == view.stack.packages[owner].environment }
        } ?? view.stack.environmentIndex(of: part.units[package.units[0]].path)
      if package.isShownAsOne {
        items.append(Item(package: index, units: package.units, environment: environment))
      } else {
        items += package.units.map { Item(package: nil, units: [$0], environment: environment) }
      }
    }
    let packaged = Set(part.packages.flatMap(\.units))
    items += part.units.indices.filter { !packaged.contains($0) }.map { unit in
      Item(package: nil, units: [unit], environment: view.stack.environmentIndex(of: part.units[unit].path))
    }
    return items.sorted { $0.units[0] < $1.units[0] }
  }

  /// The rows of some items, those that no package owns named as from `folder`.
  private func rows(of items: [Item], below folder: Path? = nil) -> [TableRow] {
    let folds = items.map { $0.package == nil ? fold($0.units[0]) : nil }
    var members: [Fold: [Int]] = [:]
    for (index, fold) in folds.enumerated() {
      if let fold { members[fold, default: []].append(index) }
    }
    return items.indices.flatMap { index -> [TableRow] in
      let item = items[index]
      if let package = item.package { return packageRows(package, item.units) }
      guard let fold = folds[index], let group = members[fold], group.count >= Self.foldedCount else {
        return [unitRow(item.units[0], below: folder)]
      }
      guard group[0] == index else { return [] }
      return [
        TableRow(
          name: "\(part.shown(fold.folder)): \(counted(group.count, "\(fold.format.name) file"))",
          modules: moduleCount(group.flatMap { items[$0].units }), cells: fold.cells)
      ]
    }
  }

  private func moduleCount(_ units: [Int]) -> Int {
    Set(units.flatMap { part.units[$0].files }).reduce(0) { $0 + view.files[$1].unit.loadableCount }
  }

  /// What a row of one unit says.
  func cells(of unit: Int) -> [TableRow.Cell] {
    (0..<devices).map { device in
      let verdict = part.verdict(of: unit, on: device)
      return switch part.standing(of: unit, on: device) {
      case .counts, .withoutCode: .verdict(verdict)
      case .cached: verdict == .incompatible ? .setAside : .verdict(verdict)
      case .forOtherGPUs, .notTaken: .setAside
      case .ignored: .ignored(part.units[unit].verdicts[device].verdict)
      }
    }
  }

  private func unitRow(_ unit: Int, below folder: Path?) -> TableRow {
    TableRow(
      name: folder.map { name(of: unit, below: $0) } ?? part.name(of: unit), modules: moduleCount([unit]),
      cells: cells(of: unit),
      aliases: part.units[unit].isCollection ? [] : view.files[part.units[unit].files[0]].aliases)
  }

  /// A package, and the libraries in it where their verdicts differ: what most have in common is told last.
  private func packageRows(_ index: Int, _ units: [Int]) -> [TableRow] {
    let package = part.packages[index]
    let owner = package.package.map { view.stack.packages[$0] }
    let head = TableRow(
      name: owner.map { "\(printable($0.name)) \(printable($0.version))" } ?? printable(package.name),
      isPackage: true, modules: moduleCount(units),
      cells: package.verdicts.map(\.cell))
    let groups = Dictionary(grouping: units) { cells(of: $0) }.values.sorted { $0[0] < $1[0] }
    guard groups.count > 1, showsLibraries else { return [head] }
    let folder = owner?.environment ?? package.environment ?? Path("")
    let most = groups.max { $0.count < $1.count }
    var rows = [head]
    for group in groups where group != most || group.count < 3 {
      rows += group.prefix(Self.shownLibraries).map { unit in
        var row = unitRow(unit, below: folder).indented
        row.aliases = []
        return row
      }
      let rest = group.dropFirst(Self.shownLibraries)
      if let first = rest.first {
        rows.append(
          TableRow(
            name: "\(grouped(rest.count)) more like it", modules: moduleCount(Array(rest)),
            cells: cells(of: first)
          ).indented)
      }
    }
    if let most, most.count >= 3 {
      rows.append(
        TableRow(
          name: "\(grouped(most.count)) other libraries", modules: moduleCount(most),
          cells: cells(of: most[0])
        ).indented)
    }
    return rows
  }

  /// A unit as from a folder that one of its names lies in.
  private func name(of unit: Int, below folder: Path) -> String {
    let code = part.units[unit]
    let names = code.isCollection ? [] : view.files[code.files[0]].aliases
    let prefix = folder.bytes.isEmpty ? [] : folder.bytes + [UInt8(ascii: "/")]
    guard let path = ([code.path] + names).first(where: { $0.bytes.starts(with: prefix) }) else {
      return part.name(of: unit)
    }
    return part.named(printable(path.bytes.dropFirst(prefix.count)), code)
  }

  /// What a device code file shares with those that it may share a row with; nil for a host file.
  private func fold(_ unit: Int) -> Fold? {
    guard !part.units[unit].isCollection else { return nil }
    let file = view.files[part.units[unit].files[0]]
    switch file.format {
    case .cubin, .fatBinary, .ptx, .ltoIR: break
    default: return nil
    }
    return Fold(folder: file.path.parent, format: file.format, cells: cells(of: unit))
  }
}

extension PackageVerdict {
  /// What the row of the package says.
  fileprivate var cell: TableRow.Cell {
    if let ignored { return .ignored(ignored.code) }
    return !standings.isEmpty && standings.allSatisfy { $0 == .forOtherGPUs } ? .setAside : .verdict(verdict)
  }
}

extension AssessedPackage {
  /// Whether it has one row, and not one for each of its files.
  fileprivate var isShownAsOne: Bool { package != nil || isTorch }
}
