import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as comma-separated values (RFC 4180): a line with titles, then one for each library and GPU.
  ///
  /// Names are as a terminal shows them, so that no cell holds a control character.
  public func csv() -> [UInt8] {
    var text = ""
    func line(_ cells: [String]) { text += cells.map(\.asCell).joined(separator: ",") + "\r\n" }
    line([
      "view", "package", "version", "library", "modules", "targets", "gpu", "computeCapability", "driver",
      "verdict", "standing",
    ])
    forEachLibrary { row in
      let (name, version) = row.packageName
      line([
        row.part.name, printable(name), printable(version ?? ""), row.unit?.path.description ?? "",
        row.unit.map { "\($0.code.moduleCount)" } ?? "", row.targets.joined(separator: " "),
        printable(row.device.query), row.device.device.computeCapability.description,
        row.device.device.driver?.description ?? "", row.verdict.rawValue, row.standing.name,
      ])
    }
    return Array(text.utf8)
  }
}

extension String {
  /// In quotation marks where a reader needs them, or would take the cell for a formula.
  fileprivate var asCell: String {
    let needsMarks = utf8.contains {
      [UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: " ")].contains($0)
    }
    return needsMarks ? "\"" + replacing("\"", with: "\"\"") + "\"" : self
  }
}
