public import DeviceCode

/// A kernel of one cubin, as the search for stubs sees it.
public struct KernelInstance: Hashable, Sendable {
  /// The name as the linker knows it (mangled).
  public var name: String
  public var target: CodeTarget
  /// Bytes of code, padding at its end included.
  public var codeSize: UInt64
  public var body: KernelBody.Kind

  public init(name: String, target: CodeTarget, codeSize: UInt64, body: KernelBody.Kind) {
    self.name = name
    self.target = target
    self.codeSize = codeSize
    self.body = body
  }
}

/// A kernel that was compiled out for some targets: it can be launched there, but the work is not done.
///
/// It has code that works for one target of a library, and for another nothing but a stand-in. Kernels that
/// are empty, or trap, for every target are none: libraries hold many on purpose.
public struct SuspectedStub: Hashable, Sendable {
  /// A target that has the kernel.
  public struct Evidence: Hashable, Sendable {
    public var target: CodeTarget
    /// Of the largest instance.
    public var codeSize: UInt64
    /// What the code is; of several instances the one that does most.
    public var body: KernelBody.Kind
  }

  /// The name as the linker knows it (mangled).
  public var kernel: String
  /// Sorted by target.
  public var targets: [Evidence]

  /// The targets that have a stand-in only.
  public var stubs: [Evidence] { targets.filter(\.body.isStandIn) }

  /// The suspected stubs among the kernels of a library, sorted by name.
  public static func find(in kernels: some Sequence<KernelInstance>) -> [SuspectedStub] {
    var instances: [String: [CodeTarget: Evidence]] = [:]
    for kernel in kernels {
      let seen = instances[kernel.name]?[kernel.target]
      instances[kernel.name, default: [:]][kernel.target] = Evidence(
        target: kernel.target, codeSize: max(kernel.codeSize, seen?.codeSize ?? 0),
        body: mostWork(kernel.body, seen?.body))
    }
    return instances.compactMap { name, targets in
      let bodies = targets.values.map(\.body)
      return bodies.contains(.code) && bodies.contains(where: \.isStandIn)
        ? SuspectedStub(kernel: name, targets: targets.values.sorted { $0.target < $1.target }) : nil
    }
    .sorted { $0.kernel < $1.kernel }
  }

  /// One working instance of a kernel is enough, and what is not known may be one.
  private static func mostWork(_ body: KernelBody.Kind, _ other: KernelBody.Kind?) -> KernelBody.Kind {
    guard let other else { return body }
    // From the most work to the least.
    let order: [KernelBody.Kind] = [.code, .unknown, .idle, .printAndTrap, .print, .assertion, .trap]
    return order.first { $0 == body || $0 == other } ?? .empty
  }
}
