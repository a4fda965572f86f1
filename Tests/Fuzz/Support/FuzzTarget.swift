import Bytes
import Demangling
public import DeviceCode
import ELFFile

/// An entry point that takes hostile bytes: what the fuzzer calls, and what the tests replay.
public enum FuzzTarget: String, Sendable, CaseIterable {
  /// A whole file of any format.
  case file = "FuzzFile"
  /// A fat binary that is a file of its own; the magic is put in place.
  case fatBinary = "FuzzFatBinary"
  /// A bare cubin; magic, class and machine are put in place.
  case cubin = "FuzzCubin"
  /// The head of a PTX text.
  case ptx = "FuzzPTX"
  /// A mangled name behind `_Z`.
  case demangle = "FuzzDemangle"

  /// Reads `input`; returns what the result promises and does not keep, which is nothing.
  public func violations(_ input: [UInt8]) -> [String] {
    switch self {
    case .file: return Self.violations(of: InspectedFile(MemoryBytes(input)))
    case .fatBinary:
      return Self.violations(
        of: InspectedFile(MemoryBytes(input.overwritten(with: [0x50, 0xED, 0x55, 0xBA]))))
    case .cubin:
      var bytes = input.overwritten(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1])
      if bytes.count > 19 { bytes.replaceSubrange(18..<20, with: [190, 0]) }
      guard let cubin = try? Cubin(MemoryBytes(bytes)) else { return [] }
      return cubin.size > UInt64(bytes.count) ? ["a cubin of \(cubin.size) bytes in \(bytes.count)"] : []
    case .ptx:
      guard let header = PTXHeader(String(decoding: input, as: UTF8.self)) else { return [] }
      return (0...input.count * 3).contains(header.offset) ? [] : ["a header at \(header.offset)"]
    case .demangle:
      let name = "_Z" + String(decoding: input, as: UTF8.self)
      // The text itself as well: what the demangler writes is a narrow choice of what may come.
      return [name, demangle(name) ?? ""].flatMap { text in
        let readable = readableKernelName(text)
        return readable.utf8.count > text.utf8.count || readable.isEmpty && !text.isEmpty
          ? ["'\(readable)' of '\(text)'"] : []
      }
    }
  }

  /// What every result of reading a file promises, whatever the file holds.
  public static func violations(of file: InspectedFile) -> [String] {
    var found: [String] = []
    func check(_ holds: Bool, _ text: @autoclosure () -> String) {
      if !holds, found.count < 8 { found.append(text()) }
    }
    check(file.problems.count <= 1001, "\(file.problems.count) problems")
    for problem in file.problems {
      check(printable(problem.description) == problem.description, "a control character: \(problem)")
    }
    let modules = file.inventory.modules
    let images = file.inventory.images
    // Offsets in an inflated section count in its contents.
    let inflated = Set((file.elf?.sections ?? []).filter { $0.flags.contains(.compressed) }.map(\.name))
    var next = 0
    for (index, module) in modules.enumerated() {
      check(module.index == index, "module \(index) has the index \(module.index)")
      check(module.images.lowerBound == next, "images of module \(index): \(module.images), not from \(next)")
      next = module.images.upperBound
      check(module.preLinked.allSatisfy(modules.indices.contains), "pre-linked parts of module \(index)")
      if file.format != .staticLibrary, !inflated.contains(module.section) {
        check(
          module.offset <= file.size && module.size <= file.size - module.offset,
          "module \(index): \(module.size) bytes at \(module.offset) of \(file.size)")
      }
    }
    check(next == images.count, "\(images.count) images, \(next) of them in modules")
    guard found.isEmpty else { return found }
    for (index, image) in images.enumerated() {
      check(image.index == index, "image \(index) has the index \(image.index)")
      guard modules.indices.contains(image.module), modules[image.module].images.contains(index) else {
        check(false, "image \(index) is not in module \(image.module)")
        continue
      }
      if file.format != .staticLibrary, !inflated.contains(modules[image.module].section) {
        check(
          image.offset <= file.size && image.storedSize <= file.size - image.offset,
          "image \(index): \(image.storedSize) bytes at \(image.offset) of \(file.size)")
      }
    }
    return found
  }

  /// The fuzzer's entry point: a broken promise ends the process.
  ///
  /// - Parameter count: the bytes at `start`, which may be nil when there are none.
  @unsafe
  public func run(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let violations = violations(input)
    if !violations.isEmpty { fatalError(violations.joined(separator: "; ")) }
    return 0
  }
}

extension [UInt8] {
  /// The same number of bytes, the first ones replaced.
  fileprivate func overwritten(with start: [UInt8]) -> [UInt8] {
    let count = Swift.min(start.count, count)
    return Array(start[..<count] + self[count...])
  }
}
