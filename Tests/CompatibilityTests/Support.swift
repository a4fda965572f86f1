import Compatibility
import DeviceCode

/// An image from its target as the tools spell it: `sm_90a`, `compute_80`, `lto_75`.
func image(
  _ name: String, isa: PTXISAVersion? = nil, compression: ImageCompression = .none,
  isRelocatable: Bool = false
) -> DeviceImage {
  guard let target = CodeTarget(name) else { fatalError("no target: \(name)") }
  let kind: ImageKind = name.hasPrefix("compute_") ? .ptx : name.hasPrefix("lto_") ? .ltoIR : .cubin
  return DeviceImage(
    kind: kind, target: target, size: 1000, compression: compression, ptxISA: isa,
    isRelocatable: isRelocatable)
}

/// A module before it has its place in a file.
struct Draft {
  var images: [DeviceImage]
  var place = Module.Place.registered
  var preLinked: [Int] = []

  init(_ names: [String], _ place: Module.Place = .registered, preLinked: [Int] = []) {
    self.init(images: names.map { image($0) }, place, preLinked: preLinked)
  }

  init(images: [DeviceImage], _ place: Module.Place = .registered, preLinked: [Int] = []) {
    self.images = images
    self.place = place
    self.preLinked = preLinked
  }
}

func inventory(_ drafts: [Draft]) -> Inventory {
  var result = Inventory()
  for (index, draft) in drafts.enumerated() {
    let start = result.images.count
    for var image in draft.images {
      image.index = result.images.count
      image.module = index
      result.images.append(image)
    }
    result.modules.append(
      Module(
        index: index, place: draft.place, images: start..<result.images.count,
        wrapperVersion: draft.preLinked.isEmpty ? 1 : 2, preLinked: draft.preLinked))
  }
  return result
}

/// A library of registered modules, each with the images of these names.
func library(_ modules: [String]...) -> CodeUnit { CodeUnit(inventory(modules.map { Draft($0) })) }

extension CodeUnit {
  /// The verdict on the first module of a unit that has one.
  func firstModule(on device: Device) -> ModuleVerdict {
    guard let verdict = verdict(ofModule: 0, on: device) else { fatalError("no module") }
    return verdict
  }
}

func device(_ text: String, driver: String? = nil) -> Device {
  guard let computeCapability = ComputeCapability(text) else { fatalError("no compute capability: \(text)") }
  return Device(computeCapability, driver: driver.flatMap { DriverVersion($0) })
}

func judge(_ image: DeviceImage, _ on: String, driver: String? = nil) -> ImageJudgement {
  Rule.judge(ImageSignature(image), on: device(on, driver: driver))
}
