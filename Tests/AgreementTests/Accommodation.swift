import Bytes
import DeviceCode
import Foundation

/// A change to a copy of a file that makes cuobjdump 13.5 read a healthy file that it refuses.
///
/// cuobjdump stops a whole file at the first image that it does not like. Without these copies nothing after it
/// could be compared.
enum Accommodation: CaseIterable {
  /// "Support for 'sm_35' has been removed": entries for GPUs before sm_50 become entries of the kind `index`,
  /// which cuobjdump lists without a target. Their targets alone are not compared.
  case removedTargets
  /// "Invalid ELF": cubins of CUDA 12.1's device linker, whose relocation tables name a wrong symbol table in
  /// `sh_link`. The copy names the right one.
  case relocationLinks

  /// The accommodation for a refusal with these messages.
  init?(messages: String) {
    if messages.contains("has been removed") {
      self = .removedTargets
    } else if messages.contains("Invalid ELF in") {
      self = .relocationLinks
    } else {
      return nil
    }
  }

  static func isRemoved(_ target: CodeTarget) -> Bool { target.number < 50 }

  /// The changes: bytes at offsets of the file.
  func patches(for file: InspectedFile, in source: FileBytes) throws -> [(offset: UInt64, bytes: [UInt8])] {
    let images = Normalisation.images(of: file)
    switch self {
    case .removedTargets:
      return try Set(images.map(\.module.index)).sorted().flatMap { index in
        try entries(of: file.inventory.modules[index], in: source).compactMap { entry, number in
          Self.isRemoved(CodeTarget(number)) ? (entry, [0x20, 0]) : nil
        }
      }
    case .relocationLinks:
      return try images.filter { $0.image.kind == .cubin && $0.image.compression == .none }
        .flatMap { try relocationLinks(ofCubinAt: $0.image.offset, in: source) }
    }
  }

  /// Offset and SM number of each entry of a fat binary.
  private func entries(of module: Module, in source: FileBytes) throws -> [(UInt64, UInt32)] {
    var result: [(UInt64, UInt32)] = []
    var position = module.offset + 16
    while position < module.offset + module.size {
      let header = try source.bytes(at: position, count: 64, "entry")
      result.append((position, UInt32(header.integer(at: 0x1C, size: 4))))
      position += header.integer(at: 4, size: 4) + header.integer(at: 8, size: 8)
    }
    return result
  }

  private func relocationLinks(ofCubinAt offset: UInt64, in source: FileBytes) throws -> [(UInt64, [UInt8])] {
    let header = try source.bytes(at: offset, count: 64, "cubin")
    let table = offset + header.integer(at: 40, size: 8)
    let count = Int(header.integer(at: 60, size: 2))
    let rows = try source.bytes(at: table, count: count * 64, "sections")
    let types = (0..<count).map { rows.integer(at: $0 * 64 + 4, size: 4) }
    guard let symbols = types.firstIndex(of: 2) else { return [] }
    return (0..<count).filter { types[$0] == 4 && rows.integer(at: $0 * 64 + 40, size: 4) != symbols }
      .map { (table + UInt64($0 * 64 + 40), [UInt8(symbols), 0, 0, 0]) }
  }
}

extension [UInt8] {
  fileprivate func integer(at offset: Int, size: Int) -> UInt64 {
    self[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
