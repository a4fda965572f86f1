import Archives
import Bytes
import Compatibility
import DeviceCode
import Stack
import Synchronization

extension Walk {
  /// Puts everything into an order that does not depend on which thread was first.
  ///
  /// - Parameter steps: names that may be looked up to follow links.
  func result(jobs: Int, limits: ArchiveLimits, steps: Budget) -> ScanResult {
    let state = self.state.withLock { $0 }
    var result = ScanResult(roots: roots, problems: state.problems, counts: state.counts)
    result.limits = limits
    result.steps = steps
    var identities: [FilePlace: Identity] = [:]
    for (identity, entry) in state.files {
      for place in entry.places { identities[place] = identity }
    }
    var aliases: [Identity: [FilePlace]] = [:]
    // In an order that tells which links are followed where the steps do not suffice for all.
    let links = state.surroundings.links.sorted { $0.place < $1.place }
    var resolver = LinkResolver(roots, links: links, steps: steps)
    var unresolved: Set<Int> = []
    var missed: [Int: [Path]] = [:]
    for (place, _) in links {
      switch resolver.destination(of: place) {
      case .inside(let destination):
        if let identity = identities[destination] { aliases[identity, default: []].append(place) }
      case .outside(let destination):
        result.linksOutside[place.root, default: 0] += 1
        if Self.mayBeMissed(place, destination), !resolver.leadsBack(destination) {
          missed[place.root, default: []].append(destination)
        }
      case .nowhere: break
      case nil:
        guard unresolved.insert(place.root).inserted else { continue }
        result.problems.append(
          PlacedProblem(
            place: FilePlace(root: place.root, path: Path("")),
            problem: Problem(.limitExceeded, "symbolic links", expected: limits.atMost(.pathSteps))))
      }
    }
    for (root, destinations) in missed {
      result.problems.append(
        PlacedProblem(place: FilePlace(root: root, path: Path("")), problem: .linksOutside(to: destinations)))
    }
    var found: [ScannedLibrary] = []
    for (identity, entry) in state.files {
      guard let contents = entry.contents else { continue }
      let places = entry.places.sorted()
      let others = (places.dropFirst() + (aliases[identity] ?? [])).sorted()
      found.append(ScannedLibrary(contents, place: places[0], aliases: others))
      if var host = contents.host {
        for place in places {
          host.path = place.path
          result.surroundings.libraries.append((place, host))
        }
      }
    }
    result.counts.linksOutside = result.linksOutside.values.reduce(0, +)
    result.surroundings.files = state.surroundings.files
    result.surroundings.links = state.surroundings.links
    found.sort { $0.place < $1.place }
    for library in found {
      let (place, file) = (library.place, library.file)
      result.problems += file.problems.map { PlacedProblem(place: place, problem: $0) }
      if case .unsupported(let what) = file.format {
        result.recognised.append(RecognisedFile(place: place, what: what))
      }
      for what in file.foreignDeviceCode {
        result.recognised.append(RecognisedFile(place: place, what: "device code for \(what)"))
      }
      if file.format == .elf { result.counts.elfFiles += 1 }
      if library.hasCode { result.libraries.append(library) }
    }
    progress?.begin(.comparing)
    result.mergeIdentical(jobs: jobs, progress: progress)
    result.problems.sortByPlace()
    result.counts.librariesWithDeviceCode = result.libraries.count
    result.counts.modules = result.libraries.reduce(0) { $0 + $1.unit.moduleCount }
    result.counts.images = result.libraries.reduce(0) { $0 + $1.imageCount }
    return result
  }

  /// Whether something is missed because the link at `place` is not followed: it leads to a folder, or to a file that facts
  /// depend on or that may hold device code by its name. Where it leads is asked for its kind, and not opened.
  private static func mayBeMissed(_ place: FilePlace, _ destination: Path) -> Bool {
    switch try? FileKind.of(destination) {
    case .directory: true
    case .regular, nil:
      Tree.needs(place.path) || UnreadFile.mayHoldCode(place.path.name)
        || UnreadFile.mayHoldCode(destination.lastComponent.bytes[...])
    default: false
    }
  }
}

extension ScannedLibrary {
  fileprivate init(_ contents: Walk.Contents, place: FilePlace, aliases: [FilePlace]) {
    self.init(place: place, aliases: aliases, file: contents.file, unit: contents.unit)
    ends = contents.ends
    buildID = contents.buildID
    zippedTargets = contents.zippedTargets
    guard let recorded = contents.recorded else { return }
    self.recorded = recorded
    kernels = recorded.kernels
    readingProblems = recorded.readingProblems
    digest = recorded.digest
  }

  fileprivate var hasCode: Bool { recorded != nil || !file.inventory.modules.isEmpty }
}

extension Problem {
  /// Symbolic links lead out of what was named, and were not followed.
  fileprivate static func linksOutside(to destinations: [Path]) -> Problem {
    var shared = destinations[0].components
    for destination in destinations.dropFirst() {
      let equal = zip(shared, destination.components).prefix { $0 == $1 }.count
      shared.removeLast(shared.count - equal)
    }
    let folder = Path(bytes: [UInt8(ascii: "/")] + shared.joined(separator: [UInt8(ascii: "/")]))
    var count = destinations.count == 1 ? "1 that leads to" : "\(destinations.count) that lead into"
    if shared.isEmpty { count += " \(destinations[0].parent) and other folders of" }
    let option = shared.isEmpty ? "DIR" : "\(destinations.count == 1 ? folder.parent : folder)"
    return Problem(
      .outOfBounds, "symbolic links",
      expected: "none that lead outside (--follow-links \(option) reads what they lead to)",
      observed: "\(count) \(folder)")
  }
}
