extension ImageKind: Codable {}
extension ImageCompression: Codable {}

extension CodeTarget: Codable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// Reads `90a`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let target = CodeTarget(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "a target such as 90a")
    }
    self = target
  }
}

/// Of files with device code.
extension InspectedFile.Format: Codable {
  private static let names: [(format: Self, name: String)] = [
    (.elf, "elf"), (.staticLibrary, "staticLibrary"), (.fatBinary, "fatBinary"), (.cubin, "cubin"),
    (.ptx, "ptx"), (.ltoIR, "ltoIR"), (.other, "other"),
  ]

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Self.names.first { $0.format == self }?.name ?? "other")
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let format = Self.names.first(where: { $0.name == text })?.format else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a format of files with device code")
    }
    self = format
  }
}
