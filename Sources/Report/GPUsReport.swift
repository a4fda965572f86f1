public import Compatibility

/// Products of the GPU catalogue: what the command `gpus` shows.
public struct GPUsReport: Sendable {
  public var query: String
  public var gpus: [GPU]
  /// The virtual machines that the query names.
  public var instances: [CloudInstance]
  /// Where they are from.
  private let tables: TableSet

  public init(query: String, gpus: [GPU], instances: [CloudInstance] = [], tables: TableSet) {
    self.query = query
    self.gpus = gpus
    self.instances = instances
    self.tables = tables
  }

  /// The report as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.rows("gpus", of: gpus) { writer, gpu in
        writer.array("architectures", architectures(of: gpu))
        writer.array("computeCapabilities", gpu.computeCapabilities.map(\.description))
        writer.member("confirmed", gpu.isConfirmed)
        writer.array("firstDrivers", gpu.firstDrivers.map(\.description))
        writer.member("name", gpu.name)
        writer.member("note", gpu.note)
        writer.array("pciIDs", gpu.pciIDs)
        writer.member("segment", gpu.segment.rawValue)
        writer.member("source", tables.gpus.sources[gpu.source])
      }
      writer.rows("instances", of: instances) { writer, instance in
        writer.member("cloud", instance.cloud)
        writer.member("confirmed", instance.confirmed ?? true)
        writer.array("counts", instance.counts)
        writer.member("gpu", instance.gpu)
        writer.member("instance", instance.instance)
        writer.member("machine", instance.machine)
        writer.member("source", tables.gpus.sources[instance.source])
      }
      writer.member("query", query)
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      writer.tool(tool)
    }
    return writer.finish()
  }

  /// The report as text: a row per product, by compute capability, names that are only labels last.
  public func text(_ style: TextStyle) -> String {
    let rows = (gpus.filter { $0.segment != .label } + gpus.filter { $0.segment == .label }).map { gpu in
      (
        (gpu.isConfirmed || gpu.segment == .label ? "" : "probably ")
          + gpu.computeCapabilities.map(\.description).joined(separator: "/"),
        architectures(of: gpu).joined(separator: "/"), gpu.segment.rawValue, gpu.name,
        gpu.note
      )
    }
    let widths = rows.reduce((2, 12, 7)) {
      (max($0.0, columns($1.0)), max($0.1, columns($1.1)), max($0.2, columns($1.2)))
    }
    func line(_ first: String, _ second: String, _ third: String, _ last: String) -> String {
      first.padded(to: widths.0) + "  " + second.padded(to: widths.1) + "  " + third.padded(to: widths.2)
        + "  " + last
    }
    var text = style.paint(line("CC", "architecture", "segment", "name"), .dim) + "\n"
    for row in rows {
      text += line(row.0, row.1, row.2, row.3 + (row.4.map { " (\($0))" } ?? "")) + "\n"
    }
    if !instances.isEmpty { text += "\n" + instances.map { "\($0)\n" }.joined() }
    if gpus.contains(where: { $0.segment == .label }) {
      let note = "label: a name in the public list of PCI ids; the driver prints another one"
      text += "\n" + wrapped(note, first: "", width: style.width)
    }
    return text + style.paint("\ntables of \(tables.date)\n", .dim)
  }

  private func architectures(of gpu: GPU) -> [String] {
    var names: [String] = []
    for name in gpu.computeCapabilities.compactMap({ tables.architectures[$0]?.architecture })
    where !names.contains(name) {
      names.append(name)
    }
    return names
  }
}
