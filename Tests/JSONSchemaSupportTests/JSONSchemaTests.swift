import JSONSchemaSupport
import Testing

struct JSONSchemaTests {
  func violations(_ schema: String, _ document: String) throws -> [String] {
    try JSONSchema(JSONValue(parsing: schema)).violations(in: JSONValue(parsing: document))
      .map(\.description)
  }

  @Test(arguments: [
    (#"{"type": "string"}"#, #""a""#, "1", "document: is of type integer, not string"),
    (#"{"type": ["string", "null"]}"#, "null", "1", "document: is of type integer, not string or null"),
    (#"{"type": "integer"}"#, "1", "1.5", "document: is of type number, not integer"),
    (#"{"type": "integer"}"#, "18446744073709551615", "true", "document: is of type boolean, not integer"),
    (#"{"type": "number"}"#, "1", #""1""#, "document: is of type string, not number"),
    (#"{"type": "boolean"}"#, "false", "0", "document: is of type integer, not boolean"),
    (#"{"enum": ["a", 1]}"#, "1", "2", #"document: 2 is not one of ["a", 1]"#),
    (#"{"const": 1}"#, "1", "true", "document: true is not 1"),
    (
      #"{"pattern": "^sm_[0-9]+[af]?$"}"#, #""sm_90a""#, #""sm_90ab""#,
      #"document: "sm_90ab" does not match ^sm_[0-9]+[af]?$"#
    ),
    (#"{"minimum": 0}"#, "0", "-1", "document: -1 is less than 0"),
    (#"{"minItems": 2}"#, "[1, 2]", "[1]", "document: has 1 elements, not at least 2"),
    (#"{"items": {"type": "null"}}"#, "[null]", "[null, 1]", "/1: is of type integer, not null"),
    (#"{"properties": {"a": {}}, "required": ["a"]}"#, #"{"a": 1}"#, "{}", "document: lacks a"),
    (#"{"properties": {"a": {"const": 1}}}"#, #"{"b": 2}"#, #"{"a": 2}"#, "/a: 2 is not 1"),
    (
      #"{"properties": {"a": {}}, "additionalProperties": false}"#, #"{"a": 1}"#, #"{"b": 1}"#,
      "/b: is not allowed here"
    ),
    (#"{"additionalProperties": {"const": 1}}"#, #"{"a": 1}"#, #"{"a": 2}"#, "/a: 2 is not 1"),
    (#"{"anyOf": [{"const": 1}, {"minimum": 1}]}"#, "1", "0", "document: matches none of the alternatives"),
    (
      #"{"oneOf": [{"const": 1}, {"minimum": 1}]}"#, "2", "1",
      "document: matches 2 of the alternatives, not one"
    ),
    (
      #"{"oneOf": [{"const": 1}, {"const": 2}]}"#, "2", "3",
      "document: matches 0 of the alternatives, not one"
    ),
    (##"{"$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}}"##, "1", "2", "document: 2 is not 1"),
    (
      ##"{"items": {"$ref": "#/$defs/t"}, "$defs": {"t": {"properties": {"kids": {"items": {"$ref": "#/$defs/t"}}}, "##
        + ##""additionalProperties": false}}}"##,
      #"[{"kids": [{"kids": []}]}]"#, #"[{"kids": [{"x": 1}]}]"#, "/0/kids/0/x: is not allowed here"
    ),
  ])
  func keyword(schema: String, good: String, bad: String, violation: String) throws {
    #expect(try violations(schema, good) == [])
    #expect(try violations(schema, bad) == [violation])
  }

  @Test func keywordsForOtherTypesAreNoDemands() throws {
    #expect(try violations(#"{"minimum": 3, "pattern": "x", "minItems": 1}"#, "{}") == [])
  }

  @Test func everyViolationIsFound() throws {
    let schema = #"{"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["b"]}"#
    #expect(
      try violations(schema, #"{"a": 1}"#) == ["document: lacks b", "/a: is of type integer, not string"])
  }

  @Test(arguments: [
    (#"{"maximum": 1}"#, "schema /maximum: unknown keyword"),
    (#"{"properties": {"a": {"format": "uri"}}}"#, "schema /properties/a/format: unknown keyword"),
    (#"{"oneOf": [{"not": {}}]}"#, "schema /oneOf/0/not: unknown keyword"),
    (#"{"$defs": {"unused": {"if": {}}}}"#, "schema /$defs/unused/if: unknown keyword"),
    (##"{"$ref": "#/$defs/a"}"##, ##"schema /$ref: points nowhere: "#/$defs/a""##),
    (#"{"$ref": "other.json"}"#, #"schema /$ref: points nowhere: "other.json""#),
    (#"{"type": "float"}"#, #"schema /type: unknown type: "float""#),
    (#"{"required": ["a"]}"#, "schema /required: names a, which properties lacks"),
    (#"{"properties": {"a": {}}, "required": "a"}"#, "schema /required: is not an array of names"),
    (#"{"pattern": "("}"#, "schema /pattern: is not a regular expression"),
    (#"{"enum": []}"#, "schema /enum: is not an array of values"),
    (#"{"minimum": "1"}"#, "schema /minimum: is not a number"),
    (#"{"minItems": -1}"#, "schema /minItems: is not a count"),
    (#"{"items": 1}"#, "schema /items: is neither an object nor a boolean"),
    ("[]", "schema root: is neither an object nor a boolean"),
  ])
  func refusedSchema(schema: String, message: String) throws {
    let value = try JSONValue(parsing: schema)
    let error = try #require(throws: JSONSchema.InvalidSchema.self) { try JSONSchema(value) }
    #expect(error.description == message)
  }

  @Test(arguments: [
    "", "{", "[1,]", "[,1]", "nul", "{} {}", #"{"a" 1}"#, #"{"a": 1, "a": 2}"#, "01", "1.", ".5", "+1", "1e",
    "-",
    "\"a\nb\"", #""\x""#, #""\u12""#, #""\ud800""#, "\"a", "'a'", "[1 2]", "{a: 1}", "NaN",
  ])
  func textThatIsNoJSON(text: String) {
    #expect(throws: JSONValue.SyntaxError.self) { try JSONValue(parsing: text) }
  }

  @Test func bytesThatAreNotUTF8AreNoJSON() {
    #expect(throws: JSONValue.SyntaxError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
  }

  @Test func everyKindOfValueIsRead() throws {
    let text =
      #" {"a": [1, -2, 0.5, 1e3, 18446744073709551615], "b": {"é\n\u00e9\ud83d\ude00\"\\\/": null}, "c": [true, false, ""]} "#
    #expect(
      try JSONValue(parsing: text)
        == .object([
          "a": .array([
            .integer(1), .integer(-2), .number(0.5), .number(1000), .number(18_446_744_073_709_551_616),
          ]),
          "b": .object(["é\né😀\"\\/": .null]),
          "c": .array([.boolean(true), .boolean(false), .string("")]),
        ]))
    #expect(try JSONValue(parsing: "[]") == .array([]))
    #expect(try JSONValue(parsing: "{}") == .object([:]))
  }
}
