public import Assessment
public import Compatibility

/// Products of the GPU catalogue: what the command `gpus` shows.
public struct GPUsReport: Sendable {
  public var query: String
  public var gpus: [GPU]
  /// The virtual machines that the query names.
  public var instances: [CloudInstance]
  /// What is known of those that the query means, where these are few.
  public var facts: [GPUFacts]
  /// Where they are from.
  private let tables: TableSet

  public init(
    query: String, gpus: [GPU], instances: [CloudInstance] = [], facts: [GPUFacts] = [], tables: TableSet
  ) {
    self.query = query
    self.gpus = gpus
    self.instances = instances
    self.facts = facts
    self.tables = tables
  }

  /// The report as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.array("facts", of: facts) { $0.members(of: $1) }
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
    for facts in facts { text += "\n" + self.text(of: facts, style) }
    return text + style.paint("\ntables of \(tables.date)\n", .dim)
  }

  /// What is known of one GPU, a line each; what the tables lack is left out.
  private func text(of facts: GPUFacts, _ style: TextStyle) -> String {
    var rows: [(title: String, text: String)] = []
    let device = facts.device
    let isNamed = device.name != nil || device.commonName != nil
    let capability = device.capability + (facts.architecture.map { " (\($0.architecture))" } ?? "")
    if isNamed { rows.append(("compute capability", capability)) }
    let targets = facts.targets.map { "sm_\($0)" }
    if !targets.isEmpty {
      rows.append(
        (
          "runs",
          "machine code for \(targets.joined(separator: " ")); PTX for \(device.computeCapability) or earlier"
        ))
    }
    if let oldest = device.oldestDriver {
      let last = facts.lastDriver.map { branch in
        "to R\(branch.branch), the last that supports it" + (branch.note.map { " (\($0))" } ?? "")
      }
      rows.append(("drivers", "\(oldest) \(last ?? "or newer")"))
    }
    if let first = facts.jetPacks.first, let last = facts.jetPacks.last {
      rows.append(("JetPack", "\(first.jetPack) to \(last.jetPack)"))
    }
    if let row = facts.architecture {
      let last = row.lastToolkit.map { last in
        "to \(last)" + (facts.firstToolkitWithout.map { "; CUDA \($0) does not compile for it" } ?? "")
      }
      rows.append(("CUDA toolkits", "\(row.firstToolkit) \(last ?? "or newer")"))
    }
    if let torch = facts.torch {
      let drivers = torch.oldestDriver.map { oldest in
        ", driver \(oldest) " + (torch.lastDriverBranch.map { "to R\($0)" } ?? "or newer")
      }
      rows.append(
        (
          "newest PyTorch",
          (torch.isConfirmed ? "" : "probably ") + torch.version
            + (torch.cuda.last.map { " for CUDA \($0)" } ?? "") + (torch.python.map { ", \($0)" } ?? "")
            + (drivers ?? "")
            + (torch.answer.verdict == .jit ? "; the driver compiles its PTX at the first start" : "")
        ))
    }
    if let own = facts.ownTorch { rows.append(("PyTorch", own)) }
    rows.append(("nvcc", facts.gencode))
    rows.append(("PyTorch extensions", "TORCH_CUDA_ARCH_LIST=\(facts.torchArchitectures)"))
    rows.append(("CMake", "CMAKE_CUDA_ARCHITECTURES=\(facts.cmakeArchitectures)"))
    let width = rows.map { columns($0.title) }.max() ?? 0
    var text = style.paint(isNamed ? device.label : "compute capability \(capability)", .bold) + "\n"
    for row in rows {
      text += wrapped(row.text, first: "  " + row.title.padded(to: width) + "  ", width: style.width)
    }
    if let torch = facts.torch {
      text += "  To install this PyTorch:\n    " + style.paint(torch.command, .cyan) + "\n"
    }
    return text
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

extension JSONWriter {
  fileprivate mutating func members(of facts: GPUFacts) {
    let device = facts.device
    member("architecture", facts.architecture?.architecture)
    member("cmakeArchitectures", facts.cmakeArchitectures)
    member("computeCapability", device.computeCapability.description)
    member("confirmed", device.isConfirmed)
    member("firstDriver", device.oldestDriver?.description)
    member("firstToolkit", facts.architecture?.firstToolkit.description)
    member("gencode", facts.gencode)
    array("gpus", device.products)
    array("jetPacks", facts.jetPacks.map(\.jetPack))
    member("lastDriverBranch", facts.lastDriver.map { UInt64($0.branch) })
    member("lastToolkit", facts.architecture?.lastToolkit?.description)
    member("ownPyTorch", facts.ownTorch)
    if let torch = facts.torch {
      object("pytorch") { writer in
        writer.member("command", torch.command)
        writer.member("confirmed", torch.isConfirmed)
        writer.member("cuda", torch.cuda.last?.description)
        writer.member("firstDriver", torch.oldestDriver?.description)
        writer.member("lastDriverBranch", torch.lastDriverBranch.map { UInt64($0) })
        writer.array("pythons", torch.pythons)
        writer.member("verdict", torch.answer.verdict.rawValue)
        writer.member("version", torch.version)
      }
    }
    member("query", facts.query)
    array("targets", facts.targets.map { "sm_\($0)" })
    member("torchArchitectures", facts.torchArchitectures)
  }
}
