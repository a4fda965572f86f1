import Bytes
public import Compatibility

/// The driver and the GPUs of a machine, as far as they show themselves.
public struct DetectedHost: Hashable, Sendable {
  public struct GPU: Hashable, Sendable {
    /// As the driver prints it.
    public var name: String?
    public var computeCapability: ComputeCapability?
    /// Vendor and device on the PCI bus: `10de:2330`.
    public var pciID: String?
    /// Whether ``name`` is only the start of the name.
    public var isNameCut = false

    public init(name: String?, computeCapability: ComputeCapability? = nil, pciID: String? = nil) {
      self.name = name
      self.computeCapability = computeCapability
      self.pciID = pciID
    }

    /// What it is by its name, else by its number on the bus; nil where the tables have neither.
    func match(in tables: TableSet) -> GPUCatalogue.Match? {
      if isNameCut, let name { return try? GPUCatalogue.resolve(start: name, in: tables) }
      for query in [name, pciID] {
        if let query, let match = try? GPUCatalogue.resolve(query, in: tables) { return match }
      }
      return nil
    }
  }

  /// The driver's release.
  public var release: Fact<String>?
  /// The newest CUDA version that the driver supports, by its own word.
  public var cuda: CUDAVersion?
  /// In the driver's order.
  public var gpus: [GPU]

  public init(release: Fact<String>? = nil, cuda: CUDAVersion? = nil, gpus: [GPU] = []) {
    self.release = release
    self.cuda = cuda
    self.gpus = gpus
  }

  /// Why a machine cannot answer for itself.
  public enum Failure: Error, Hashable, Sendable {
    /// There is no driver. What was tried.
    case noDriver(tried: [String])
    /// The driver, where it is known, shows no GPU.
    case noGPU(driver: String?)
    /// The compute capability of a GPU is not known.
    case unknownGPU(name: String)
    /// Of the name of a GPU only the start is known, which several kinds share.
    case cutName(String)
  }

  /// The driver: its release where that is known, else the CUDA version.
  public var driver: DriverVersion? {
    release.flatMap { DriverVersion($0.value) } ?? cuda.map { .cuda($0) }
  }

  /// Every GPU with `driver`, or without one.
  ///
  /// - Throws: ``Failure`` when there is no GPU, or one of an unknown kind.
  public func devices(with driver: DriverVersion?, by tables: TableSet) throws(Failure) -> [Device] {
    guard !gpus.isEmpty else { throw .noGPU(driver: driver?.description) }
    var devices: [Device] = []
    for gpu in gpus {
      let match = gpu.match(in: tables)
      guard let computeCapability = gpu.computeCapability ?? match?.computeCapability else {
        if gpu.isNameCut, let name = gpu.name { throw .cutName(name) }
        throw .unknownGPU(name: gpu.name ?? gpu.pciID ?? "without a name")
      }
      if gpu.name == nil || gpu.isNameCut, let match, match.computeCapability == computeCapability {
        devices.append(match.device(driver: driver, tables: tables))
      } else {
        devices.append(Device(computeCapability, name: gpu.name, driver: driver, tables: tables))
      }
    }
    return devices
  }

  /// Whether the tables tell the driver and what every GPU is, so that nobody else need be asked.
  public func isKnown(to tables: TableSet) -> Bool {
    driver != nil && (try? devices(with: driver, by: tables)) != nil
  }
}

extension DetectedHost {
  /// What the files of a Linux system show: the kernel module's, the PCI bus's, and on a Tegra the device tree and the
  /// release of Jetson Linux.
  ///
  /// A container shows the driver of its host. The container toolkit shows in it the GPUs that it may use in
  /// `/proc/driver/nvidia/gpus`, but all of the host on the bus, so that the bus counts only where the folder is empty.
  ///
  /// - Parameters:
  ///   - contents: the contents of a small file; nil where it cannot be read.
  ///   - names: the names in a folder; none where it cannot be read.
  public init(
    contents: (_ file: String) -> [UInt8]?, names: (_ folder: String) -> [String], tables: TableSet
  ) {
    self.init()
    for (file, read) in [
      (DriverFiles.moduleVersion, DriverFiles.release(moduleVersion:)),
      (DriverFiles.procVersion, DriverFiles.release(procVersion:)),
    ] where release == nil {
      if let text = contents(file).flatMap(read) {
        release = Fact(text, in: Path(file), says: "driver \(text)")
      }
    }
    func pciID(_ address: String) -> String? {
      func number(_ name: String) -> String? {
        contents("\(DriverFiles.pciFolder)/\(address)/\(name)").flatMap { DriverFiles.number($0) }
      }
      guard number("vendor") == DriverFiles.vendor, let device = number("device") else { return nil }
      // A GPU is a display controller, with a screen (0300) or without one (0302).
      guard let kind = number("class"), kind.hasPrefix("03") else { return nil }
      return "\(DriverFiles.vendor):\(device)"
    }
    for address in names(DriverFiles.gpuFolder).sorted() {
      guard let information = contents("\(DriverFiles.gpuFolder)/\(address)/information") else { continue }
      gpus.append(GPU(name: DriverFiles.model(information: information), pciID: pciID(address)))
    }
    if gpus.isEmpty {
      gpus = names(DriverFiles.pciFolder).sorted().compactMap(pciID).map { GPU(name: nil, pciID: $0) }
    }
    guard gpus.isEmpty, let model = contents(DriverFiles.boardModel).flatMap({ DriverFiles.tegra(model: $0) })
    else { return }
    gpus = [GPU(name: model)]
    if release == nil, let text = contents(DriverFiles.jetsonRelease),
      let jetson = DriverFiles.jetsonLinux(text)?.release
    {
      cuda = tables.jetson.jetPack(jetsonLinux: jetson.split(separator: ".").compactMap { Int($0) })?.cuda
    }
  }
}

