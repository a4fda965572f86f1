import Bytes
import Compatibility
import Stack

extension Assessor {
  /// The toolkits with a compiler, that which builds take first: the one that an image names in `CUDA_HOME` or has first in
  /// its `PATH`, else that which `/usr/local/cuda` leads to.
  var compilers: [Toolkit] {
    func rank(_ toolkit: Toolkit) -> Int {
      for image in facts.images {
        if let home = image.environment["CUDA_HOME"] ?? image.environment["CUDA_PATH"] {
          return names(home, toolkit) ? 0 : 3
        }
        let folders = image.environment["PATH"]?.split(separator: ":") ?? []
        if let first = folders.first(where: { folder in
          facts.toolkits.contains { names(String(folder), $0, "bin") }
        }) {
          return names(String(first), toolkit, "bin") ? 1 : 3
        }
      }
      return toolkit.isDefault ? 2 : 3
    }
    return facts.toolkits.filter(\.hasCompiler).enumerated().sorted {
      (rank($0.element), $0.offset) < (rank($1.element), $1.offset)
    }.map(\.element)
  }

  /// Whether an absolute path is that of a toolkit, or of a folder in it; `/usr/local/cuda` is the default one.
  private func names(_ path: String, _ toolkit: Toolkit, _ folder: String? = nil) -> Bool {
    let wanted = Path(path.split(separator: "/").joined(separator: "/"))
    return [toolkit.folder, toolkit.isDefault ? Path("usr/local/cuda") : toolkit.folder].contains { own in
      (folder.map { own.child($0) } ?? own) == wanted
    }
  }

  /// The checks about compiling on the machine, with the toolkit that builds take.
  func toolkitChecks() -> [Check] {
    guard let toolkit = compilers.first else { return [] }
    return devices.indices.map { toolkitGPU(toolkit, $0) }
      + facts.torches.compactMap { toolkitTorch(toolkit, $0) }
      + facts.images.flatMap { architectureList(of: $0) }
  }

  /// Whether the architectures that an image builds extensions for include the devices.
  private func architectureList(of image: ImageConfiguration) -> [Check] {
    guard let text = image.environment["TORCH_CUDA_ARCH_LIST"], let list = ArchitectureList(text) else {
      return []
    }
    return devices.indices.map { index in
      let device = devices[index]
      let runs = list.fit(on: device) > .none
      return Check(
        .toolkitGPU, runs ? .pass : .warn, subject: "TORCH_CUDA_ARCH_LIST", device: index,
        runs
          ? "extensions that are compiled in the image have code for \(gpu: device.label)"
          : "extensions that are compiled in the image have no code for \(gpu: device.label)",
        evidence: image.evidence(of: "TORCH_CUDA_ARCH_LIST"))
    }
  }

  private func toolkitGPU(_ toolkit: Toolkit, _ index: Int) -> Check {
    let device = devices[index]
    func check(_ status: Check.Status, _ summary: Sentence, detail: String? = nil) -> Check {
      Check(
        .toolkitGPU, status, subject: "\(toolkit.folder)", device: index, summary, detail: detail,
        evidence: [toolkit.version?.evidence].compactMap { $0 })
    }
    guard let cuda = toolkit.cuda else {
      return check(.unknown, "the version of the toolkit in \(view.shown(toolkit.folder)) is not known")
    }
    guard let row = tables.architectures[device.computeCapability] else {
      return check(.unknown, "which toolkits compile for \(gpu: device.label) is not known")
    }
    if cuda < row.firstToolkit {
      return check(
        .fail,
        "CUDA \(cuda) in \(view.shown(toolkit.folder)) does not compile for \(gpu: device.label), which needs \(row.firstToolkit) or newer"
      )
    }
    if let last = row.lastToolkit, last < cuda {
      return check(
        .fail,
        "CUDA \(cuda) in \(view.shown(toolkit.folder)) does not compile for \(gpu: device.label) any more",
        detail: "\(last) is the last that does"
      )
    }
    return check(.pass, "CUDA \(cuda) in \(view.shown(toolkit.folder)) compiles for \(gpu: device.label)")
  }

  private func toolkitTorch(_ toolkit: Toolkit, _ torch: TorchInstallation) -> Check? {
    guard let own = toolkit.cuda, let cuda = torch.cuda else { return nil }
    let name = torch.label
    func check(_ status: Check.Status, _ summary: Sentence, detail: String? = nil) -> Check {
      Check(
        .toolkitTorch, status, subject: "\(toolkit.folder)", environment: torch.folder, summary,
        detail: detail,
        evidence: [toolkit.version?.evidence, cuda.evidence].compactMap { $0 })
    }
    if own.major != cuda.value.major {
      return check(
        .fail,
        "extensions of \(name) (CUDA \(cuda.value)) cannot be built with CUDA \(own) in \(view.shown(toolkit.folder))",
        detail: "PyTorch refuses another major version")
    }
    if own != cuda.value {
      return check(
        .warn,
        "extensions of \(name) (CUDA \(cuda.value)) can be built with CUDA \(own) in \(view.shown(toolkit.folder))",
        detail: "PyTorch warns of the other minor version")
    }
    return check(.pass, "CUDA \(own) in \(view.shown(toolkit.folder)) builds extensions of \(name)")
  }
}
