import Archives
import Bytes
import Compatibility
import DeviceCode
import Scan
import Stack

extension ScanReport {
  /// The report as a JSON document. Two scans of the same files give the same bytes.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      let belongings = Belongings(self)
      writer.array("environments", of: facts.installed.indices) { writer, index in
        let environment = facts.installed[index]
        let own = facts.packages.indices.filter { facts.packages[$0].environment == environment.folder }
        writer.member("kind", environment.kind.rawValue)
        writer.array("libraries", belongings.environments[index])
        writer.array("packages", own)
        writer.members(ofPlace: environment.folder, in: result)
        writer.verdicts(of: belongings.environments[index], in: self)
      }
      writer.rows("gpus", of: devices) { writer, judged in
        writer.member("computeCapability", judged.device.computeCapability.description)
        writer.member("driver", judged.device.driver?.description)
        writer.member("name", judged.device.name)
        writer.member("query", judged.query)
      }
      writer.array("libraries", of: judged.indices) { $0.members(of: $1, in: self) }
      writer.rows("otherFiles", of: result.recognised) { writer, file in
        writer.path(file.place.path)
        writer.member("root", file.place.root)
        writer.member("what", file.what)
      }
      writer.array("packages", of: facts.packages.indices) { writer, index in
        let package = facts.packages[index]
        writer.member("ecosystem", package.ecosystem.rawValue)
        writer.member(
          "environment", facts.installed.firstIndex { $0.folder == package.environment }.map { UInt64($0) })
        writer.array("libraries", belongings.packages[index])
        writer.member("name", package.name)
        writer.place("record", package.record, in: result)
        writer.verdicts(of: belongings.packages[index], in: self)
        writer.member("version", package.version)
      }
      writer.rows("problems", of: result.problems) { writer, problem in
        writer.members(of: problem.problem, path: problem.place.path)
        writer.member("root", problem.place.root)
      }
      writer.array("requirements", requirements.map(\.description))
      writer.array("roots", of: result.roots.indices) { writer, index in
        let root = result.roots[index]
        if let image = root.image { writer.object("image") { $0.members(of: image) } }
        writer.member("kind", root.kind.rawValue)
        writer.path(root.path)
        writer.verdicts(of: belongings.roots[index], in: self)
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
        writer.member("librariesWithDeviceCode", judged.count)
        writer.member("linksOutside", counts.linksOutside)
        writer.member("modules", counts.modules)
        writer.member("problems", result.problems.count)
      }
      writer.tool(tool)
      writer.verdicts(of: judged.indices, in: self)
    }
    return writer.finish()
  }
}

extension JSONWriter {
  /// For every device the verdict over a part of what was judged.
  fileprivate mutating func verdicts(of part: some Sequence<Int>, in report: ScanReport) {
    rows("verdicts", of: report.devices.indices) { writer, index in
      writer.member("computeCapability", report.devices[index].device.computeCapability.description)
      writer.member("query", report.devices[index].query)
      writer.member("verdict", report.overall(device: index, of: part).rawValue)
    }
  }

  fileprivate mutating func members(of index: Int, in report: ScanReport) {
    let code = report.judged[index]
    let files = code.files.map { report.result.libraries[$0] }
    let modules = files.flatMap(\.file.inventory.modules)
    rows("aliases", of: code.isCollection ? [] : files[0].aliases) { writer, place in
      writer.path(place.path)
      writer.member("root", place.root)
    }
    if code.isCollection {
      rows("files", of: zip(code.places, files.map(\.file))) { writer, entry in
        let (place, file) = entry
        writer.path(place.path)
        writer.member("root", place.root)
        writer.member("size", file.size)
        writer.member("target", file.inventory.images.first.map { ImageTarget($0).name })
      }
    }
    let root = report.result.roots[code.place.root]
    if !code.isCollection { member("layer", root.layer(of: code.place.path).map { UInt64($0) }) }
    member("modules", modules.count)
    if let package = code.packages.first.map({ report.facts.packages[$0] }) {
      object("package") {
        $0.member("ecosystem", package.ecosystem.rawValue)
        $0.member("name", package.name)
        $0.member("version", package.version)
      }
    }
    path(code.place.path)
    rows("problems", of: files.flatMap(\.file.problems)) { $0.members(of: $1) }
    rows("requirements", of: report.requirementResults[index]) { writer, result in
      writer.member("carrying", result.carrying)
      writer.array("missing", result.missing)
      writer.member("status", result.status.rawValue)
      writer.member("target", result.requirement.description)
    }
    member("root", code.place.root)
    member("size", files.reduce(0) { $0 + $1.file.size })
    let totals = files.reduce(into: [:]) { totals, file in
      totals.merge(file.file.inventory.targetTotals) { $0 + $1 }
    }
    rows("targets", of: totals.sorted { $0.key < $1.key }) { writer, target in
      writer.member("images", target.value.images)
      writer.member("storedSize", target.value.storedSize)
      writer.member("target", target.key.name)
    }
    array("verdicts", of: report.verdicts[index]) { writer, verdict in
      let isNamed = report.isQuestion || verdict.portable.mayRun + verdict.specialised.mayRun > 0
      writer.members(
        of: verdict, modules: modules, kernels: isNamed ? code.kernels : KernelNames(),
        isCollection: code.isCollection)
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
    of verdict: LibraryVerdict, modules: [Module], kernels: KernelNames, isCollection: Bool
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
    if isCollection {
      // The files of a collection differ in nothing but their targets.
      rows("uncovered", of: verdict.uncovered) { writer, group in
        writer.member("files", group.modules.count)
        writer.member("module", group.modules[0])
        writer.member("offset", modules[group.modules[0]].offset)
        writer.array("reasons", group.reasons.map(\.rawValue))
        writer.member("section", modules[group.modules[0]].section)
        writer.array("targets", group.targets)
      }
    } else {
      rows("uncovered", of: verdict.uncovered, modules, kernels)
    }
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
