import Bytes
import Compression
import DeviceCode
import Foundation

/// A change to a copy of a file that makes cuobjdump 13.5 read a healthy file that it refuses.
///
/// cuobjdump stops a whole file at the first image that it does not like. Without these copies nothing after it
/// could be compared. Images that cannot be mended become entries of the kind `index`, which cuobjdump lists
/// without a target and without looking inside: then their target alone is not compared.
enum Accommodation: CaseIterable {
  /// "Support for 'sm_35' has been removed": entries for GPUs before sm_50 become an index.
  case removedTargets
  /// "Invalid ELF": cubins of CUDA 12.1, whose relocation tables name a wrong symbol table in `sh_link`. The copy
  /// names the right one; where the cubin is compressed, its entry becomes an index.
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

  struct Changes {
    /// Bytes to write at offsets of the file.
    var patches: [(offset: UInt64, bytes: [UInt8])] = []
    /// The images that become an index, by their index in the file.
    var hidden: Set<Int> = []
  }

  func changes(for file: InspectedFile, in source: FileBytes) throws -> Changes {
    var changes = Changes()
    let images = Normalisation.images(of: file)
    let modules = Set(images.map(\.module.index)).sorted().map { file.inventory.modules[$0] }
    let entries = try Dictionary(
      modules.flatMap { try self.entries(of: $0, in: source) }, uniquingKeysWith: { first, _ in first })
    for (_, image) in images {
      let hides: Bool
      switch self {
      case .removedTargets: hides = image.target.number < 50
      case .relocationLinks:
        guard image.kind == .cubin else { continue }
        let stored = try source.bytes(at: image.offset, count: Int(image.storedSize), "cubin")
        let isCompressed = image.compression != .none
        let cubin = isCompressed ? try decompressed(stored, image) : stored
        let links = Self.wrongLinks(in: cubin)
        hides = isCompressed && !links.isEmpty
        if !isCompressed { changes.patches += links.map { (image.offset + UInt64($0.offset), $0.bytes) } }
      }
      if hides, let entry = entries[image.offset] {
        changes.patches.append((entry, [0x20, 0]))
        changes.hidden.insert(image.index)
      }
    }
    return changes
  }

  /// Where the entries of a fat binary start, by where their payloads start.
  private func entries(of module: Module, in source: FileBytes) throws -> [(UInt64, UInt64)] {
    var result: [(UInt64, UInt64)] = []
    var position = module.offset + 16
    while position < module.offset + module.size {
      let header = try source.bytes(at: position, count: 64, "entry")
      let payload = position + header.integer(at: 4, size: 4)
      result.append((payload, position))
      position = payload + header.integer(at: 8, size: 8)
    }
    return result
  }

  private func decompressed(_ stored: [UInt8], _ image: DeviceImage) throws -> [UInt8] {
    let codec: Codec = image.compression == .lz4 ? .lz4 : image.compression == .zstd ? .zstd : .zlib
    return try decompress(stored, codec, size: image.size, limit: 1 << 32)
  }

  /// The fields `sh_link` of relocation tables that name no symbol table, with what they should hold.
  static func wrongLinks(in cubin: [UInt8]) -> [(offset: Int, bytes: [UInt8])] {
    let table = Int(cubin.integer(at: 40, size: 8))
    let rows = (0..<Int(cubin.integer(at: 60, size: 2))).map { table + $0 * 64 }
    let types = rows.map { cubin.integer(at: $0 + 4, size: 4) }
    guard let symbols = types.firstIndex(of: 2) else { return [] }
    let link = (0..<4).map { UInt8(truncatingIfNeeded: symbols >> (8 * $0)) }
    return zip(rows, types).filter { $1 == 4 && cubin.integer(at: $0 + 40, size: 4) != UInt64(symbols) }
      .map { ($0.0 + 40, link) }
  }
}

extension [UInt8] {
  fileprivate func integer(at offset: Int, size: Int) -> UInt64 {
    self[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
