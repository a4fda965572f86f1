import Archives
import Bytes
import DeviceCode
import Stack
import Synchronization

extension Walk {
  /// Puts everything into an order that does not depend on which thread was first.
  func result(jobs: Int) -> ScanResult {
    let state = self.state.withLock { $0 }
    var result = ScanResult(roots: roots, problems: state.problems, counts: state.counts)
    var identities: [FilePlace: Identity] = [:]
    for (identity, entry) in state.files {
      for place in entry.places { identities[place] = identity }
    }
    var aliases: [Identity: [FilePlace]] = [:]
    let resolver = LinkResolver(roots, links: state.surroundings.links)
    for (place, _) in state.surroundings.links {
      switch resolver.destination(of: place) {
      case .inside(let destination):
        if let identity = identities[destination] { aliases[identity, default: []].append(place) }
      case .outside: result.linksOutside[place.root, default: 0] += 1
      case .nowhere: break
      }
    }
    var found: [ScannedLibrary] = []
    for (identity, entry) in state.files {
      guard let (file, unit, host, ends) = entry.contents else { continue }
      let places = entry.places.sorted()
      let others = (places.dropFirst() + (aliases[identity] ?? [])).sorted()
      var scanned = ScannedLibrary(place: places[0], aliases: others, file: file, unit: unit)
      scanned.ends = ends
      found.append(scanned)
      if var host {
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
      if !file.inventory.modules.isEmpty {
        result.libraries.append(library)
      }
    }
    progress?.begin(.comparing)
    result.mergeIdentical(jobs: jobs, progress: progress)
    result.problems.sortByPlace()
    result.counts.librariesWithDeviceCode = result.libraries.count
    result.counts.modules = result.libraries.reduce(0) { $0 + $1.file.inventory.modules.count }
    result.counts.images = result.libraries.reduce(0) { $0 + $1.file.inventory.images.count }
    return result
  }
}
