import Bytes
import DeviceCode
import Foundation
import Testing

/// What `cuobjdump -res-usage` prints for one cubin.
struct ResourceUsage {
  /// By function, by resource: `REG`, `STACK`, `SHARED`, `LOCAL`, `CONSTANT[0]`, …
  var functions: [String: [String: UInt64]] = [:]

  init(_ output: String) {
    var function = ""
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.first == "Function" {
        function = String(words[1].dropLast())
      } else if words.first?.hasPrefix("REG:") == true {
        functions[function] = Dictionary(
          uniqueKeysWithValues: words.map { word in
            // CONSTANT[0]:928
            let colon = word.lastIndex(of: ":") ?? word.startIndex
            return (String(word[..<colon]), UInt64(word[word.index(after: colon)...]) ?? .max)
          })
      }
    }
  }
}

/// How many cubins and kernels were compared.
struct ResourceComparison: Equatable {
  var cubins = 0
  var kernels = 0
  /// Cubins that cuobjdump reads only when their relocation tables are mended.
  var mended = 0
}

extension Cuobjdump {
  /// Expects that every kernel of the chosen images of `file`, all cubins by default, takes what cuobjdump says.
  func compareResources(
    of file: URL, choose: ([DeviceImage]) -> [DeviceImage] = { $0 },
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ResourceComparison {
    let source = try FileBytes(path: Path(file.path))
    let inventory = InspectedFile(source).inventory
    let reader = PayloadReader(source, inventory)
    var comparison = ResourceComparison()
    for image in choose(inventory.images.filter { $0.kind == .cubin }) {
      let bytes = Array(try reader.bytes(of: image))
      let links = Accommodation.wrongLinks(in: bytes)
      var copy = bytes
      for link in links { copy.replaceSubrange(link.offset..<link.offset + 4, with: link.bytes) }
      let answer = try resourceUsage(of: copy, image: image.index, in: file)
      let place = "\(file.lastPathComponent), image \(image.index)"
      #expect(answer.status == 0, "\(place): \(answer.messages)", sourceLocation: sourceLocation)
      comparison.cubins += 1
      if !links.isEmpty { comparison.mended += 1 }
      comparison.kernels += try expectAgreement(
        try CubinContents(bytes[...]), ResourceUsage(answer.output), bytes, place,
        isRelocatable: image.isRelocatable, sourceLocation)
    }
    return comparison
  }

  private func expectAgreement(
    _ contents: CubinContents, _ usage: ResourceUsage, _ bytes: [UInt8], _ place: String,
    isRelocatable: Bool, _ sourceLocation: SourceLocation
  ) throws -> Int {
    for kernel in contents.kernels {
      guard let known = usage.functions[kernel.name] else {
        Issue.record("\(place): cuobjdump does not know \(kernel.name)", sourceLocation: sourceLocation)
        continue
      }
      var ours: [String: UInt64?] = [
        "REG": kernel.registers.map(UInt64.init), "STACK": kernel.stackSize.map(UInt64.init),
        "SHARED": kernel.sharedMemory, "LOCAL": kernel.localMemory, "CONSTANT[0]": kernel.constantBank0,
      ]
      // Before linking, cuobjdump says 0 where the frame of the function itself is known.
      if isRelocatable, known["STACK"] == 0 { ours["STACK"] = 0 }
      for (name, value) in ours {
        #expect(
          value == known[name] ?? 0, "\(place): \(name) of \(kernel.name)", sourceLocation: sourceLocation)
      }
    }
    // Every kernel has constants for its parameters; a function without them is none.
    let others = Set(usage.functions.keys).subtracting(contents.kernels.map(\.name))
    let names = Set(contents.sections.map { contents.name(of: $0, in: bytes[...]) })
    #expect(
      others.filter { names.contains(".nv.constant0.\($0)") } == [], "\(place)",
      sourceLocation: sourceLocation)
    return contents.kernels.count
  }
}
