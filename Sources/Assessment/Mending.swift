import Bytes
import Compatibility
import DeviceCode
import Stack

extension View {
  /// The facts after a step of a plan, as far as the tables know them.
  func after(_ change: Plan.Step.Change, by tables: TableSet) -> View {
    var view = self
    switch change {
    case .torch(let choice, let environment): view.replaceTorch(choice, in: environment, tables)
    case .compilers(let framework, let toolkit):
      view.stack.replaceCompilers(of: framework, by: toolkit, tables)
    case .distribution(let framework, let name, let toolkit):
      view.stack.replace(framework, by: name, toolkit, tables)
    case .release(let framework, let version):
      view.stack.replace(framework, byRelease: version, tables)
    case .package(let name, let version, let machine, let environment):
      view.replacePackage(name, version: version, machine: machine, in: environment)
    case .libraries(let environment): view.removeMissing(neededIn: environment.child("torch"))
    case .driver: break
    case .variable(let name, let value):
      for index in view.stack.images.indices { view.stack.images[index].environment[name] = value }
    case .image: view.stack.images = []
    }
    return view
  }

  /// Nothing in `folder` lacks a library any more; what others lack stays.
  private mutating func removeMissing(neededIn folder: Path) {
    for index in stack.missing.indices {
      stack.missing[index].neededBy.removeAll { $0.isInside(folder) }
    }
    stack.missing.removeAll(where: \.neededBy.isEmpty)
  }

  /// PyTorch's own files give way to the code of the new build, and the libraries of NVIDIA's that it required to those that
  /// it brings along.
  private mutating func replaceTorch(
    _ choice: TorchChoice, in folder: Path, _ tables: TableSet
  ) {
    let table = tables.pytorch
    guard let index = stack.environments.firstIndex(where: { $0.folder == folder }) else { return }
    let build = table.releases[choice.release].builds[choice.build]
    let old = stack.environments[index].distributions.filter {
      $0.normalizedName.hasPrefix("nvidia-") || $0.normalizedName == "cuda-toolkit"
    }
    let records = Set(old.map(\.metadata))
    let gone = Set(stack.packages.indices.filter { records.contains(stack.packages[$0].record) })
    let evidence = Evidence(path: nil, says: choice.label)
    var torch = TorchInstallation(
      folder: folder, version: Fact("\(choice.version)+\(build.variant)", evidence))
    torch.cuda = Fact(choice.cuda, evidence)
    stack.environments[index].torch = torch
    stack.environments[index].distributions.removeAll { records.contains($0.metadata) }
    stack.environments[index].components.removeAll {
      records.contains($0.path) || $0.path.isInside(folder.child("nvidia"))
        || $0.path.isInside(folder.child("torch"))
    }
    removeMissing(neededIn: folder.child("torch"))
    stack.replaceCompilers(ofTorch: choice.version, choice.cuda, in: folder, tables)
    stack.staticRuntimes.removeAll { $0.path.isInside(folder.child("torch")) }
    files.removeAll { file in
      file.path.isInside(folder.child("torch"))
        || stack.packageIndex(of: file.path).map(gone.contains) ?? false
    }
    var inventory = Inventory()
    inventory.images = choice.targets.images
    inventory.modules = [Module(index: 0, images: 0..<inventory.images.count)]
    files.append(
      CodeFile(path: torch.libraryFolder.child("libtorch_cuda.so"), unit: CodeUnit(inventory)))
    // What is built for PyTorch comes in the fitting version, with code for the same GPUs.
    for companion in ["torchvision", "torchaudio"] {
      guard
        let position = stack.environments[index].distributions.firstIndex(where: {
          $0.normalizedName == companion
        }),
        let version = table.version(of: companion, for: choice.version)
      else { continue }
      stack.environments[index].distributions[position].version = version
      stack.environments[index].frameworks.removeAll { $0.name == companion }
      let record = stack.environments[index].distributions[position].metadata
      for file in files.indices {
        let package = stack.package(of: files[file].path)
        if package?.record == record { files[file].unit = CodeUnit(inventory) }
      }
    }
    files.sort { $0.path < $1.path }
  }
}
