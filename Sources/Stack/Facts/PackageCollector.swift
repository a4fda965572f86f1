import Bytes
import Compatibility

/// Tells which packages own the files with device code.
///
/// Records are long, and most environments have no device code: only the records of those that have some are read.
struct PackageCollector {
  private let conda: [CondaRecord]
  private let debian: [DebianPackage]
  private let debianLists: [Path]
  private let condaIndexes: [Path]
  private let prefixes: Set<Path>

  init(conda: [CondaRecord], debian: [DebianPackage], _ interesting: Interesting) {
    self.conda = conda
    self.debian = debian
    debianLists = interesting.debianLists
    prefixes = Set(conda.map(\.prefix))
    let prefixes = self.prefixes
    // What a prefix keeps in its cache is installed elsewhere in it.
    condaIndexes = interesting.condaIndexes.filter { path in
      let cache = path.parent.parent.parent
      return cache.lastComponent != Path("pkgs") || !prefixes.contains(cache.parent)
    }
  }

  /// Fills in the packages, their environments, which files of `deviceCode` are theirs, and whose the compilers are.
  ///
  /// Where several claim a file Python comes before conda, and conda before Debian: both install Python distributions
  /// with a `.dist-info`, whose name and version are the same wherever the package comes from. One conda package may
  /// hold several distributions.
  func attribute(_ deviceCode: [Path], in facts: inout StackFacts, by collector: inout FactCollector) {
    var owners: [Path: Package] = [:]
    let files = Set(deviceCode + facts.compilers.map(\.path)).sorted()
    python(files, facts.environments, &owners, &collector)
    conda(files.filter { owners[$0] == nil }, &owners, &collector)
    debian(files.filter { owners[$0] == nil }, &owners, &collector)
    for index in facts.compilers.indices {
      facts.compilers[index].package = owners[facts.compilers[index].path]
    }
    let withCode = Set(deviceCode)
    owners = owners.filter { withCode.contains($0.key) }

    facts.packages = Set(owners.values).sorted {
      ($0.environment, $0.ecosystem.rawValue, $0.name, $0.version, $0.record)
        < ($1.environment, $1.ecosystem.rawValue, $1.name, $1.version, $1.record)
    }
    let positions = Dictionary(uniqueKeysWithValues: zip(facts.packages, facts.packages.indices))
    facts.owners = owners.compactMapValues { positions[$0] }
    facts.installed = installed(facts.environments)
  }

  private func installed(_ environments: [PythonEnvironment]) -> [InstalledEnvironment] {
    var kinds: [Path: Package.Ecosystem] = [:]
    for package in debian { kinds[package.root] = .debian }
    for environment in environments { kinds[environment.folder.home(in: prefixes)] = .python }
    for path in condaIndexes { kinds[path.parent.parent] = .conda }
    for prefix in prefixes { kinds[prefix] = .conda }
    return kinds.map { InstalledEnvironment(folder: $0.key, kind: $0.value) }
      .sorted { $0.folder < $1.folder }
  }

  // MARK: Python

  private func python(
    _ files: [Path], _ environments: [PythonEnvironment], _ owners: inout [Path: Package],
    _ collector: inout FactCollector
  ) {
    let inside = FolderIndex(environments.map(\.folder)).grouping(files)
    // What a RECORD has outside of its folder lies below the folder of the environment: `../../../bin/x`.
    let prefixes = environments.map { $0.folder.prefixOfPython }
    let around = Array(Set(prefixes.compactMap { $0 }))
    let enclosed = Set(inside.values.joined())
    let outside = FolderIndex(around).grouping(files.filter { !enclosed.contains($0) })
    let outsideByPrefix = Dictionary(uniqueKeysWithValues: outside.map { (around[$0.key], $0.value) })
    for (index, environment) in environments.enumerated() where !environment.distributions.isEmpty {
      let near =
        (inside[index] ?? [])
        + (prefixes[index].flatMap { outsideByPrefix[$0] } ?? []).filter { owners[$0] == nil }
      if near.isEmpty { continue }
      let found = distributions(of: near, in: environment, &collector)
      for (path, position) in found {
        let distribution = environment.distributions[position]
        owners[path] = Package(
          ecosystem: .python, name: distribution.normalizedName, version: distribution.version,
          record: distribution.metadata, environment: environment.folder.home(in: self.prefixes))
      }
    }
  }

