import Assessment
import Bytes
public import Compatibility
import DeviceCode
import Stack

/// What error messages mean: what the command `explain` shows.
public struct ErrorReport: Sendable {
  private let rows: [ErrorTable.Row]
  /// What a command names for the GPU.
  private let gpu: String

  public init(_ text: String, by tables: TableSet) {
    rows = tables.errors.errors(in: text)
    gpu = Self.gpu(in: text, by: tables) ?? "GPU"
  }

  /// Whether nothing that the text says is known.
  public var isEmpty: Bool { rows.isEmpty }

  public func text(_ style: TextStyle) -> String {
    rows.map { row in
      let names = (row.names ?? []) + (row.code.map { ["CUDA error \($0)"] } ?? [])
      let said = "\"\(row.texts[0].replacing("*", with: "…"))\""
      var text = wrapped(
        said + (names.isEmpty ? "" : " (\(names.joined(separator: ", ")))"), first: "", width: style.width)
      text = style.paint(String(text.dropLast()), .bold) + "\n"
      text += wrapped(row.meaning, first: "  ", width: style.width)
      text += "\n" + style.paint(Plan.stepsTitle, .bold) + "\n"
      for step in row.steps {
        text += style.step(step.text, step.command?.replacing("{gpu}", with: gpu))
      }
      return text
    }.joined(separator: "\n")
  }

  /// The GPU that a text names: by the name of a product, else by the only target in it.
  private static func gpu(in text: String, by tables: TableSet) -> String? {
    if let match = text.firstMatch(of: #/(NVIDIA [A-Za-z0-9 ().\-]+?) with CUDA capability/#) {
      return String(match.1)
    }
    let targets = Set(text.matches(of: #/sm_([0-9]{2,3})[af]?\b/#).compactMap { CodeTarget("sm_\($0.1)") })
    guard targets.count == 1, let target = targets.first else { return nil }
    let computeCapability = ComputeCapability(target)
    return tables.architectures[computeCapability] == nil ? nil : computeCapability.description
  }
}
