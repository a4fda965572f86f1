/// One image as cuobjdump's plain listing describes it.
struct ListedImage: Equatable, CustomStringConvertible {
  /// The word in `Fatbin … code:`: `elf`, `ptx`, `nvvm`.
  var kind: String
  /// The number and suffix: `90a`.
  var target: String
  /// `1.8`: the ABI version of a cubin, the ISA version of PTX.
  var version: String
  var host: String
  var is64Bit: Bool
  var isDebug: Bool
  /// For a member of a concatenated entry, whether the entry is compressed.
  var isCompressed: Bool
  var identifier: String?
  /// The member of the static library that holds it.
  var member: String?

  var description: String {
    "\(member.map { $0 + ": " } ?? "")\(kind) \(target) version \(version) \(host) \(is64Bit ? 64 : 32)-bit"
      + (isDebug ? " debug" : "") + (isCompressed ? " compressed" : "") + (identifier.map { " \($0)" } ?? "")
  }
}

/// One line of cuobjdump's list of names: `ELF file    3: libx.3.sm_90a.cubin`.
struct ListedName: Equatable, CustomStringConvertible {
  /// `ELF` or `PTX`.
  var kind: String
  /// Counts each kind from 1.
  var number: Int
  /// The target with its suffix: `sm_90a`.
  var target: String
  var member: String?

  var description: String { "\(member.map { $0 + ": " } ?? "")\(kind) \(number) \(target)" }
}

/// A line that the parser does not know. Nothing is skipped, so that nothing is missed.
struct UnknownLine: Error, CustomStringConvertible {
  var line: String
  var description: String { "cuobjdump's line is not understood: '\(line)'" }
}

/// Reads the output of `cuobjdump -all`.
func parseListing(_ text: String) throws -> [ListedImage] {
  var images: [ListedImage] = []
  var member: String?
  /// Whether the lines belong to the entry that holds the indented members after it.
  var isConcatenated = false
  var isCompressedEntry = false
  for line in text.split(separator: "\n") {
    let isIndented = line.hasPrefix("\t")
    let words = isIndented ? line.dropFirst() : line
    if words.allSatisfy({ $0 == "=" }) { continue }
    if words.hasPrefix("member "), words.hasSuffix(":") {
      member = memberName(words)
    } else if words == "Fatbin concatenated entry code:" {
      isConcatenated = true
      isCompressedEntry = false
    } else if words.hasPrefix("Fatbin "), words.hasSuffix(" code:") {
      isConcatenated = false
      images.append(
        ListedImage(
          kind: String(words.dropFirst(7).dropLast(6)), target: "", version: "", host: "", is64Bit: false,
          isDebug: false, isCompressed: isIndented && isCompressedEntry, member: member))
    } else if isConcatenated {
      // The entry's own fields; its members repeat all but the compression.
      if words == "compressed" { isCompressedEntry = true }
    } else if images.isEmpty || !set(words, of: &images[images.count - 1]) {
      throw UnknownLine(line: String(line))
    }
  }
  return images
}

/// Sets what one line says; false for a line that is not known.
private func set(_ line: Substring, of image: inout ListedImage) -> Bool {
  switch line {
  case "compressed": image.isCompressed = true
  case "has debug info": image.isDebug = true
  default:
    guard let separator = line.firstRange(of: " =") else { return false }
    let value = String(line[separator.upperBound...].drop { $0 == " " })
    switch line[..<separator.lowerBound] {
    case "arch":
      guard value.hasPrefix("sm_") else { return false }
      image.target = String(value.dropFirst(3))
    case "code version":
      image.version = value.filter { $0 != "[" && $0 != "]" }.replacing(",", with: ".")
    case "host": image.host = value
    case "compile_size": image.is64Bit = value == "64bit"
    case "identifier": image.identifier = value
    // What the compiler was told; our reader leaves it alone.
    case "ptxasOptions", "nvvmOptions", "tileIROptions": break
    default: return false
    }
  }
  return true
}

/// Reads the output of `cuobjdump -all -lelf -lptx`.
func parseNames(_ text: String) throws -> [ListedName] {
  var names: [ListedName] = []
  var member: String?
  for line in text.split(separator: "\n") {
    if line.hasPrefix("member "), line.hasSuffix(":") {
      member = memberName(line)
      continue
    }
    let words = line.split(separator: " ")
    guard words.count >= 4, words[0] == "ELF" || words[0] == "PTX", words[1] == "file",
      let number = Int(words[2].dropLast()), words[2].last == ":"
    else { throw UnknownLine(line: String(line)) }
    // CodeUnit, number, target, extension: the library's own name may hold dots. An identifier stands for library
    // and number.
    let parts = line.split(separator: ".")
    guard parts.count >= 3, parts[parts.count - 2].hasPrefix("sm_"),
      parts[parts.count - 1] == (words[0] == "ELF" ? "cubin" : "ptx")
    else { throw UnknownLine(line: String(line)) }
    names.append(
      ListedName(
        kind: String(words[0]), number: number, target: String(parts[parts.count - 2]), member: member))
  }
  return names
}

/// `scale.o` of `member /path/three.a:scale.o:`.
private func memberName(_ line: Substring) -> String? {
  line.dropLast().split(separator: ":").last.map { String($0) }
}
