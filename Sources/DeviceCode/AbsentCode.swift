public import Bytes

/// Device code that the host code of a file registers and that is not in the file: wrappers without a fat binary.
public struct AbsentCode: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Parts of device-linked code, removed after device linking, as builds do to save space.
    ///
    /// The device-linked module, which is in the file, does not need them. But PTX stands in the parts alone, so that
    /// nothing is left that the driver could compile and link for GPUs that the linked machine code was not made for.
    case linkedParts
    /// The wrapper's pointer is null, and no relocation fills it: the device code was removed, and what the host code
    /// registers with it cannot be launched.
    case removed
    /// The wrapper's pointer leads to something else. The file is damaged, or its device code was removed by a tool that
    /// left the address; what the host code registers with it cannot be launched.
    case misplaced
  }

  public var kind: Kind
  /// The number of wrappers, each of which registered one fat binary.
  public var count: Int
  /// Where the pointer of the first one lies: bytes from the start of the file.
  public var offset: UInt64

  public init(kind: Kind, count: Int, offset: UInt64) {
    self.kind = kind
    self.count = count
    self.offset = offset
  }

  /// What is wrong, as one of the file's problems. Only ``Kind/misplaced`` counts as a failure to read the file.
  public var problem: Problem {
    let wrappers = count == 1 ? "1 wrapper" : "\(count) wrappers"
    switch kind {
    case .linkedParts:
      return Problem(
        .absent, "relocatable device code", at: offset,
        observed: "\(wrappers) of parts that were removed after device linking")
    case .removed:
      return Problem(
        .absent, "registered device code", at: offset,
        observed: "\(wrappers) of nothing; what they register cannot be launched")
    case .misplaced:
      return Problem(
        .mismatch, "wrapper's fat binary", at: offset, expected: "the address of a fat binary",
        observed: count == 1 ? nil : "\(wrappers) of something else")
    }
  }
}

extension [AbsentCode] {
  /// Counts one more wrapper, or as many as `other` has. Each kind has one element.
  mutating func add(_ other: AbsentCode) {
    if let index = firstIndex(where: { $0.kind == other.kind }) {
      self[index].count += other.count
    } else {
      append(other)
    }
  }
}
