import Archives
import Bytes
public import Compatibility
import DeviceCode
public import Stack

/// For whom facts are gathered, which says how much of the device code has to be read.
public enum FactsFor: Sendable {
  case devices([Device])
  /// For every GPU and driver that there is or will be.
  case everything
}

extension ScanResult {
  /// The facts of every view, after what they need of the device code has been read, on `jobs` threads.
  ///
  /// - Parameters:
  ///   - tables: what is known of NVIDIA's libraries, of generations and of drivers.
  ///   - images: configurations of images that the views are taken from; those of views that are images are known.
  ///   - progress: what counts the files while kernels are read.
  public consuming func facts(
    for purpose: FactsFor, by tables: TableSet, images: [ImageConfiguration] = [], jobs: Int,
    progress: ScanProgress? = nil
  ) -> Facts {
    var result = self
    let viewRoots = result.viewRoots
    let stacks = viewRoots.map { ViewBuilder(result, roots: $0).stack(images: images, by: tables) }
    result.readKernels(
      for: CodeReading(purpose, in: stacks.map(\.facts), by: tables), jobs: jobs, progress: progress)
    if case .everything = purpose { result.readDigests(jobs: jobs, progress: progress) }
    let views = zip(viewRoots, stacks).map { roots, stack in
      ViewBuilder(result, roots: roots).view(stack.facts, problems: stack.problems)
    }
    var counts = result.counts
    // A directory of packages holds nothing else, mostly.
    let isWhole = views.count == 1
    counts.modules = views.reduce(0) { $0 + $1.files.reduce(0) { $0 + $1.unit.moduleCount } }
    return Facts(views: views.filter { isWhole || !$0.isEmpty || !$0.kind.isHostDirectory }, counts: counts)
  }

  /// The roots of every view: wheels that can be installed together are one, everything else is one by itself.
  var viewRoots: [[Int]] {
    let wheels = roots.indices.filter { roots[$0].kind == .wheel }
    let areTogether = wheels.count > 1 && roots.canBeInstalledTogether
    return roots.indices.compactMap { index in
      guard areTogether, roots[index].kind == .wheel else { return [index] }
      return index == wheels[0] ? wheels : nil
    }
  }
}

/// Makes a view of some roots of a scan.
private struct ViewBuilder {
  private let result: ScanResult
  private let roots: Set<Int>
  private let order: [Int]
  /// Where the files of several roots are; empty for one.
  private var places: [Path: FilePlace] = [:]

  init(_ result: ScanResult, roots: [Int]) {
    self.result = result
    self.roots = Set(roots)
    order = roots
    guard roots.count > 1 else { return }
    for place in result.surroundings.files where self.roots.contains(place.root) {
      if places[place.path].map({ place < $0 }) ?? true { places[place.path] = place }
    }
  }

  private func place(of path: Path) -> FilePlace? {
    order.count == 1 ? FilePlace(root: order[0], path: path) : places[path]
  }

  /// The view with what is known of its stack, and the problems that were met on the way there.
  func view(_ stack: StackFacts, problems: [FileProblem]) -> View {
    let root = result.roots[order[0]]
    var view = View(
      kind: root.kind, paths: order.map { result.roots[$0].path },
      label: label, image: root.image.map { View.Image($0) })
    view.linksOutside = order.reduce(0) { $0 + (result.linksOutside[$1] ?? 0) }
    view.files = files(root)
    view.otherFiles = result.recognised.filter { roots.contains($0.place.root) }
      .map { OtherFile(path: $0.place.path, what: $0.what) }
    if order.count > 1 {
      let withCode = Set(result.libraries.flatMap { [$0.place.root] + $0.aliases.map(\.root) })
      view.emptyPackages = order.filter { !withCode.contains($0) }.map { result.roots[$0].path }
    }
    let codePlaces = Set(result.libraries.lazy.map(\.place).filter { self.roots.contains($0.root) })
    view.problems = result.problems.filter { roots.contains($0.place.root) }
      .map { FileProblem(path: $0.place.path, problem: $0.problem) }
    // A file that was found in another view first has its problems there.
    for entry in result.libraries where !codePlaces.contains(entry.place) {
      guard let path = entry.aliases.first(where: { roots.contains($0.root) })?.path else { continue }
      view.problems += entry.file.problems.map { FileProblem(path: path, problem: $0) }
    }
    view.problems += problems.filter { !view.problems.contains($0) }
    view.stack = stack
    if view.stack.isSystem, view.kind == .tar || view.kind == .directory { view.kind = .rootFileSystem }
    view.problems.sortByPath()
    return view
  }

