import Bytes
import Compatibility
import DeviceCode
import Scan

/// One row of a scan's table: a library, or many device code files of one folder with the same verdicts.
struct TableRow {
  var name: String
  var modules: Int
  var verdicts: [Verdict]
  var aliases: [FilePlace]
}

extension ScanReport {
  /// From this number of files on, those of one folder and kind with the same verdicts share a row: packages ship
  /// cubins by the thousand.
  private static let foldedCount = 20

  private struct Fold: Hashable {
    var root: Int
    var folder: [UInt8]
    var format: InspectedFile.Format
    var verdicts: [Verdict]
  }

  /// The rows in the order of the libraries; files that share a row stand at the place of the first of them.
  var tableRows: [TableRow] {
    let folds = result.libraries.indices.map(fold)
    var members: [Fold: [Int]] = [:]
    for (index, fold) in folds.enumerated() {
      if let fold { members[fold, default: []].append(index) }
    }
    return result.libraries.indices.compactMap { index in
      let library = result.libraries[index]
      let row = TableRow(
        name: name(of: library.place), modules: library.file.inventory.modules.count,
        verdicts: verdicts[index].map(\.verdict), aliases: library.aliases)
      guard let fold = folds[index], let group = members[fold], group.count >= Self.foldedCount else {
        return row
      }
      guard group[0] == index else { return nil }
      let folder = name(of: FilePlace(root: fold.root, path: Path(bytes: fold.folder)))
      return TableRow(
        name: "\(folder.isEmpty ? "." : folder): \(counted(group.count, "\(fold.format.name) file"))",
        modules: group.reduce(0) { $0 + result.libraries[$1].file.inventory.modules.count },
        verdicts: fold.verdicts, aliases: [])
    }
  }

  /// What a device code file shares with those that it may share a row with; nil for a host file.
  private func fold(_ index: Int) -> Fold? {
    let library = result.libraries[index]
    switch library.file.format {
    case .cubin, .fatBinary, .ptx, .ltoIR: break
    default: return nil
    }
    let path = library.place.path.bytes
    let folder = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
    return Fold(
      root: library.place.root, folder: folder, format: library.file.format,
      verdicts: verdicts[index].map(\.verdict))
  }
}
