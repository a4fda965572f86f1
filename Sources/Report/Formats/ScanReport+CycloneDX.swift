import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as a bill of materials, CycloneDX 1.6: a component for each package with device code, with its package URL where
  /// its record tells one, and what it is worth on each GPU as properties. Two scans of the same files give the same bytes, so
  /// that it has neither a serial number nor a time.
  ///
  /// One view is what the bill is about; of several each is a component that holds its packages.
  public func cycloneDX(_ tool: Tool) -> [UInt8] {
    let views = cycloneDXViews
    let root = views.count == 1 ? views[0] : nil
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json")
      writer.member("bomFormat", "CycloneDX")
      writer.array("components", of: root?.components ?? views) { $0.members(of: $1) }
      writer.object("metadata") { writer in
        if var root {
          root.components = []
          writer.object("component") { $0.members(of: root) }
        }
        writer.rows(
          "properties", of: cycloneDXProperties
        ) { $0.members(ofProperty: $1) }
        writer.object("tools") { writer in
          writer.rows("components", of: [tool]) { writer, tool in
            writer.member("name", tool.name)
            writer.member("type", "application")
            writer.member("version", tool.version)
          }
        }
      }
      writer.member("specVersion", "1.6")
      writer.member("version", 1)
    }
    return writer.finish()
  }

  /// What properties call each GPU: as it was asked for, with its compute capability where that means several.
  private var gpuNames: [String] {
    devices.map { device in
      devices.count { $0.query == device.query } == 1
        ? printable(device.query) : printable("\(device.query) \(device.device.computeCapability)")
    }
  }

  /// A component for each view, which holds those of its packages, in their order.
  var cycloneDXViews: [CycloneDXComponent] {
    var references = References()
    return assessment.views.map { part in
      let packages = part.packages.map { component(of: $0, in: part, &references) }
      return component(of: part, holding: packages, &references)
    }
  }

  /// What holds of all of the bill.
  var cycloneDXProperties: [(name: String, value: String)] {
    [("cubinspect:tables", assessment.question.tables.date.description)]
      + zip(gpuNames, devices).compactMap { name, device in
        device.device.driver.map { ("cubinspect:driver:\(name)", $0.description) }
      }
  }

  func answerProperties(_ answers: [Answer]) -> [(name: String, value: String)] {
    zip(gpuNames, answers).flatMap { name, answer in
      [
        ("cubinspect:answer:\(name)", answer.kind.rawValue),
        ("cubinspect:verdict:\(name)", answer.verdict.rawValue),
      ] + (answer.oldestDriver.map { [("cubinspect:oldestDriver:\(name)", $0.description)] } ?? [])
    }
  }

  private func component(
    of part: ViewAssessment, holding components: [CycloneDXComponent], _ references: inout References
  ) -> CycloneDXComponent {
    let type =
      switch part.view.kind {
      case .image: "container"
      case .file: "file"
      default: "application"
      }
    var component = CycloneDXComponent(
      type: type, name: part.name, reference: references.next(part.name), components: components)
    component.properties = answerProperties(part.answers)
    return component
  }

  private func component(
    of package: AssessedPackage, in part: ViewAssessment, _ references: inout References
  ) -> CycloneDXComponent {
    let (name, version) = part.nameAndVersion(of: package)
    let url = package.package.flatMap { part.view.stack.packages[$0].packageURL }
    var component = CycloneDXComponent(
      type: part.view.kind == .file ? "file" : "library", name: name, version: version, packageURL: url,
      reference: references.next(url ?? version.map { "\(name)@\($0)" } ?? name))
    let units = package.units.map { part.units[$0] }
    if !units.isEmpty {
      component.properties = [
        ("cubinspect:modules", "\(units.reduce(0) { $0 + $1.code.moduleCount })"),
        (
          "cubinspect:targets",
          units.flatMap(\.targets).targetNames.joined(separator: " ")
        ),
      ]
    }
    for (name, verdict) in zip(gpuNames, package.verdicts) {
      component.properties.append(("cubinspect:verdict:\(name)", verdict.told.rawValue))
      if let rule = verdict.ignored?.rule {
        component.properties.append(("cubinspect:ignored:\(name)", rule.reason))
      }
      for reason in distinct(verdict.reasons.map(\.text)) {
        component.properties.append(("cubinspect:reason:\(name)", reason))
      }
    }
    return component
  }
}

/// What components are referred to by, each once.
private struct References {
  private var uses: [String: Int] = [:]

  mutating func next(_ name: String) -> String {
    uses[name, default: 0] += 1
    let number = uses[name, default: 1]
    return number == 1 ? name : next("\(name)#\(number)")
  }
}

struct CycloneDXComponent {
  var type: String
  var name: String
  var version: String?
  var packageURL: String?
  var reference: String
  var properties: [(name: String, value: String)] = []
  var components: [CycloneDXComponent] = []
}

extension JSONWriter {
  fileprivate mutating func members(of component: CycloneDXComponent) {
    member("bom-ref", component.reference)
    if !component.components.isEmpty { array("components", of: component.components) { $0.members(of: $1) } }
    member("name", component.name)
    rows("properties", of: component.properties) { $0.members(ofProperty: $1) }
    member("purl", component.packageURL)
    member("type", component.type)
    member("version", component.version)
  }

  fileprivate mutating func members(ofProperty property: (name: String, value: String)) {
    member("name", property.name)
    member("value", property.value)
  }
}

extension Package {
  /// The package URL (ECMA-427): `pkg:pypi/torch@2.4.1%2Bcu121`; nil for a Debian package, whose record does not say which
  /// distribution it is of.
  fileprivate var packageURL: String? {
    switch ecosystem {
    case .python: "pkg:pypi/\(name.asURI)@\(version.asURI)"
    case .conda: "pkg:conda/\(name.asURI)@\(version.asURI)"
    case .debian: nil
    }
  }
}
