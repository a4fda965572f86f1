public import DeviceCode

/// A kernel that was compiled out for some targets: it can be launched there, but the work is not done.
///
/// It has code that works for one target of a library, and for another nothing but a stand-in. Kernels that are
/// empty, or trap, for every target are none: libraries hold many on purpose.
public struct SuspectedStub: Hashable, Sendable {
  /// What a kernel is for one target.
  public struct Evidence: Hashable, Sendable {
    public var target: CodeTarget
    /// Bytes of code, padding at its end included; of several instances those of the largest.
    public var codeSize: UInt64
    /// What the code is; of several instances the one that does most.
    public var body: KernelBody.Kind

    public init(target: CodeTarget, codeSize: UInt64, body: KernelBody.Kind) {
      self.target = target
      self.codeSize = codeSize
      self.body = body
    }
  }

  /// The name as the linker knows it (mangled).
  public var kernel: String
  /// Sorted by target.
  public var targets: [Evidence]

  /// The targets that have a stand-in only.
  public var stubs: [Evidence] { targets.filter(\.body.isStandIn) }

  /// The kernel `kernel` of a library that holds these instances of it, in any order; nil when it is no stub.
  public init?(kernel: String, instances: some Sequence<Evidence>) {
    self.kernel = kernel
    targets = []
    for instance in instances.sorted(by: { $0.target < $1.target }) {
      if let last = targets.last, last.target == instance.target {
        targets[targets.count - 1].codeSize = max(last.codeSize, instance.codeSize)
        targets[targets.count - 1].body = Self.mostWork(last.body, instance.body)
      } else {
        targets.append(instance)
      }
    }
    guard targets.contains(where: { $0.body == .code }), targets.contains(where: \.body.isStandIn) else {
      return nil
    }
  }

  /// One working instance of a kernel is enough, and what is not known may be one.
  private static func mostWork(_ body: KernelBody.Kind, _ other: KernelBody.Kind) -> KernelBody.Kind {
    // From the most work to the least.
    let order: [KernelBody.Kind] = [.code, .unknown, .idle, .printAndTrap, .print, .assertion, .trap]
    return order.first { $0 == body || $0 == other } ?? .empty
  }
}
