public import Bytes

/// What the bytes of an image say of it, and where they do not agree with its header.
public struct ImageCheck: Hashable, Sendable {
  /// The compiler release that made it: "13.5".
  public var toolkit: String?
  /// The arguments that the compiler recorded: "-arch sm_100f -m 64".
  public var compilerArguments: String?
  /// Whether it must be linked before the driver can load it.
  public var isRelocatable = false
  /// In the order of the header's fields; offsets count like ``DeviceImage/offset``, those within compressed bytes
  /// are the payload's.
  public var problems: [Problem] = []
}

extension DeviceImage {
  /// Compares the image's header with its decompressed bytes: target, suffix, version of ABI or PTX, and size.
  ///
  /// Kinds of images whose bytes do not tell these agree.
  public func check(_ bytes: ArraySlice<UInt8>) -> ImageCheck {
    switch kind {
    case .cubin: check(cubin: MemoryBytes(bytes))
    case .ptx, .relocatablePTX: check(ptx: bytes)
    case .ltoIR: check(ltoIR: bytes)
    default: ImageCheck()
    }
  }

  func check(cubin source: any ByteSource) -> ImageCheck {
    let cubin: Cubin
    do {
      cubin = try Cubin(source)
    } catch {
      return ImageCheck(problems: [moved(error)])
    }
    var problems: [Problem] = []
    if let abiVersion, abiVersion != cubin.abiVersion {
      problems += mismatch(HeaderField.abiVersion, "\(cubin.abiVersion) as in the cubin", "\(abiVersion)")
    }
    if cubin.target.number != target.number {
      problems += mismatch(HeaderField.number, "\(cubin.target.number) as in the cubin", "\(target.number)")
    } else if cubin.target.suffix != target.suffix, cubin.target.suffix != .none || cubin.namesTarget {
      problems += mismatch(HeaderField.flags, "sm_\(cubin.target) as in the cubin", targetName)
    }
    // Payloads are padded to 8 bytes.
    if size >= cubin.size + 8 {
      problems += mismatch(HeaderField.size(self), "\(cubin.size) bytes as in the cubin", "\(size)")
    }
    if let problem = cubin.versionProblem(at: place(8)) { problems.append(problem) }
    return ImageCheck(
      toolkit: cubin.toolkit, compilerArguments: cubin.compilerArguments, isRelocatable: cubin.isRelocatable,
      problems: problems)
  }

  private func check(ptx bytes: ArraySlice<UInt8>) -> ImageCheck {
    var scanner = PTXScanner(bytes: Array(bytes))
    guard let header = PTXHeader(&scanner) else {
      return ImageCheck(problems: [moved(PTXHeader.missing)])
    }
    var problems: [Problem] = []
    if let ptxISA, header.isa != ptxISA {
      problems += mismatch(HeaderField.ptxISA, "\(header.isa) as in the text", "\(ptxISA)")
    }
    if header.target.number != target.number {
      problems += mismatch(HeaderField.number, "\(header.target.number) as in the text", "\(target.number)")
    } else if header.target.suffix != target.suffix {
      problems += mismatch(HeaderField.flags, "compute_\(header.target) as in the text", targetName)
    }
    return ImageCheck(problems: problems)
  }

  private func check(ltoIR bytes: ArraySlice<UInt8>) -> ImageCheck {
    do {
      // Elements of type UInt8 have no padding, so all their bytes are initialised.
      let found = try LTOIR.target(unsafe ByteView(bytes.span.bytes))
      if found.number != target.number {
        return ImageCheck(
          problems: mismatch(HeaderField.number, "\(found.number) as in the LTO-IR", "\(target.number)"))
      }
      if found.suffix != .none, found.suffix != target.suffix {
        return ImageCheck(problems: mismatch(HeaderField.flags, "lto_\(found) as in the LTO-IR", targetName))
      }
      return ImageCheck()
    } catch {
      return ImageCheck(problems: [moved(error)])
    }
  }

  /// Takes over what its bytes say.
  mutating func complete(with check: ImageCheck) {
    toolkit = check.toolkit
    compilerArguments = check.compilerArguments
    if check.isRelocatable { isRelocatable = true }
  }

  // MARK: Places

  /// A field of an entry's header: its name in messages, and its offset there.
  private enum HeaderField {
    typealias Field = (name: String, offset: UInt64)

    static let abiVersion: Field = ("entry ABI version", 0x18)
    static let ptxISA: Field = ("entry PTX version", 0x18)
    static let number: Field = ("entry SM number", 0x1C)
    static let flags: Field = ("entry target suffix", 0x28)

    /// The field that tells the size of the decompressed image.
    static func size(_ image: DeviceImage) -> Field {
      image.compression == .none || image.memberOffset != nil
        ? ("entry payload size", 0x08) : ("entry uncompressed size", 0x38)
    }
  }

  /// The problem that a field of the header says something else than the image; none without a header.
  private func mismatch(_ field: HeaderField.Field, _ expected: String, _ observed: String) -> [Problem] {
    guard let headerOffset else { return [] }
    return [
      Problem(
        .mismatch, field.name, at: headerOffset + field.offset, expected: expected, observed: observed)
    ]
  }

  /// Where the byte at `offset` of the image lies; where it is compressed, the payload.
  private func place(_ offset: UInt64) -> UInt64 {
    compression == .none ? self.offset + (memberOffset ?? 0) &+ offset : self.offset
  }

  /// `problem`, whose offset counts from the start of the image, where it lies.
  func moved(_ problem: Problem) -> Problem {
    var problem = problem
    problem.offset = place(problem.offset ?? 0)
    return problem
  }
}

extension Cubin {
  /// The problem that the ABI version, which stands at `offset`, is not known; it is read like the newest that is.
  func versionProblem(at offset: UInt64) -> Problem? {
    guard abiVersion > Self.newestABIVersion else { return nil }
    return Problem(
      .unknownValue, "cubin ABI version", at: offset, expected: "at most \(Self.newestABIVersion)",
      observed: "\(abiVersion)")
  }
}

extension PTXHeader {
  /// The problem with a text that does not start as PTX does.
  static let missing = Problem(
    .invalidValue, "PTX header", at: 0, expected: ".version with a number, then .target with an sm_ name")
}

extension InspectedFile {
  /// Takes over what ``DeviceImage/check(_:)`` found, or why there was nothing to check, for the images at `indices`.
  public mutating func complete(
    _ indices: some Sequence<Int>, with checks: some Sequence<Result<ImageCheck, Problem>>
  ) {
    for (index, result) in zip(indices, checks) {
      switch result {
      case .success(let check):
        inventory.images[index].complete(with: check)
        for problem in check.problems { problems.append(withinLimit: problem) }
      case .failure(let problem): report(unread: problem)
      }
    }
  }

  /// Adds why the bytes of an image could not be read. What all members of a concatenated entry have is one problem;
  /// that the image is opaque is none.
  public mutating func report(unread problem: Problem) {
    guard problem.code != .unsupported, problem != problems.last else { return }
    problems.append(withinLimit: problem)
  }
}
