import Compatibility
import DeviceCode
import Scan
import Stack

extension DiffReport {
  /// The report as a JSON document. The same files give the same bytes.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.array("differences", of: difference.libraries) { $0.members(of: $1, in: self) }
      writer.member("kernelsCompared", difference.kernels != nil)
      writer.rows("problems", of: problems) { writer, problem in
        writer.members(of: problem.problem, path: problem.place.path)
        writer.member("root", problem.place.root)
      }
      writer.rows("roots", of: result.roots) { writer, root in
        writer.member("kind", root.kind.rawValue)
        writer.path(root.path)
      }
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      writer.object("summary") { writer in
        writer.member("changed", count(.changed))
        writer.member("gained", count(.gained))
        writer.array("gainedGPUs", gainedGPUs.sorted().map(\.description))
        writer.member("gainedKernels", addedKernels)
        writer.array("gpusForNewerDrivers", gpusForNewerDrivers.sorted().map(\.description))
        writer.member("hasLosses", !difference.losses.isEmpty)
        writer.member("lost", count(.lost))
        writer.array("lostGPUs", lostGPUs.sorted().map(\.description))
        writer.member("lostKernels", missingKernels)
        writer.member("lostPTXVersions", lostPTXVersions)
        writer.member("lostTargets", lostTargets)
        writer.member("notCompared", count(.notCompared))
        writer.member("problems", problems.count)
        writer.member("unchanged", count(.unchanged))
      }
      writer.tool(tool)
      writer.rows("totals", of: difference.totals) { $0.members(of: $1) }
    }
    return writer.finish()
  }
}

extension JSONWriter {
  fileprivate mutating func members(of library: LibraryDifference, in report: DiffReport) {
    kernels("gainedKernels", library.gainedKernels, in: report)
    array("gainedTargets", library.gainedTargets.map(\.name))
    rows("gpus", of: library.gpus) { writer, gpu in
      writer.member("computeCapability", gpu.computeCapability.description)
      writer.coverage("new", gpu.new)
      writer.coverage("old", gpu.old)
    }
    kernels("lostKernels", library.lostKernels, in: report)
    array("lostTargets", library.lostTargets.map(\.name))
    side("new", library.pair.new, in: report)
    side("old", library.pair.old, in: report)
    rows("ptxVersions", of: library.targets.filter { !$0.gainedPTX.isEmpty || !$0.removedPTX.isEmpty }) {
      writer, target in
      writer.array("gained", target.gainedPTX.map(\.description))
      writer.array("lost", target.lostPTX.map(\.description))
      writer.array("removed", target.removedPTX.map(\.description))
      writer.member("target", target.target.name)
    }
    member("status", library.status.rawValue)
    rows("targets", of: library.targets) { $0.members(of: $1) }
  }

  private mutating func kernels(_ key: StaticString, _ kernels: [KernelDifference], in report: DiffReport) {
    rows(key, of: zip(kernels, report.names(of: kernels))) { writer, entry in
      let (kernel, names) = entry
      writer.member("mangledName", names.mangled)
      writer.array("moved", kernel.moved.map(\.name))
      writer.member("name", names.name)
      writer.member("otherTargets", kernel.isElsewhere)
      writer.array("targets", kernel.targets.map(\.name))
    }
  }

  private mutating func coverage(_ key: StaticString, _ coverage: Coverage) {
    object(key) { writer in
      writer.member("gaps", coverage.gaps)
      writer.member("modules", coverage.modules)
      writer.member("oldestDriver", coverage.oldestDriver?.description)
      writer.array("targets", coverage.targets.map(\.name))
      writer.member("verdict", coverage.verdict.rawValue)
    }
  }

  private mutating func side(_ key: StaticString, _ side: LibraryPair.Side?, in report: DiffReport) {
    guard let side else { return }
    let file = report.result.libraries[side.library].file
    object(key) { writer in
      writer.member("images", file.inventory.images.count)
      writer.member("modules", file.inventory.modules.count)
      writer.path(side.place.path)
      writer.member("size", file.size)
    }
  }

  fileprivate mutating func members(of target: TargetDifference) {
    func write(_ key: StaticString, _ side: TargetDifference.Side?) {
      guard let side else { return }
      object(key) { writer in
        writer.member("codeSize", side.codeSize)
        writer.member("images", side.totals.images)
        writer.member("kernels", side.kernels.map { UInt64($0) })
        writer.member("modules", side.totals.modules)
        writer.array("ptxISA", side.totals.ptxISAs.sorted().map(\.description))
        writer.member("size", side.totals.size)
        writer.member("storedSize", side.totals.storedSize)
      }
    }
    write("new", target.new)
    write("old", target.old)
    member("target", target.target.name)
  }
}
