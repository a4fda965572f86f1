import Bytes
import ELFFile

/// The flags that PyTorch says it was compiled with, in `libtorch_python.so`: one string such as
/// `sm_80 sm_90 compute_90`, which `torch.cuda.get_arch_list()` returns.
enum ArchitectureFlags {
  /// More bytes are no list of flags.
  private static let limit = 1024

  /// Searches the read-only data of an ELF file, or all of a file that has no such section.
  static func find(in source: any ByteSource) throws(Problem) -> ArchitectureList? {
    let sections = (try? ELFFile(source))?.readOnlyData.filter {
      $0.size <= source.size && $0.offset <= source.size - $0.size
    }
    let ranges = (sections ?? []).map { $0.offset..<$0.offset + $0.size }
    for range in ranges.isEmpty ? [0..<source.size] : ranges {
      if let list = try search(SubrangeBytes(source, range)) { return list }
    }
    return nil
  }

  private static func search(_ part: SubrangeBytes) throws(Problem) -> ArchitectureList? {
    // A NUL, then `sm_` or the start of `compute_`.
    let search = WordSearch(0x5F6D_7300, 0x6D6F_6300)
    var list: ArchitectureList?
    try part.forEachPart(overlapping: limit, "flags") { bytes in
      var position = 0
      while list == nil, let found = search.first(in: bytes, position..<bytes.count) {
        list = Self.list(in: bytes[(found + 1)...])
        position = found + 1
      }
      return list != nil
    }
    return list
  }

  /// The list that stands at the start of `bytes` up to a NUL.
  private static func list(in bytes: ArraySlice<UInt8>) -> ArchitectureList? {
    guard let end = bytes.prefix(limit).firstIndex(of: 0) else { return nil }
    let text = String(decoding: bytes[..<end], as: UTF8.self)
    let words = text.split(separator: " ")
    guard !words.isEmpty, words.allSatisfy({ $0.hasPrefix("sm_") || $0.hasPrefix("compute_") }) else {
      return nil
    }
    let list = ArchitectureList(text)
    return list?.description == text ? list : nil
  }
}
