/// One kernel of a cubin: a function that the host can launch, and the resources that it takes.
///
/// The numbers are those that `cuobjdump -res-usage` prints.
public struct Kernel: Hashable, Sendable {
  /// The name as the linker knows it (mangled).
  public var name: String
  /// Registers of 32 bits per thread; nil where the cubin does not say. The corresponding attribute is
  /// `EIATTR_REGCOUNT`.
  public var registers: UInt32?
  /// Bytes of stack per thread, as far as the compiler knows it. The corresponding attribute is
  /// `EIATTR_MIN_STACK_SIZE`, before it existed `EIATTR_FRAME_SIZE`.
  public var stackSize: UInt32?
  /// Bytes of local memory per thread. The corresponding section is `.nv.local.<name>`.
  public var localMemory: UInt64 = 0
  /// Bytes of static shared memory per block. The corresponding section is `.nv.shared.<name>`.
  public var sharedMemory: UInt64 = 0
  /// Bytes of constant bank 0, parameters included. The corresponding section is `.nv.constant0.<name>`.
  public var constantBank0: UInt64 = 0
  /// Bytes of parameters; nil where the cubin does not say. The corresponding attribute is
  /// `EIATTR_CBANK_PARAM_SIZE`.
  public var parameterBytes: UInt32?
  /// The functions of the driver that it calls.
  public var calls: ExternalCalls = []
  /// Where its code lies in the cubin: bytes from the cubin's start.
  public var code: Range<UInt64>

  /// Bytes of code, padding at its end included.
  public var codeSize: UInt64 { code.upperBound - code.lowerBound }

  public init(name: String, code: Range<UInt64> = 0..<0) {
    self.name = name
    self.code = code
  }
}