extension DetectedHost.Failure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noDriver(let tried):
      "there is no NVIDIA driver on this machine"
        + (tried.isEmpty ? "" : ": \(tried.joined(separator: "; "))")
    case .noGPU(let driver): driver.map { "the NVIDIA driver \($0) shows no GPU" } ?? "there is no GPU"
    case .unknownGPU(let name): "the compute capability of the GPU \(name) is not known"
    case .cutName(let name):
      "nvidia-smi cuts the name \"\(name)...\", which GPUs of different compute capabilities share; nvidia-smi -L prints it whole"
    }
  }
}

/// What the files of the NVIDIA kernel module, and of the system around it, say.
public enum DriverFiles {
  public static let moduleVersion = "/sys/module/nvidia/version"
  static let procVersion = "/proc/driver/nvidia/version"
  static let gpuFolder = "/proc/driver/nvidia/gpus"
  static let pciFolder = "/sys/bus/pci/devices"
  static let boardModel = "/proc/device-tree/model"
  static let jetsonRelease = "/etc/nv_tegra_release"
  /// NVIDIA's number on the PCI bus.
  static let vendor = "10de"

  /// The digits of a number of the PCI bus, such as `10de` of `0x10de`; nil for another text.
  static func number(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)[...].trimmingSpaces().lowercased()
    guard text.hasPrefix("0x"), UInt32(text.dropFirst(2), radix: 16) != nil else { return nil }
    return String(text.dropFirst(2))
  }

  /// The board in `/proc/device-tree/model`, where it is NVIDIA's: `NVIDIA Jetson AGX Orin Developer Kit`.
  static func tegra(model bytes: [UInt8]) -> String? {
    let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)[...].trimmingSpaces()
    return name.contains("NVIDIA") || name.contains("Jetson") ? name : nil
  }

  /// The release in `/etc/nv_tegra_release` and the line that says so: 36.4.3 of
  /// `# R36 (release), REVISION: 4.3, GCID: …`. Nil for another text.
  static func jetsonLinux(_ bytes: [UInt8]) -> (release: String, line: Substring)? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let line = text.split(whereSeparator: \.isNewline).first,
      let match = line.firstMatch(of: /R(\d+) \(release\), REVISION: ([\d.]+)/)
    else { return nil }
    return ("\(match.1).\(match.2)", line)
  }

  /// The release in `/proc/driver/nvidia/version`:
  /// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023`. Nil for another text.
  public static func release(procVersion bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("NVRM version:") })
    else { return nil }
    return line.split(whereSeparator: \.isWhitespace).first { isRelease($0) }.map(String.init)
  }

  /// The release in `/sys/module/nvidia/version`: `535.54.03`. Nil for another text.
  public static func release(moduleVersion bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)[...].trimmingSpaces()
    return isRelease(text) ? text : nil
  }

  /// The product in `/proc/driver/nvidia/gpus/…/information`: `Model: NVIDIA A100-PCIE-40GB`. Nil where the driver does
  /// not know it.
  public static func model(information bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("Model:") }) else {
      return nil
    }
    let name = line.dropFirst("Model:".count).trimmingSpaces()
    return name.isEmpty || name == "Unknown" ? nil : name
  }

  static func isRelease(_ text: some StringProtocol) -> Bool {
    if case .release? = DriverVersion(text) { true } else { false }
  }
}

extension CUDAVersion {
  /// 12.4 of 12040, as `cuda.h` and the driver's functions write it; nil for what is no version.
  public init?(number: Int) {
    guard number >= 1000, number < 1_000_000 else { return nil }
    self.init(number / 1000, number % 1000 / 10)
  }
}
