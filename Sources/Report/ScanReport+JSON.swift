import Archives
import Bytes
import Compatibility
import DeviceCode
import Scan

extension ScanReport {
  /// The report as a JSON document. Two scans of the same files give the same bytes.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.rows("gpus", of: devices) { writer, judged in
        writer.member("computeCapability", judged.device.computeCapability.description)
        writer.member("driver", judged.device.driver?.description)
        writer.member("name", judged.device.name)
        writer.member("query", judged.query)
      }
      writer.array("libraries", of: result.libraries.indices) { $0.members(of: $1, in: self) }
      writer.rows("otherFiles", of: result.recognised) { writer, file in
        writer.path(file.place.path)
        writer.member("root", file.place.root)
        writer.member("what", file.what)
      }
      writer.rows("problems", of: result.problems) { writer, problem in
        writer.members(of: problem.problem, path: problem.place.path)
        writer.member("root", problem.place.root)
      }
      writer.array("requirements", requirements.map(\.description))
      writer.rows("roots", of: result.roots) { writer, root in
        if let image = root.image { writer.object("image") { $0.members(of: image) } }
        writer.member("kind", root.kind.rawValue)
        writer.path(root.path)
      }
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      if let stack { writer.object("stack") { $0.members(of: stack, in: result) } }
      writer.object("summary") { writer in
        let counts = result.counts
        writer.member("bytesRead", counts.bytesRead)
        writer.member("directories", counts.directories)
        writer.member("elfFiles", counts.elfFiles)
        writer.member("filesVisited", counts.filesVisited)
        writer.member("images", counts.images)
        writer.member("imagesRead", counts.imagesRead)
        writer.member("librariesWithDeviceCode", counts.librariesWithDeviceCode)
        writer.member("linksOutside", counts.linksOutside)
        writer.member("modules", counts.modules)
        writer.member("problems", result.problems.count)
      }
      writer.tool(tool)
      writer.rows("verdicts", of: devices.indices) { writer, index in
        writer.member("computeCapability", devices[index].device.computeCapability.description)
        writer.member("query", devices[index].query)
        writer.member("verdict", overall(device: index).rawValue)
      }
    }
    return writer.finish()
  }
}

extension JSONWriter {
  fileprivate mutating func members(of index: Int, in report: ScanReport) {
    let library = report.result.libraries[index]
    let inventory = library.file.inventory
    rows("aliases", of: library.aliases) { writer, place in
      writer.path(place.path)
      writer.member("root", place.root)
    }
    member("layer", report.result.roots[library.place.root].layer(of: library.place.path).map { UInt64($0) })
    member("modules", inventory.modules.count)
    path(library.place.path)
    rows("problems", of: library.file.problems) { $0.members(of: $1) }
    rows("requirements", of: report.requirementResults[index]) { writer, result in
      writer.member("carrying", result.carrying)
      writer.array("missing", result.missing)
      writer.member("status", result.status.rawValue)
      writer.member("target", result.requirement.description)
    }
    member("root", library.place.root)
    member("size", library.file.size)
    let targets = inventory.targetTotals.sorted { $0.key < $1.key }
    rows("targets", of: targets) { writer, target in
      writer.member("images", target.value.images)
      writer.member("storedSize", target.value.storedSize)
      writer.member("target", target.key.name)
    }
    array("verdicts", of: report.verdicts[index]) { writer, verdict in
      let isNamed = report.isQuestion || verdict.portable.mayRun + verdict.specialised.mayRun > 0
      writer.members(
        of: verdict, modules: inventory.modules, kernels: isNamed ? library.kernels : KernelNames())
    }
  }

  fileprivate mutating func members(of image: ScanRoot.Image) {
    member("digest", image.digest)
    rows("layers", of: image.layers) { writer, layer in
      writer.member("createdBy", layer.createdBy)
      writer.member("digest", layer.digest)
    }
    array("names", image.names)
    member("platform", image.platform.description)
  }

  private mutating func members(
    of verdict: LibraryVerdict, modules: [Module], kernels: KernelNames
  ) {
    array("advice", verdict.advice.map(\.sentence))
    member("computeCapability", verdict.device.computeCapability.description)
    member("dedicated", verdict.dedicated)
    member("linkInputs", verdict.linkInputs)
    member("minimumDriver", verdict.minimumDriver?.driver.description)
    object("portable") {
      $0.member("exact", verdict.portable.exact)
      $0.member("jit", verdict.portable.jit)
      $0.member("minorCompatible", verdict.portable.minorCompatible)
      $0.member("none", verdict.portable.none)
      $0.member("notGuaranteed", verdict.portable.notGuaranteed)
      $0.member("total", verdict.portable.total)
    }
    rows("presumed", of: verdict.presumed, modules, kernels)
    member("providedElsewhere", verdict.providedElsewhere)
    object("specialised") {
      $0.member("runs", verdict.specialised.runs)
      $0.member("total", verdict.specialised.total)
    }
    rows("uncovered", of: verdict.uncovered, modules, kernels)
    member("verdict", verdict.verdict.rawValue)
    member("withoutKernels", verdict.withoutKernels.total)
  }

  private mutating func rows(
    _ key: StaticString, of groups: [LibraryVerdict.Uncovered], _ modules: [Module], _ kernels: KernelNames
  ) {
    let entries = groups.flatMap { group in group.modules.map { (module: $0, group: group) } }
      .sorted { $0.module < $1.module }
    rows(key, of: entries) { writer, entry in
      let module = modules[entry.module]
      if let names = kernels[entry.module] { writer.array("kernels", names.sorted()) }
      writer.member("member", module.member)
      writer.member("module", entry.module)
      writer.member("offset", module.offset)
      writer.array("reasons", entry.group.reasons.map(\.rawValue))
      writer.member("section", module.section)
      writer.array("targets", entry.group.targets)
    }
  }
}
