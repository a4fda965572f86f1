import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as comma-separated values, or with tabs between these: a line with titles, then one for each library and GPU,
  /// or for each library where somebody asks about no GPU.
  ///
  /// Names are as a terminal shows them, so that no cell holds a control character. A name that a spreadsheet takes for a
  /// formula stays as it is, because readers look for it in other reports.
  public func csv(_ separator: CellSeparator = .comma) -> [UInt8] {
    var text = ""
    // The targets of a library are several words in one cell.
    func line(_ cells: [String]) { text += separator.line(cells, quoting: " ") }
    line([
      "view", "package", "version", "library", "modules", "targets", "gpu", "computeCapability", "driver",
      "verdict", "standing", "requirement",
    ])
    forEachLibrary { row in
      let (name, version) = row.packageName
      line([
        row.part.name, printable(name), printable(version ?? ""), row.unit?.path.description ?? "",
        row.unit.map { "\($0.code.moduleCount)" } ?? "", row.targets.joined(separator: " "),
        printable(row.device?.query ?? ""), row.device?.device.computeCapability.description ?? "",
        row.device?.device.driver?.description ?? "", row.verdict?.rawValue ?? "", row.standing?.name ?? "",
        row.requirement ?? "",
      ])
    }
    return Array(text.utf8)
  }
}
