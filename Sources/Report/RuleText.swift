import Assessment
import Compatibility
import DeviceCode

extension Sequence<ImageSignature> {
  /// The targets, each once: machine code by number, then PTX and LTO-IR.
  var targetNames: [String] {
    distinct(
      sorted { ($0.kind == .cubin ? 0 : 1, $0.target) < ($1.kind == .cubin ? 0 : 1, $1.target) }
        .map(\.targetName))
  }
}
