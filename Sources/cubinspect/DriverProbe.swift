import Bytes
import Compatibility
import Glibc
import Stack

/// Asks this machine for its driver and its GPUs: the driver's libraries, loaded at run time, and the files of its
/// kernel module.
enum DriverProbe {
  /// What the machine shows.
  ///
  /// - Throws: ``DetectedHost/Failure/noDriver(tried:)`` where nothing shows a driver.
  static func host() throws(DetectedHost.Failure) -> DetectedHost {
    var host = managementLibrary() ?? driverLibrary() ?? DetectedHost()
    let files = kernelModule()
    if host.release == nil { host.release = files.release }
    if host.gpus.isEmpty { host.gpus = files.gpus }
    guard host.driver != nil else {
      throw .noDriver(tried: [
        "\(managementName) and \(driverName) cannot be loaded or do not start",
        "\(moduleVersion) does not exist",
      ])
    }
    return host
  }

  private static let managementName = "libnvidia-ml.so.1"
  private static let driverName = "libcuda.so.1"
  private static let procFolder = "/proc/driver/nvidia"
  private static let moduleVersion = "/sys/module/nvidia/version"
  /// More GPUs than any machine has.
  private static let gpuLimit: UInt32 = 1024

  // MARK: Libraries

  private typealias Handle = OpaquePointer
  private typealias Call = @convention(c) () -> CInt
  private typealias CountCall = @convention(c) (UnsafeMutablePointer<UInt32>) -> CInt
  private typealias NumberCall = @convention(c) (UnsafeMutablePointer<CInt>) -> CInt
  private typealias TextCall = @convention(c) (UnsafeMutablePointer<CChar>, UInt32) -> CInt

  /// NVML, which knows most and touches no GPU.
  private static func managementLibrary() -> DetectedHost? {
    guard let library = DynamicLibrary(managementName),
      let start = unsafe library.function("nvmlInit_v2", as: Call.self), start() == 0
    else { return nil }
    defer { if let stop = unsafe library.function("nvmlShutdown", as: Call.self) { _ = stop() } }
    var host = DetectedHost()
    if let call = unsafe library.function("nvmlSystemGetDriverVersion", as: TextCall.self),
      let release = unsafe text({ unsafe call($0, $1) })
    {
      host.release = Fact(release, Evidence(path: Path(managementName), says: "driver \(release)"))
    }
    if let call = unsafe library.function("nvmlSystemGetCudaDriverVersion", as: NumberCall.self) {
      var number: CInt = 0
      if unsafe call(&number) == 0 { host.cuda = CUDAVersion(number: Int(number)) }
    }
    typealias Open = @convention(c) (UInt32, UnsafeMutablePointer<Handle?>) -> CInt
    typealias Name = @convention(c) (Handle, UnsafeMutablePointer<CChar>, UInt32) -> CInt
    typealias Capability =
      @convention(c) (Handle, UnsafeMutablePointer<CInt>, UnsafeMutablePointer<CInt>) -> CInt
    guard let count = unsafe library.function("nvmlDeviceGetCount_v2", as: CountCall.self),
      let open = unsafe library.function("nvmlDeviceGetHandleByIndex_v2", as: Open.self),
      let name = unsafe library.function("nvmlDeviceGetName", as: Name.self)
    else { return host }
    let capability = unsafe library.function("nvmlDeviceGetCudaComputeCapability", as: Capability.self)
    var total: UInt32 = 0
    guard unsafe count(&total) == 0 else { return host }
    for index in 0..<min(total, gpuLimit) {
      var handle: Handle?
      guard unsafe open(index, &handle) == 0, let handle = unsafe handle else { continue }
      var gpu = DetectedHost.GPU(name: unsafe text { unsafe name(handle, $0, $1) })
      var major: CInt = 0
      var minor: CInt = 0
      if let capability = unsafe capability, unsafe capability(handle, &major, &minor) == 0 {
        gpu.computeCapability = ComputeCapability(Int(major), Int(minor))
      }
      host.gpus.append(gpu)
    }
    return host
  }

