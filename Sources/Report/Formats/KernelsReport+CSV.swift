import Bytes
import DeviceCode
import Scan

extension KernelsReport {
  /// The report as a table for other programs: a line with titles, then one for each kernel and target, those that take
  /// the same resources together. Cells without a value are empty.
  public func csv(_ separator: CellSeparator = .comma) -> [UInt8] {
    var text = separator.line([
      "file", "kernel", "target", "ptxISA", "registers", "stackSize", "localMemory", "sharedMemory",
      "constantBank0", "parameterBytes", "codeSize", "body", "copies", "size", "storedSize", "mangledName",
    ])
    for file in files {
      let path = file.path.description
      for row in file.rows {
        let (shown, mangled) = (printable(row.shownName), printable(row.name))
        for target in row.targets(in: file.contents.inventory) {
          let resources = target.resources
          func cell(_ number: (some UnsignedInteger)?) -> String { number.map { "\($0)" } ?? "" }
          text += separator.line([
            path, shown, target.name, target.ptxISA?.description ?? "", cell(resources?.registers),
            cell(resources?.stackSize), cell(resources?.localMemory), cell(resources?.sharedMemory),
            cell(resources?.constantBank0), cell(resources?.parameterBytes), cell(resources?.codeSize),
            resources?.body.rawValue ?? "", "\(target.images.count)",
            cell(resources.map { _ in target.size }),
            cell(resources.map { _ in target.storedSize }), mangled,
          ])
        }
      }
    }
    return Array(text.utf8)
  }
}
