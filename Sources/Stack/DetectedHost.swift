public import Compatibility

/// The driver and the GPUs of a machine, as far as they show themselves.
public struct DetectedHost: Hashable, Sendable {
  public struct GPU: Hashable, Sendable {
    /// As the driver prints it.
    public var name: String?
    public var computeCapability: ComputeCapability?

    public init(name: String?, computeCapability: ComputeCapability? = nil) {
      self.name = name
      self.computeCapability = computeCapability
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
    /// The driver shows no GPU.
    case noGPU(driver: String)
    /// The compute capability of a GPU is not known.
    case unknownGPU(name: String)
  }

  /// The driver: its release where that is known, else the CUDA version.
  public var driver: DriverVersion? {
    release.flatMap { DriverVersion($0.value) } ?? cuda.map { .cuda($0) }
  }

  /// Every GPU with the driver, for judging.
  ///
  /// - Throws: ``Failure`` when there is no driver or no GPU, or when a GPU is of an unknown kind.
  public func devices(by tables: TableSet) throws(Failure) -> [Device] {
    guard let driver else { throw .noDriver(tried: []) }
    guard !gpus.isEmpty else { throw .noGPU(driver: "\(driver)") }
    var devices: [Device] = []
    for gpu in gpus {
      let match = gpu.name.flatMap { try? GPUCatalogue.resolve($0, in: tables) }
      guard let computeCapability = gpu.computeCapability ?? match?.computeCapability else {
        throw .unknownGPU(name: gpu.name ?? "without a name")
      }
      devices.append(Device(computeCapability, name: gpu.name, driver: driver, tables: tables))
    }
    return devices
  }
}

extension DetectedHost.Failure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noDriver(let tried):
      "there is no NVIDIA driver on this machine"
        + (tried.isEmpty ? "" : ": \(tried.joined(separator: "; "))")
    case .noGPU(let driver): "the NVIDIA driver \(driver) shows no GPU"
    case .unknownGPU(let name): "the compute capability of the GPU \(name) is not known"
    }
  }
}

/// What the files of the NVIDIA kernel module say.
public enum DriverFiles {
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

  private static func isRelease(_ text: some StringProtocol) -> Bool {
    if case .release? = DriverVersion(text) { true } else { false }
  }
}

extension CUDAVersion {
  /// 12.4 of 12040, as the driver's functions return it; nil for what is no version.
  public init?(number: Int) {
    guard number >= 1000, number < 1_000_000 else { return nil }
    self.init(number / 1000, number % 1000 / 10)
  }
}