  /// The position of the distribution that each file belongs to, where one can be told.
  private func distributions(
    of files: [Path], in environment: PythonEnvironment, _ collector: inout FactCollector
  ) -> [Path: Int] {
    let folder = environment.folder
    var sought = SoughtPaths()
    var outside = SoughtPaths()
    for path in files {
      if path.isInside(folder) {
        sought.add(path, spelled: path.below(folder))
      } else {
        outside.add(path, spelled: path.bytes[...])
      }
    }
    var found: [Path: Int] = [:]
    var records: [(position: Int, path: Path)] = []
    var withoutRecord: [Int] = []
    for (position, distribution) in environment.distributions.enumerated() {
      let record = distribution.metadata.parent.child("RECORD")
      guard let bytes = collector.contents(of: record), !bytes.isEmpty else {
        withoutRecord.append(position)
        continue
      }
      guard bytes.contains(UInt8(ascii: ",")) else {
        collector.note(
          Problem(.invalidValue, "RECORD", expected: "rows of a path, a hash and a size"), of: record)
        withoutRecord.append(position)
        continue
      }
      records.append((position, record))
      DistributionRecord.forEachPath(in: bytes) { row in
        for path in sought[row] where found[path] == nil { found[path] = position }
        // Scripts and data lie outside of the folder: `../../../bin/x`.
        if !outside.isEmpty, row.starts(with: "../".utf8) {
          for path in outside[folder.resolving(row).bytes[...]] where found[path] == nil {
            found[path] = position
          }
        }
      }
    }
    let rest = files.filter { found[$0] == nil && $0.isInside(folder) }
    if !rest.isEmpty {
      fallBack(rest, in: environment, records, &found, &collector)
      let tops = rest.filter { found[$0] == nil }.compactMap { path in
        path.below(folder).split(separator: UInt8(ascii: "/")).first.map { (path, $0) }
      }
      let owners = owners(of: Set(tops.map(\.1)), among: withoutRecord, in: environment, &collector)
      for (path, top) in tops { found[path] = owners[top] }
    }
    return found
  }

  /// The first of the distributions at `positions` that has each of the names, as its own or in its `top_level.txt`.
  private func owners(
    of names: Set<ArraySlice<UInt8>>, among positions: [Int], in environment: PythonEnvironment,
    _ collector: inout FactCollector
  ) -> [ArraySlice<UInt8>: Int] {
    if names.isEmpty { return [:] }
    let normalized = Dictionary(
      grouping: names, by: { Distribution.normalize(String(decoding: $0, as: UTF8.self)) })
    var owners: [ArraySlice<UInt8>: Int] = [:]
    for position in positions {
      let distribution = environment.distributions[position]
      for name in normalized[distribution.normalizedName] ?? [] where owners[name] == nil {
        owners[name] = position
      }
      let list = collector.contents(of: distribution.metadata.parent.child("top_level.txt")) ?? []
      forEachLine(of: list) { name in
        if names.contains(name), owners[name] == nil { owners[name] = position }
      }
    }
    return owners
  }

  /// Gives files that no RECORD names to the distribution that alone owns files in the innermost folder around them that
  /// anybody owns files in.
  private func fallBack(
    _ files: [Path], in environment: PythonEnvironment, _ records: [(position: Int, path: Path)],
    _ found: inout [Path: Int], _ collector: inout FactCollector
  ) {
    let slash = UInt8(ascii: "/")
    var owners: [ArraySlice<UInt8>: Set<Int>] = [:]
    var tops: Set<ArraySlice<UInt8>> = []
    /// The folders of a path, the innermost first; of very many the outer ones.
    func folders(_ path: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
      path.indices.lazy.filter { path[$0] == slash }.prefix(Self.folderLimit).map { path[..<$0] }.reversed()
    }
    for path in files {
      let folders = folders(path.below(environment.folder))
      for folder in folders { owners[folder] = [] }
      if let top = folders.last { tops.insert(top) }
    }
    for (position, record) in records {
      // Read once more rather than kept: there may be many, and few files need this.
      guard let bytes = collector.contents(of: record) else { continue }
      DistributionRecord.forEachPath(in: bytes) { row in
        guard let end = row.firstIndex(of: slash), tops.contains(row[..<end]) else { return }
        for folder in folders(row) { owners[folder]?.insert(position) }
      }
    }
    for path in files {
      let nearest = folders(path.below(environment.folder)).lazy.compactMap { owners[$0] }
        .first { !$0.isEmpty }
      if let nearest, nearest.count == 1 { found[path] = nearest.first }
    }
  }

  /// Folders in each other that are looked at.
  private static let folderLimit = 32

  // MARK: conda

