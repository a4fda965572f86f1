public import Assessment
public import Compatibility
import DeviceCode

/// What a target is, and on which GPUs its code runs: what the command `explain` shows of `sm_100f`.
public struct TargetReport: Sendable {
  private let facts: TargetFacts
  private let devices: [RequestedDevice]
  private let tables: TableSet

  /// - Parameter devices: the GPUs that are asked about; there may be none.
  public init(_ facts: TargetFacts, devices: [RequestedDevice], tables: TableSet) {
    self.facts = facts
    self.devices = devices
    self.tables = tables
  }

  /// Whether a toolkit of the tables compiles for it.
  public var isKnown: Bool { facts.firstToolkit != nil }

  private var own: ComputeCapability { ComputeCapability(facts.target) }

  public func text(_ style: TextStyle) -> String {
    var text = wrapped("\(facts.name): \(meaning)", first: "", width: style.width)
    text = style.paint(String(text.dropLast()), .bold) + "\n"
    let rows = rows
    let width = rows.map { columns($0.title) }.max() ?? 0
    for row in rows {
      text += wrapped(row.text, first: "  " + row.title.padded(to: width) + "  ", width: style.width)
    }
    if !devices.isEmpty { text += "\n" }
    for device in devices {
      let judgement = facts.judgement(on: device.device)
      let verdict = judgement.fit.verdict
      let driver = device.device.driver.map { " with driver \($0)" } ?? ""
      let capability =
        device.device.label.hasPrefix("compute capability") ? "" : " (\(device.device.capability))"
      text += wrapped(
        "\(device.device.label)\(capability)\(driver): \(verdict.meaning): \(judgement.sentence(on: device.device))",
        first: style.paint(verdict.mark, verdict.color) + " ", indent: 1 + columns(verdict.mark),
        width: style.width)
    }
    return text + style.paint("\ntables of \(tables.date)\n", .dim)
  }

  private var meaning: String {
    let row = tables.architectures[own]
    let name = "compute capability \(own)" + (row.map { " (\($0.architecture))" } ?? "")
    let what = facts.isPTX ? "PTX, which the driver compiles," : "machine code"
    return switch facts.target.suffix {
    case .none:
      facts.isPTX ? "\(what) for \(name) and every later one" : "\(what) for \(name)"
    case .architectureSpecific: "\(what) for exactly \(name)"
    case .familySpecific: "\(what) for the family of \(name)"
    }
  }

  private var rows: [(title: String, text: String)] {
    guard let first = facts.firstToolkit else {
      let all = tables.toolkits.compilers.map(\.toolkit)
      let range = all.first.map { " (CUDA \($0) to \(all.last ?? $0))" } ?? ""
      return [("toolkits", "none of the tables compiles for it\(range)")]
    }
    let judgements = facts.judgements
    func capabilities(_ included: (ImageJudgement) -> Bool) -> [ArchitectureTable.Row] {
      judgements.filter { included($0.judgement) }.map(\.row)
    }
    var rows: [(String, String)] = []
    func add(_ title: String, _ capabilities: [ArchitectureTable.Row]) {
      if !capabilities.isEmpty { rows.append((title, capabilities.map(\.named).joined(separator: ", "))) }
    }
    let native = capabilities { $0.fit.isNative }
    add("runs as it is on", native)
    add("compiled by the driver for", capabilities { $0.fit == .jit })
    add("may run on", capabilities { $0.fit == .notGuaranteed })
    add("does not run on the Tegra", capabilities { $0.reason == .desktopCodeOnTegra })
    rows.append(("toolkits", "CUDA \(first)" + (facts.lastToolkit.map { " to \($0)" } ?? " or newer")))
    rows.append(("option of nvcc", facts.target.gencode(isPTX: facts.isPTX)))
    if facts.isPTX, let release = facts.ptxISA {
      let driver = release.driver.map { ", which drivers of R\($0) or newer compile" } ?? ""
      rows.append(("version of PTX", "\(release.ptxISA) or newer\(driver)"))
    }
    for row in native where !facts.isPTX && row.confirmed != false {
      guard let oldest = Device(row.computeCapability, tables: tables).oldestDriver else { continue }
      rows.append(
        (
          "driver for \(row.computeCapability)",
          "\(oldest) " + (row.lastDriver.map { "to R\($0)" } ?? "or newer")
        ))
    }
    return rows
  }
}

extension ArchitectureTable.Row {
  /// `10.3 (B300)`, or `probably 8.8` for one that no document confirms.
  fileprivate var named: String {
    (confirmed == false ? "probably " : "") + "\(computeCapability)" + (examples.map { " (\($0))" } ?? "")
  }
}
