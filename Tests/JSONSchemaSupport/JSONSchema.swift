/// A JSON Schema of the 2020-12 dialect, for the keywords that the project's schema uses. A schema that uses another
/// keyword is refused, so that nothing in it goes unchecked.
public struct JSONSchema: Sendable {
  /// Why a schema is refused.
  public struct InvalidSchema: Error, Hashable, CustomStringConvertible {
    /// A JSON pointer into the schema.
    public var location: String
    public var message: String

    public var description: String { "schema \(location.isEmpty ? "root" : location): \(message)" }
  }

  /// A place in a document that breaks the schema.
  public struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// A JSON pointer into the document; empty for the document itself.
    public var location: String
    public var message: String

    public var description: String { "\(location.isEmpty ? "document" : location): \(message)" }
  }

  let root: JSONValue

  public init(_ schema: JSONValue) throws(InvalidSchema) {
    root = schema
    try SchemaCheck(root: schema).check(schema, at: "")
  }

  /// All violations, in the order of the document's pointers; none for a valid document.
  public func violations(in document: JSONValue) -> [Violation] {
    var found: [Violation] = []
    check(document, root, at: "", &found)
    return found.sorted { ($0.location, $0.message) < ($1.location, $1.message) }
  }

  private func isValid(_ value: JSONValue, _ schema: JSONValue, at location: String) -> Bool {
    var found: [Violation] = []
    check(value, schema, at: location, &found)
    return found.isEmpty
  }

  private func check(
    _ value: JSONValue, _ schema: JSONValue, at location: String, _ found: inout [Violation]
  ) {
    func report(_ message: String) { found.append(Violation(location: location, message: message)) }

    if case .boolean(let accepts) = schema {
      if !accepts { report("is not allowed here") }
      return
    }
    for (keyword, argument) in schema.members ?? [:] {
      switch keyword {
      case "$ref":
        if let target = argument.string.flatMap({ resolve($0, in: root) }) {
          check(value, target, at: location, &found)
        }
      case "type":
        let names = argument.elements?.compactMap(\.string) ?? [argument.string ?? ""]
        if !names.contains(where: { value.isOfType($0) }) {
          report("is of type \(value.typeName), not \(names.joined(separator: " or "))")
        }
      case "enum":
        if argument.elements?.contains(value) != true { report("\(value) is not one of \(argument)") }
      case "const":
        if value != argument { report("\(value) is not \(argument)") }
      case "pattern":
        if let text = value.string, let pattern = argument.string, !matches(text, pattern) {
          report("\(value) does not match \(pattern)")
        }
      case "minimum":
        if let number = value.double, let minimum = argument.double, number < minimum {
          report("\(value) is less than \(argument)")
        }
      case "minItems":
        if let elements = value.elements, case .integer(let minimum) = argument, elements.count < minimum {
          report("has \(elements.count) elements, not at least \(minimum)")
        }
      case "items":
        for (index, element) in (value.elements ?? []).enumerated() {
          check(element, argument, at: "\(location)/\(index)", &found)
        }
      case "required":
        guard let members = value.members else { break }
        for name in (argument.elements ?? []).compactMap(\.string) where members[name] == nil {
          report("lacks \(name)")
        }
      case "properties":
        for (name, member) in value.members ?? [:] {
          if let property = argument[name] { check(member, property, at: "\(location)/\(name)", &found) }
        }
      case "additionalProperties":
        for (name, member) in value.members ?? [:] where schema["properties"]?[name] == nil {
          check(member, argument, at: "\(location)/\(name)", &found)
        }
      case "anyOf":
        if argument.elements?.contains(where: { isValid(value, $0, at: location) }) != true {
          report("matches none of the alternatives")
        }
      case "oneOf":
        let count = argument.elements?.count { isValid(value, $0, at: location) } ?? 0
        if count != 1 { report("matches \(count) of the alternatives, not one") }
      default:
        break
      }
    }
  }
}

/// Refuses a schema that the validator would not check completely.
private struct SchemaCheck {
  typealias InvalidSchema = JSONSchema.InvalidSchema
  let root: JSONValue

  static let annotations: Set = ["$schema", "$id", "$comment", "title", "description"]
  static let types: Set = ["null", "boolean", "integer", "number", "string", "array", "object"]

  func check(_ schema: JSONValue, at location: String) throws(InvalidSchema) {
    if case .boolean = schema { return }
    guard let members = schema.members else {
      throw InvalidSchema(location: location, message: "is neither an object nor a boolean")
    }
    for (keyword, argument) in members.sorted(by: { $0.key < $1.key }) {
      try check(keyword, argument, of: schema, at: location + "/" + keyword)
    }
  }

  func check(
    _ keyword: String, _ argument: JSONValue, of schema: JSONValue, at location: String
  ) throws(InvalidSchema) {
    func demand(_ condition: Bool, _ message: String) throws(InvalidSchema) {
      if !condition { throw InvalidSchema(location: location, message: message) }
    }
    switch keyword {
    case _ where Self.annotations.contains(keyword):
      try demand(argument.string != nil, "is not a string")
    case "$ref":
      try demand(argument.string.flatMap { resolve($0, in: root) } != nil, "points nowhere: \(argument)")
    case "type":
      let names = argument.elements ?? [argument]
      try demand(names.allSatisfy { Self.types.contains($0.string ?? "") }, "unknown type: \(argument)")
    case "const":
      break
    case "enum":
      try demand(argument.elements?.isEmpty == false, "is not an array of values")
    case "pattern":
      try demand(argument.string.map { (try? Regex($0)) != nil } == true, "is not a regular expression")
    case "minimum":
      try demand(argument.double != nil, "is not a number")
    case "minItems":
      if case .integer(0...) = argument { return }
      try demand(false, "is not a count")
    case "required":
      let names = (argument.elements ?? []).compactMap(\.string)
      try demand(!names.isEmpty && names.count == argument.elements?.count, "is not an array of names")
      for name in names {
        try demand(schema["properties"]?[name] != nil, "names \(name), which properties lacks")
      }
    case "items", "additionalProperties":
      try check(argument, at: location)
    case "properties", "$defs":
      try demand(argument.members != nil, "is not an object")
      for (name, part) in (argument.members ?? [:]).sorted(by: { $0.key < $1.key }) {
        try check(part, at: location + "/" + name)
      }
    case "oneOf", "anyOf":
      try demand(argument.elements?.isEmpty == false, "is not an array of schemas")
      for (index, part) in (argument.elements ?? []).enumerated() {
        try check(part, at: "\(location)/\(index)")
      }
    default:
      try demand(false, "unknown keyword")
    }
  }
}

/// The part of the schema that a reference of the form `#/$defs/name` names.
private func resolve(_ reference: String, in root: JSONValue) -> JSONValue? {
  guard reference.hasPrefix("#/") else { return nil }
  return reference.dropFirst(2).split(separator: "/").reduce(Optional(root)) { part, name in
    part?[String(name)]
  }
}

/// Whether the pattern is found anywhere in `text`.
private func matches(_ text: String, _ pattern: String) -> Bool {
  guard let regex = try? Regex(pattern) else { return false }
  return (try? regex.firstMatch(in: text)) != nil
}

extension JSONValue {
  fileprivate func isOfType(_ name: String) -> Bool {
    if name == typeName { return true }
    guard name == "number" || name == "integer" else { return false }
    switch self {
    case .integer: return true
    // Wider than Int, yet without a fraction: 18446744073709551615.
    case .number(let value): return name == "number" || value.rounded() == value
    default: return false
    }
  }

  fileprivate var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
