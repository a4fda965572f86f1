import Compatibility
import DeviceCode
import Stack

/// The device code that a framework has made for a GPU when it runs.
struct MadeCode: Hashable {
  var image: ImageSignature
  /// The toolkit of the compiler that made it; nil where nobody knows, as for LLVM.
  var cuda: CUDAVersion?
  /// The last of the compilers.
  var compiler: RuntimeCompiler

  var isPTX: Bool { image.kind == .ptx }

  init(_ target: CodeTarget, isPTX: Bool, isa: PTXISAVersion?, by compiler: RuntimeCompiler) {
    image = ImageSignature(
      DeviceImage(kind: isPTX ? .ptx : .cubin, target: target, ptxISA: isPTX ? isa : nil))
    cuda = compiler.cuda
    self.compiler = compiler
  }

  /// Why the driver of a device does not load it; nil where it does, and where nothing tells.
  ///
  /// A cubin needs a driver of the compiler's major version of CUDA, or a newer one: NVIDIA, CUDA compatibility,
  /// minor-version compatibility. A GPU that the driver does not support at all is not told here.
  func failure(on device: Device) -> CompilationFailure? {
    let judgement = Rule.judge(image, on: device)
    switch judgement.reason {
    case .ptxISANewerThanDriver?: return .ptxNewerThanDriver(self)
    case .gpuUnknownToDriver?: return nil
    case let reason?: return .otherGPU(self, reason)
    case nil: break
    }
    guard !isPTX, let driver = device.knownDriver, let minimum = cuda?.minimumDriver(by: device.tables),
      driver.isAtLeast(minimum, by: device.tables) == false
    else { return nil }
    return .cubinNewerThanDriver(self, minimum: minimum)
  }
}

/// Why a framework that compiles at run time has no code for a GPU.
enum CompilationFailure: Hashable {
  /// The compilers, in the order of their steps, that do not know what they are asked for.
  case unknownTarget([Unknown])
  /// The GPU does not run what is made instead of code for itself.
  case otherGPU(MadeCode, ExclusionReason)
  case cubinNewerThanDriver(MadeCode, minimum: DriverVersion)
  case ptxNewerThanDriver(MadeCode)
  /// The assembler does not read the version of PTX that the compiler before it writes.
  case ptxNewerThanAssembler(compiler: RuntimeCompiler, assembler: RuntimeCompiler)
  /// The framework does not work with the compiler: with one of `oldest` to `newest` it would.
  case otherToolkit(RuntimeCompiler, oldest: CUDAVersion?, newest: CUDAVersion?)
  /// NVRTC does not find its library of built-in functions.
  case builtins(RuntimeCompiler)
  /// There is no compiler for the step with this index.
  case noCompiler(step: Int)
  /// There is none for the step with this index, and no toolkit would help; or none of the major version that it loads, where
  /// that is given.
  case noToolkit(step: Int, major: Int?)
  /// Another framework makes the code, and has none.
  indirect case used(RuntimeFramework, CompilationFailure)

  /// A compiler that does not know a target.
  struct Unknown: Hashable {
    var compiler: RuntimeCompiler
    var target: CodeTarget
  }

  /// Whether a newer driver is all that it takes.
  var isByDriver: Bool {
    switch self {
    case .cubinNewerThanDriver, .ptxNewerThanDriver: true
    case .used(_, let failure): failure.isByDriver
    default: false
    }
  }
}