  /// What tells the image from others in its archive.
  private var label: String? {
    let root = result.roots[order[0]]
    let siblings = result.roots.filter { $0.path == root.path && $0.image != nil }
    guard siblings.count > 1, let image = root.image else { return nil }
    let platforms = Set(siblings.compactMap { $0.image?.platform })
    return platforms.count == siblings.count
      ? image.platform.description : image.names.first ?? image.digest ?? "image \(order[0])"
  }

  private func files(_ root: ScanRoot) -> [CodeFile] {
    result.libraries.compactMap { entry in
      let names = ([entry.place] + entry.aliases).filter { roots.contains($0.root) }
      guard let first = names.first else { return nil }
      return CodeFile(
        entry, path: first.path, aliases: names.dropFirst().map(\.path), layer: root.layer(of: first.path))
    }.sorted { $0.path < $1.path }
  }

  /// The facts of the stack, and what could not be read for them.
  func stack(
    images: [ImageConfiguration], by tables: TableSet
  ) -> (facts: StackFacts, problems: [FileProblem]) {
    let root = result.roots[order[0]]
    var images = images
    var problems: [FileProblem] = []
    if let image = root.image, !image.configuration.isEmpty {
      do throws(Problem) {
        for var configuration in try ImageConfiguration.read(image.configuration) {
          if configuration.names.isEmpty { configuration.names = image.names }
          if !images.contains(configuration) { images.append(configuration) }
        }
      } catch {
        problems.append(FileProblem(path: Path(""), problem: error))
      }
    }
    let surroundings = result.surroundings
    let tree = Tree(
      files: surroundings.files.filter { roots.contains($0.root) }.map(\.path),
      links: Dictionary(
        surroundings.links.lazy.filter { roots.contains($0.place.root) }.map { ($0.place.path, $0.target) }
      ) { first, _ in first }
    ) { [self] (path) throws(Problem) in
      guard let place = place(of: path) else { throw Problem(.notFound, Problem.path) }
      return try result.open(place)
    }
    let libraries = surroundings.libraries.filter { roots.contains($0.place.root) }
      .map { entry in
        var library = entry.library
        library.path = entry.place.path
        return library
      }
    let deviceCode = result.libraries.flatMap { [$0.place] + $0.aliases }.filter { roots.contains($0.root) }
    let (facts, found) = FactCollector.facts(
      of: tree, libraries: libraries, deviceCode: deviceCode.map(\.path).sorted(), images: images,
      steps: result.steps, stepLimit: result.limits.atMost(.pathSteps), by: tables)
    return (facts, problems + found)
  }
}

extension CodeFile {
  /// What is told of a library under some of its names.
  init(_ library: ScannedLibrary, path: Path, aliases: [Path] = [], layer: Int? = nil) {
    self.init(
      path: path, aliases: aliases, layer: layer, format: library.file.format, size: library.file.size,
      digest: library.digest, buildID: library.buildID, unit: library.unit, kernels: library.kernels,
      targets: library.targets, imageCount: library.imageCount, problems: library.file.problems,
      readingProblems: library.readingProblems)
  }
}

extension View.Image {
  fileprivate init(_ image: ScanRoot.Image) {
    self.init(
      names: image.names, platform: image.platform.description, digest: image.digest,
      layers: image.layers)
  }
}
