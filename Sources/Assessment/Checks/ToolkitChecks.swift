import Bytes
import Compatibility
import Stack

extension Assessor {
  /// The toolkits with a compiler, that which `/usr/local/cuda` leads to first.
  var compilers: [Toolkit] {
    facts.toolkits.filter(\.hasCompiler).enumerated().sorted {
      ($0.element.isDefault ? 0 : 1, $0.offset) < ($1.element.isDefault ? 0 : 1, $1.offset)
    }.map(\.element)
  }

  /// The checks about compiling on the machine.
  func toolkitChecks() -> [Check] {
    compilers.flatMap { toolkit in
      devices.indices.map { toolkitGPU(toolkit, $0) } + facts.torches.compactMap { toolkitTorch(toolkit, $0) }
    }
  }

  private func toolkitGPU(_ toolkit: Toolkit, _ index: Int) -> Check {
    let device = devices[index]
    func check(_ status: Check.Status, _ summary: String, detail: String? = nil) -> Check {
      Check(
        .toolkitGPU, status, subject: "\(toolkit.folder)", device: index, summary, detail: detail,
        evidence: [toolkit.version?.evidence].compactMap { $0 })
    }
    guard let cuda = toolkit.cuda else {
      return check(.unknown, "the version of the toolkit in \(toolkit.folder) is not known")
    }
    guard let row = ArchitectureTable.shared[device.computeCapability] else {
      return check(.unknown, "which toolkits compile for \(device.label) is not known")
    }
    if cuda < row.firstToolkit {
      return check(
        .fail,
        "CUDA \(cuda) in \(toolkit.folder) does not compile for \(device.label), which needs \(row.firstToolkit) or newer"
      )
    }
    if let last = row.lastToolkit, last < cuda {
      return check(
        .fail,
        "CUDA \(cuda) in \(toolkit.folder) does not compile for \(device.label) any more",
        detail: "\(last) is the last that does"
      )
    }
    return check(.pass, "CUDA \(cuda) in \(toolkit.folder) compiles for \(device.label)")
  }

  private func toolkitTorch(_ toolkit: Toolkit, _ torch: TorchInstallation) -> Check? {
    guard let own = toolkit.cuda, let cuda = torch.cuda else { return nil }
    let name = "PyTorch \(torch.version.value)"
    func check(_ status: Check.Status, _ summary: String, detail: String? = nil) -> Check {
      Check(
        .toolkitTorch, status, subject: "\(toolkit.folder)", environment: torch.folder, summary,
        detail: detail,
        evidence: [toolkit.version?.evidence, cuda.evidence].compactMap { $0 })
    }
    if own.major != cuda.value.major {
      return check(
        .fail,
        "extensions of \(name) (CUDA \(cuda.value)) cannot be built with CUDA \(own) in \(toolkit.folder)",
        detail: "PyTorch refuses another major version")
    }
    if own != cuda.value {
      return check(
        .warn,
        "extensions of \(name) (CUDA \(cuda.value)) can be built with CUDA \(own) in \(toolkit.folder)",
        detail: "PyTorch warns of the other minor version")
    }
    return check(.pass, "CUDA \(own) in \(toolkit.folder) builds extensions of \(name)")
  }
}
