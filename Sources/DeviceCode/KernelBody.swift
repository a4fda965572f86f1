public import Bytes

/// What the machine code of one kernel amounts to: work, or a stand-in that the source code puts where an
/// architecture lacks what the kernel needs.
///
/// Code is a stand-in when it holds no instruction that could write to memory that others see, wait, or run
/// in a circle. Whether a condition stands before a trap is not looked at.
public struct KernelBody: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Does work, or may.
    case code
    /// Ends without effect.
    case empty
    /// Stops with a trap or breakpoint, which makes the launch fail.
    case trap
    /// Prints a text and ends: no error for the host.
    case print
    /// Prints a text and stops with a trap, which makes the launch fail.
    case printAndTrap
    /// Fails an assertion, which makes the launch fail.
    case assertion
    /// Computes or waits in a loop, without effect.
    case idle
    /// The SM number is not known, or the code does not end as compilers end it.
    case unknown

    /// Whether the code stands in for a body.
    public var isStandIn: Bool {
      switch self {
      case .empty, .trap, .print, .printAndTrap, .assertion: true
      case .code, .idle, .unknown: false
      }
    }
  }

  public var kind: Kind
  /// The number of instructions, without the padding at the end; 0 where the kind is unknown.
  public var instructions: Int

  /// Looks at the machine code of a kernel for `target` that calls the external functions `calls`.
  public init(_ code: borrowing ByteView, target: CodeTarget, calls: ExternalCalls) {
    self.init(kind: .unknown, instructions: 0)
    guard let encoding = InstructionEncoding(smNumber: target.number), code.count % encoding.groupSize == 0
    else { return }
    // Compilers end every kernel with a jump to itself, and padding.
    let count = encoding.count(inBytes: code.count)
    var end = count - 1
    while end >= 0, count - end < Self.limit, encoding.instruction(end, of: code) == .padding { end -= 1 }
    guard end >= 0, encoding.instruction(end, of: code) == .jump(encoding.offset(of: end)) else { return }
    instructions = end
    kind = end < Self.limit ? Self.kind(of: code, encoding, end, calls) : .code
  }

  /// Instructions that are looked at: the longest code without effect that was met has 319. Kernels that
  /// share their code cost no square.
  private static let limit = 1024

  /// The kernel `kernel` of the cubin that `bytes` are.
  public init(_ kernel: Kernel, in bytes: ArraySlice<UInt8>, target: CodeTarget) {
    self.init(kind: .unknown, instructions: 0)
    guard kernel.code.upperBound <= UInt64(bytes.count) else { return }
    let start = bytes.startIndex + Int(kernel.code.lowerBound)
    let code = bytes[start..<start + Int(kernel.codeSize)]
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    self.init(unsafe ByteView(code.span.bytes), target: target, calls: kernel.calls)
  }

  public init(kind: Kind, instructions: Int) {
    self.kind = kind
    self.instructions = instructions
  }

  private static func kind(
    of code: borrowing ByteView, _ encoding: InstructionEncoding, _ end: Int, _ calls: ExternalCalls
  ) -> Kind {
    var traps = false
    var callsOut = false
    var loops = false
    var loads = false
    for index in 0..<end {
      let offset = encoding.offset(of: index)
      switch encoding.instruction(index, of: code) {
      case .padding, .quiet: break
      case .load: loads = true
      case .trap: traps = true
      case .externalCall: callsOut = true
      case .jump(let target):
        guard 0..<code.count ~= target else { return .code }
        if target <= offset { loops = true }
      case .call(let target):
        // Functions of the same file lie behind the kernel; the distance to others is not known before they
        // are linked.
        guard target > encoding.offset(of: index + 1), target < code.count else { return .code }
      case .other: return .code
      }
    }
    if callsOut, calls.isEmpty || calls.contains(.other) { return .code }
    // To look at values and to complain about them is work.
    if loads, traps || callsOut { return .code }
    if loops { return .idle }
    if !callsOut { return traps ? .trap : .empty }
    if calls.contains(.assertion) { return .assertion }
    return traps ? .printAndTrap : .print
  }
}

/// The functions of the driver that a kernel calls. The corresponding attribute is `EIATTR_EXTERNS`.
public struct ExternalCalls: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `vprintf`, which `printf` becomes.
  public static let print = Self(rawValue: 1)
  /// `__assertfail`, which a failed `assert` calls.
  public static let assertion = Self(rawValue: 2)
  /// Any other: `malloc`, `free`, launches of kernels.
  public static let other = Self(rawValue: 4)

  init(_ name: some Sequence<UInt8>) {
    self =
      if name.elementsEqual("vprintf".utf8) {
        .print
      } else if name.elementsEqual("__assertfail".utf8) {
        .assertion
      } else {
        .other
      }
  }
}