  private func conda(
    _ files: [Path], _ owners: inout [Path: Package], _ collector: inout FactCollector
  ) {
    let byPrefix = Dictionary(grouping: conda, by: \.prefix).sorted { $0.key < $1.key }
    let own = FolderIndex(byPrefix.map(\.key)).grouping(files)
    for (index, (prefix, records)) in byPrefix.enumerated() {
      guard let own = own[index] else { continue }
      var sought = SoughtPaths()
      for path in own { sought.add(path, spelled: path.below(prefix)) }
      for record in records {
        guard let bytes = collector.contents(of: record.path), CondaRecord.mentions(sought, in: bytes),
          let document = collector.understood(
            record.path, { () throws(Problem) in try CondaRecord.decode(bytes) })
        else { continue }
        for file in document.files ?? [] {
          for path in sought[Array(file.utf8)[...]] where owners[path] == nil {
            owners[path] = Package(
              ecosystem: .conda, name: document.name, version: document.version, record: record.path,
              environment: prefix)
          }
        }
      }
    }
    // A package that is not installed owns all that lies beside its folder `info`.
    let unowned = FolderIndex(condaIndexes.map(\.parent.parent)).grouping(files.filter { owners[$0] == nil })
    for (position, index) in condaIndexes.enumerated() {
      let folder = index.parent.parent
      guard let own = unowned[position], let bytes = collector.contents(of: index),
        let document = collector.understood(index, { () throws(Problem) in try CondaRecord.decode(bytes) })
      else { continue }
      for path in own {
        owners[path] = Package(
          ecosystem: .conda, name: document.name, version: document.version, record: index,
          environment: folder)
      }
    }
  }

  // MARK: Debian

  private func debian(
    _ files: [Path], _ owners: inout [Path: Package], _ collector: inout FactCollector
  ) {
    let byRoot = Dictionary(grouping: debian, by: \.root).sorted { $0.key < $1.key }
    let roots = FolderIndex(byRoot.map(\.key))
    let own = roots.grouping(files)
    let lists = roots.grouping(debianLists)
    for (index, (root, packages)) in byRoot.enumerated() {
      guard let own = own[index] else { continue }
      var sought = SoughtPaths()
      for path in own {
        let below = path.below(root)
        sought.add(path, spelled: below)
        // Where `/lib` is a link to `/usr/lib` packages may still say `/lib`.
        if below.starts(with: "usr/".utf8) { sought.add(path, spelled: below.dropFirst(4)) }
      }
      let versions = Dictionary(packages.map { ($0.name, $0) }) { first, _ in first }
      for list in lists[index] ?? [] {
        guard let package = versions[DebianPackage.name(ofList: list)],
          let bytes = collector.contents(of: list)
        else { continue }
        let isSums = list.name.hasSuffix(".md5sums")
        forEachLine(of: bytes) { line in
          var file = line
          // `HASH  usr/lib/x` in one, `/usr/lib/x` in the other.
          if isSums { file = line.drop { $0 != UInt8(ascii: " ") }.drop { $0 == UInt8(ascii: " ") } }
          if file.first == UInt8(ascii: "/") { file = file.dropFirst() }
          for path in sought[file] where owners[path] == nil {
            owners[path] = Package(
              ecosystem: .debian, name: package.name, version: package.version, record: package.path,
              environment: root)
          }
        }
      }
    }
  }
}

extension FactCollector {
  /// The installed packages in a part of dpkg's database.
  mutating func debianPackages(in status: Path) -> [DebianPackage] {
    guard let bytes = contents(of: status) else { return [] }
    let packages = DebianPackage.packages(status: bytes, at: status)
    if packages.isEmpty, !bytes.isEmpty, !bytes.starts(with: "Package:".utf8) {
      note(Problem(.invalidValue, "dpkg status", expected: "paragraphs with Package and Version"), of: status)
    }
    return packages
  }
}

extension DebianPackage {
  /// The root of the system: the folder that holds `var/lib/dpkg`.
  fileprivate var root: Path {
    var root = path
    while !root.bytes.isEmpty, root.lastComponent != Path("var") { root = root.parent }
    return root.parent
  }
}

extension Path {
  /// `PREFIX` of `PREFIX/lib/python3.12/site-packages`; nil for other folders.
  fileprivate var prefixOfPython: Path? {
    let parts = components
    guard parts.count >= 3, parts[parts.count - 2].starts(with: "python".utf8),
      parts[parts.count - 3].starts(with: "lib".utf8)
    else { return nil }
    return Path(bytes: parts.dropLast(3).joined(separator: [UInt8(ascii: "/")]))
  }

  /// Where this folder of Python distributions belongs: the conda prefix whose Python sees it, or itself.
  func home(in prefixes: Set<Path>) -> Path {
    prefixOfPython.flatMap { prefixes.contains($0) ? $0 : nil } ?? self
  }
}

extension TorchInstallation {
  /// Takes the CUDA version from the conda package where nothing else tells: `pytorch 2.4.1 py3.12_cuda12.4_cudnn9`.
  mutating func complete(by record: CondaRecord?) {
    guard let record, cuda == nil, !isWithoutCUDA, let version = CUDAVersion(condaBuild: record.build)
    else { return }
    cuda = Fact(version, in: record.path, says: "\(record.name) \(record.version) \(record.build)")
  }
}
