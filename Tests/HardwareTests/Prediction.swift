import Compatibility
import DeviceCode

/// Errors of the driver that the rules name. Source: `cuda.h` of CUDA 13.5.
enum DriverError: Int {
  case invalidImage = 200
  case noBinaryForGPU = 209
  case invalidPTX = 218
  case unsupportedPTXVersion = 222
  case jitCompilationDisabled = 223
}

/// What a driver is expected to answer.
struct Prediction: Hashable, Sendable {
  var fit: Fit
  /// What the kernel of the chosen image stores; nil where nothing runs.
  var number: Int?
  /// The error; nil where something runs, and where no source says which error it is.
  var error: DriverError?

  static func runs(_ fit: Fit, _ number: Int) -> Prediction {
    Prediction(fit: fit, number: number, error: nil)
  }

  static func fails(_ error: DriverError? = nil) -> Prediction {
    Prediction(fit: .none, number: nil, error: error)
  }

  private init(fit: Fit, number: Int?, error: DriverError?) {
    self.fit = fit
    self.number = number
    self.error = error
  }

  /// Judges a case, whose file is `file`: the header decides which image is chosen, its payload whether it runs.
  init(_ question: HardwareCase, _ file: InspectedFile, on device: Device) {
    let kept = Prediction.kept(file.inventory, question.environment ?? [:])
    let verdict = Prediction.verdict(file.inventory, kept, device)
    guard let verdict, let winner = verdict.winner,
      let position = verdict.images.firstIndex(of: winner)
    else {
      let without = Prediction.verdict(file.inventory, Array(file.inventory.images.indices), device)
      let isCompilerMissing =
        question.environment?["CUDA_DISABLE_PTX_JIT"] == "1" && without?.winner != nil
      self = .fails(
        isCompilerMissing
          ? .jitCompilationDisabled
          : kept.isEmpty
            ? nil : Prediction.error(verdict?.images.map(\.judgement.reason) ?? [], in: file.format))
      return
    }
    let image = question.images[kept[position]]
    let kind = winner.signature.kind
    guard let payload = image.payload else {
      self = .runs(verdict.fit, image.number)
      return
    }
    let parts = payload.split(separator: "@")
    guard let target = CodeTarget(parts[0]) else {
      self = .fails(kind == .ptx ? .invalidPTX : .invalidImage)
      return
    }
    let actual = DeviceImage(
      kind: kind, target: target, ptxISA: parts.count > 1 ? PTXISAVersion(parts[1]) : nil)
    let judgement = Rule.judge(ImageSignature(actual), on: device)
    if judgement.fit == .none {
      self = .fails(judgement.reason == .ptxISANewerThanDriver ? .unsupportedPTXVersion : nil)
    } else {
      self = .runs(min(verdict.fit, judgement.fit), image.number)
    }
  }

  /// The images that count in this environment.
  private static func kept(_ inventory: Inventory, _ environment: [String: String]) -> [Int] {
    inventory.images.indices.filter { index in
      let isPTX = inventory.images[index].kind == .ptx
      return !(environment["CUDA_FORCE_PTX_JIT"] == "1" && !isPTX)
        && !(environment["CUDA_DISABLE_PTX_JIT"] == "1" && isPTX)
    }
  }

  private static func verdict(_ inventory: Inventory, _ kept: [Int], _ device: Device) -> ModuleVerdict? {
    var module = inventory.modules[0]
    module.images = 0..<kept.count
    let library = CodeUnit(Inventory(modules: [module], images: kept.map { inventory.images[$0] }))
    return library.verdict(ofModule: 0, on: device)
  }

  /// The error of a module without an image that runs: what keeps those out whose target would do, where that is one
  /// thing; else that no target does.
  private static func error(_ reasons: [ExclusionReason?], in format: InspectedFile.Format) -> DriverError? {
    let targets: Set<ExclusionReason?> = [
      .differentMajor, .newerMinor, .architectureSpecific, .otherFamily, .desktopCodeOnTegra,
      .ptxTargetNewer,
    ]
    return switch Set(reasons).subtracting(targets) {
    case [.ptxISANewerThanDriver]: .unsupportedPTXVersion
    case [.compressionNewerThanDriver]: .invalidImage
    // Of a cubin or PTX alone for another target, reports name 200, 209 and 218.
    case []: format == .fatBinary ? .noBinaryForGPU : nil
    default: nil
    }
  }

  /// Whether an answer is what was predicted; nil where the driver does not have the call.
  func agrees(with answer: Answer) -> Bool? {
    if answer.unavailable == true { return nil }
    if answer.crash != nil { return false }
    if let observed = answer.number { return observed == number }
    guard let observed = answer.error else { return false }
    return switch fit {
    case .none: error.map { $0.rawValue == observed } ?? true
    case .notGuaranteed: true
    default: false
    }
  }
}

/// What is predicted for one compute capability, from driver to driver.
struct PredictionSteps {
  /// Oldest driver first, the first without a name; a step holds until the next one.
  var steps: [(since: String?, prediction: Prediction)] = []

  /// Drivers at which an answer can change: the first release of each branch, the releases at which a compression
  /// came, and one that is newer than everything in the table.
  static let drivers: [DriverVersion] = {
    let table = DriverTable.shipped
    var names = table.branches.map { "\($0.branch).0" }
    if let last = table.branches.last { names.append("\(last.branch + 1).0") }
    names += table.compression.map(\.minimumDriver.description)
    return names.compactMap { DriverVersion($0) }.sorted { $0.isAtLeast($1, by: .shipped) == false }
  }()

  /// The same for Tegra, whose drivers only their CUDA version tells.
  static let tegraDrivers: [DriverVersion] = {
    let versions = Set(DriverTable.shipped.branches.map(\.maxCUDA)).sorted()
    return (versions + versions.suffix(1).map { CUDAVersion($0.major + 1, 0) }).map { .cuda($0) }
  }()

  /// The compute capabilities of `predictions.json`: all current ones, and Volta, which current drivers left last.
  static let computeCapabilities = [ComputeCapability(7, 0)] + ArchitectureTable.shipped.current

  init(_ question: HardwareCase, _ file: InspectedFile, on computeCapability: ComputeCapability) {
    for driver in ArchitectureTable.shipped.isTegra(computeCapability) ? Self.tegraDrivers : Self.drivers {
      let device = Device(computeCapability, driver: driver)
      if device.isSupportedByDriver == false { continue }
      let prediction = Prediction(question, file, on: device)
      if steps.last?.prediction != prediction {
        let name = if case .cuda(let version) = driver { version.description } else { driver.description }
        steps.append((steps.isEmpty ? nil : name, prediction))
      }
    }
  }

  /// As one line of JSON.
  var text: String {
    let rows = steps.map { since, prediction in
      var fields = ["\"fit\": \"\(prediction.fit.rawValue)\""]
      if let since { fields.insert("\"since\": \"\(since)\"", at: 0) }
      if let number = prediction.number { fields.append("\"number\": \(number)") }
      if let error = prediction.error { fields.append("\"error\": \(error.rawValue)") }
      return "{\(fields.joined(separator: ", "))}"
    }
    return "[\(rows.joined(separator: ", "))]"
  }
}
