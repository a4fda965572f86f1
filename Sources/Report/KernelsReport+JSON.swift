import Bytes
import Compatibility
import DeviceCode
import Scan

extension KernelsReport {
  /// The report as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object {
      $0.array("files", of: files) { writer, file in
        if selection.isSummary {
          writer.object("composition") {
            CompositionReport(file, limit: selection.limit ?? 10, isMangled: selection.isMangled)
              .write(to: &$0)
          }
        }
        writer.member("format", file.contents.format.name)
        writer.member("kernelCount", file.kernels.kernels.count)
        if !selection.isSummary {
          writer.rows("kernels", of: file.rows) { $0.members(of: $1, in: file.contents.inventory) }
        }
        writer.path(file.path)
        writer.rows("problems", of: file.problems) { $0.members(of: $1) }
        writer.member("size", file.contents.size)
      }
      $0.member("schemaVersion", JSONWriter.schemaVersion)
      $0.object("selection") {
        if let pattern = selection.pattern { $0.member("ignoresCase", pattern.ignoresCase) }
        if let limit = selection.limit { $0.member("limit", limit) }
        $0.member("match", selection.pattern?.text)
        $0.member("order", selection.order.rawValue)
        $0.member("stubsOnly", selection.isStubsOnly)
        $0.array("targets", selection.targets)
        if !selection.conditions.isEmpty { $0.array("where", selection.conditions.map(\.description)) }
      }
      $0.tool(tool)
    }
    return writer.finish()
  }
}

extension JSONWriter {
  fileprivate mutating func members(of row: KernelRow, in inventory: Inventory) {
    member("demangled", row.demangled)
    member("name", row.name)
    member("size", row.size)
    member("storedSize", row.storedSize)
    array("stubTargets", row.stub?.stubs.map { "sm_\($0.target)" } ?? [])
    array("targets", of: row.targets(in: inventory)) { writer, target in
      writer.member("body", target.resources?.body.rawValue)
      writer.member("codeSize", target.resources?.codeSize)
      writer.member("constantBank0", target.resources?.constantBank0)
      writer.array("images", target.images)
      writer.member("localMemory", target.resources?.localMemory)
      writer.member("parameterBytes", target.resources?.parameterBytes)
      writer.member("ptxISA", target.ptxISA?.description)
      writer.member("registers", target.resources?.registers)
      writer.member("sharedMemory", target.resources?.sharedMemory)
      writer.member("size", target.size)
      writer.member("stackSize", target.resources?.stackSize)
      writer.member("storedSize", target.storedSize)
      writer.member("target", target.name)
    }
  }
}
