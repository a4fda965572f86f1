import Assessment
public import Bytes
import Compatibility
import Stack

/// A bill of materials that another tool made: CycloneDX as JSON.
public struct BillOfMaterials: Sendable {
  private var members: [String: JSONTree]

  /// Bytes of a document.
  public static let sizeLimit = 256 << 20

  /// - Throws: why the document is no such bill.
  public init(_ document: [UInt8]) throws(Problem) {
    guard case .object(let members) = try JSONTree(document: document),
      case .string("CycloneDX") = members["bomFormat"]
    else { throw Problem(.invalidValue, "bill of materials", expected: "CycloneDX as JSON") }
    guard case .string(let version) = members["specVersion"],
      !["1.0", "1.1", "1.2"].contains(version)
    else {
      throw Problem(.unsupported, "specVersion", expected: "1.3 or newer, which has properties")
    }
    self.members = members
  }

  /// The document with what a report knows of the packages in it, and those with device code that it lacks.
  fileprivate func enriched(
    by packages: [(key: PackageKey?, component: CycloneDXComponent)],
    _ properties: [(name: String, value: String)]
  ) -> [UInt8] {
    var document = members
    var known: [PackageKey: [CycloneDXComponent]] = [:]
    for package in packages {
      if let key = package.key { known[key, default: []].append(package.component) }
    }
    var (found, references): (Set<PackageKey>, Set<String>) = ([], [])
    document["components"] = document["components"]?.visitingComponents { component in
      if case .string(let reference)? = component["bom-ref"] { references.insert(reference) }
      component.removeProperties()
      guard case .string(let url)? = component["purl"], let key = PackageKey(url), let own = known[key] else {
        return
      }
      found.insert(key)
      // The same package in several places is judged in each.
      for one in own { component.addProperties(one.properties) }
    }
    var metadata: [String: JSONTree] = if case .object(let own)? = document["metadata"] { own } else { [:] }
    metadata.removeProperties()
    metadata.addProperties(properties)
    document["metadata"] = .object(metadata)
    var components: [JSONTree] = if case .array(let own)? = document["components"] { own } else { [] }
    for (key, own) in packages where key.map({ !found.contains($0) }) ?? true {
      var component = own
      while !references.insert(component.reference).inserted { component.reference += "#" }
      components.append(component.tree)
    }
    document["components"] = .array(components)
    if case .integer(let version)? = document["version"] { document["version"] = .integer(version + 1) }
    return JSONTree.object(document).document
  }
}

extension ScanReport {
  /// A bill of materials with what this report knows: targets and verdicts of its packages, which are found by their package URLs,
  /// the answers, and the packages with device code that it lacks. Properties of an earlier report are replaced.
  public func cycloneDX(enriching bill: BillOfMaterials) -> [UInt8] {
    var packages: [(PackageKey?, CycloneDXComponent)] = []
    for (part, view) in zip(assessment.views, cycloneDXViews) {
      for (package, component) in zip(part.packages, view.components) {
        let owner = package.package.map { part.view.stack.packages[$0] }
        packages.append((owner.map { PackageKey($0) }, component))
      }
    }
    return bill.enriched(
      by: packages, cycloneDXProperties + answerProperties(assessment.answers))
  }
}

/// What a package is known by in bills of materials: the type, the name and the version of its URL, without the namespace and
/// the qualifiers, which tools fill in differently.
private struct PackageKey: Hashable {
  var type: String
  var name: String
  var version: String

  init(_ package: Package) {
    type =
      switch package.ecosystem {
      case .python: "pypi"
      case .conda: "conda"
      case .debian: "deb"
      }
    name = package.ecosystem == .python ? Distribution.normalize(package.name) : package.name
    version = package.version
  }

  /// Reads a package URL (ECMA-427); nil for what is none, or has no version.
  init?(_ url: String) {
    guard url.hasPrefix("pkg:") else { return nil }
    let rest = url.dropFirst(4).prefix { $0 != "?" && $0 != "#" }.drop { $0 == "/" }
    guard let slash = rest.firstIndex(of: "/"), let at = rest.lastIndex(of: "@"), slash < at,
      let last = rest[..<at].split(separator: "/").last
    else { return nil }
    type = rest[..<slash].lowercased()
    name = String(last).withoutPercents
    version = String(rest[rest.index(after: at)...]).withoutPercents
    if type == "pypi" { name = Distribution.normalize(name) }
  }
}

extension String {
  /// The text with its escapes (`%2B`) replaced by what they stand for.
  fileprivate var withoutPercents: String {
    let bytes = Array(utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let byte = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
      {
        result.append(byte)
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

extension JSONTree {
  /// A list of components, with those inside of them, each after `change`.
  fileprivate func visitingComponents(_ change: (inout [String: JSONTree]) -> Void) -> JSONTree {
    guard case .array(let elements) = self else { return self }
    return .array(
      elements.map { element in
        guard case .object(var members) = element else { return element }
        change(&members)
        members["components"] = members["components"]?.visitingComponents(change)
        return .object(members)
      })
  }
}

extension [String: JSONTree] {
  /// Removes what this program has added before.
  fileprivate mutating func removeProperties() {
    guard case .array(let own)? = self["properties"] else { return }
    self["properties"] = .array(
      own.filter { property in
        guard case .object(let members) = property, case .string(let name)? = members["name"] else {
          return true
        }
        return !name.hasPrefix("cubinspect:")
      })
  }

  fileprivate mutating func addProperties(_ properties: [(name: String, value: String)]) {
    let own: [JSONTree] = if case .array(let own)? = self["properties"] { own } else { [] }
    self["properties"] = .array(own + properties.map { JSONTree(property: $0) })
  }
}

extension JSONTree {
  fileprivate init(property: (name: String, value: String)) {
    self = .object(["name": .string(property.name), "value": .string(property.value)])
  }
}

extension CycloneDXComponent {
  fileprivate var tree: JSONTree {
    var members: [String: JSONTree] = [
      "bom-ref": .string(reference), "name": .string(name), "type": .string(type),
      "properties": .array(properties.map { JSONTree(property: $0) }),
    ]
    members["purl"] = packageURL.map { .string($0) }
    members["version"] = version.map { .string($0) }
    return .object(members)
  }
}