  /// The driver's own library, for machines without NVML.
  private static func driverLibrary() -> DetectedHost? {
    typealias Start = @convention(c) (UInt32) -> CInt
    guard let library = DynamicLibrary(driverName) else { return nil }
    var host = DetectedHost()
    if let call = unsafe library.function("cuDriverGetVersion", as: NumberCall.self) {
      var number: CInt = 0
      if unsafe call(&number) == 0 { host.cuda = CUDAVersion(number: Int(number)) }
    }
    typealias Open = @convention(c) (UnsafeMutablePointer<CInt>, CInt) -> CInt
    typealias Name = @convention(c) (UnsafeMutablePointer<CChar>, CInt, CInt) -> CInt
    typealias Attribute = @convention(c) (UnsafeMutablePointer<CInt>, CInt, CInt) -> CInt
    guard let start = unsafe library.function("cuInit", as: Start.self), start(0) == 0,
      let count = unsafe library.function("cuDeviceGetCount", as: NumberCall.self),
      let open = unsafe library.function("cuDeviceGet", as: Open.self),
      let name = unsafe library.function("cuDeviceGetName", as: Name.self),
      let attribute = unsafe library.function("cuDeviceGetAttribute", as: Attribute.self)
    else { return host }
    // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and …_MINOR of cuda.h.
    let (majorAttribute, minorAttribute): (CInt, CInt) = (75, 76)
    var total: CInt = 0
    guard unsafe count(&total) == 0 else { return host }
    for index in 0..<max(0, min(total, CInt(gpuLimit))) {
      var device: CInt = 0
      guard unsafe open(&device, index) == 0 else { continue }
      var gpu = DetectedHost.GPU(name: unsafe text { unsafe name($0, CInt($1), device) })
      var major: CInt = 0
      var minor: CInt = 0
      if unsafe attribute(&major, majorAttribute, device) == 0,
        unsafe attribute(&minor, minorAttribute, device) == 0
      {
        gpu.computeCapability = ComputeCapability(Int(major), Int(minor))
      }
      host.gpus.append(gpu)
    }
    return host
  }

  /// What a function writes into a buffer; nil where it fails.
  private static func text(_ call: (UnsafeMutablePointer<CChar>, UInt32) -> CInt) -> String? {
    var buffer = [CChar](repeating: 0, count: 256)
    let result = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
      unsafe bytes.baseAddress.map { unsafe call($0, UInt32(bytes.count - 1)) }
    }
    guard result == 0 else { return nil }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.isEmpty ? nil : text
  }

  // MARK: Files

  /// Bytes of a file of the kernel module.
  private static let limit = 1 << 16

  private static func kernelModule() -> DetectedHost {
    var host = DetectedHost()
    for (name, read) in [
      (moduleVersion, DriverFiles.release(moduleVersion:)),
      ("\(procFolder)/version", DriverFiles.release(procVersion:)),
    ] where host.release == nil {
      if let release = (try? readAll(Path(name), limit: limit)).flatMap(read) {
        host.release = Fact(release, in: Path(name), says: "driver \(release)")
      }
    }
    let folder = Path("\(procFolder)/gpus")
    var names: [Path] = []
    if let directory = try? Directory(in: Folder(folder)) {
      while let entry = try? directory.next() { names.append(folder.appending(entry.name)) }
    }
    for name in names.sorted() {
      guard let bytes = try? readAll(name.appending("information".utf8), limit: limit) else { continue }
      host.gpus.append(.init(name: DriverFiles.model(information: bytes)))
    }
    return host
  }
}

/// A shared library that is loaded while the program runs. It stays loaded.
@safe private struct DynamicLibrary {
  private let handle: UnsafeMutableRawPointer

  init?(_ name: String) {
    guard let handle = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { return nil }
    unsafe self.handle = handle
  }

  /// A function of the library; nil where it has none of that name.
  ///
  /// `type` must be the type that the function has in C.
  @unsafe func function<Function>(_ name: String, as type: Function.Type) -> Function? {
    unsafe dlsym(handle, name).map { unsafe unsafeBitCast($0, to: type) }
  }
}

/// The contents of a file of any kind: those of the kernel have no size, and pipes end somewhere.
///
/// - Throws: a ``Problem`` when it cannot be read, or is longer than `limit` bytes.
func readAll(_ path: Path, limit: Int) throws(Problem) -> [UInt8] {
  let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
  guard descriptor >= 0 else { throw Problem.opening(errno) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      throw Problem(.unreadable, "file", observed: errorText(errno))
    }
    if count == 0 { return bytes }
    guard bytes.count + count <= limit else {
      throw Problem(.limitExceeded, "file", observed: "more than \(limit) bytes")
    }
    bytes += buffer[..<count]
  }
}
