import Bytes
import ELFFile

/// Without a path: that of the file which it is said of.
extension HostLibrary: Codable {
  private enum CodingKeys: String, CodingKey {
    case machine, needed, soname, rpath, runpath, notes, registersDeviceCode, compiler, compilerContents
  }

  private struct Note: Codable {
    var owner: String
    var type: UInt32
    var description: String
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(machine, forKey: .machine)
    try container.encodeIfPresent(dynamic.soname, forKey: .soname)
    for (key, list) in [
      (CodingKeys.needed, dynamic.needed), (.rpath, dynamic.rpath), (.runpath, dynamic.runpath),
    ] where !list.isEmpty {
      try container.encode(list, forKey: key)
    }
    let notes = notes.filter(\.isOfDriver)
      .map { Note(owner: $0.owner, type: $0.type, description: hexadecimal($0.description)) }
    if !notes.isEmpty { try container.encode(notes, forKey: .notes) }
    if registersDeviceCode { try container.encode(true, forKey: .registersDeviceCode) }
    try container.encodeIfPresent(compiler, forKey: .compiler)
    try container.encodeIfPresent(compilerContents, forKey: .compilerContents)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func list(_ key: CodingKeys) throws -> [String] {
      try container.decodeIfPresent([String].self, forKey: key) ?? []
    }
    var dynamic = ELFDynamic()
    dynamic.soname = try container.decodeIfPresent(String.self, forKey: .soname)
    dynamic.needed = try list(.needed)
    dynamic.rpath = try list(.rpath)
    dynamic.runpath = try list(.runpath)
    let notes = try (container.decodeIfPresent([Note].self, forKey: .notes) ?? []).map { note in
      guard let description = [UInt8](hexadecimal: note.description) else {
        throw DecodingError.dataCorruptedError(
          forKey: .notes, in: container, debugDescription: "descriptions in hexadecimal")
      }
      return ELFNote(owner: note.owner, type: note.type, description: description)
    }
    self.init(
      path: Path(""), machine: try container.decode(ELFMachine.self, forKey: .machine), dynamic: dynamic,
      notes: notes,
      registersDeviceCode: try container.decodeIfPresent(Bool.self, forKey: .registersDeviceCode) ?? false,
      compiler: try container.decodeIfPresent(String.self, forKey: .compiler))
    compilerContents = try container.decodeIfPresent(CompilerContents.self, forKey: .compilerContents)
  }
}

extension ELFNote {
  /// Whether NVIDIA's driver libraries have it: which kernel drivers they run with. No fact depends on other notes.
  var isOfDriver: Bool { owner == "NVIDIA Corporation" }
}
