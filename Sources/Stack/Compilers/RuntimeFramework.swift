public import Bytes
import Compatibility

/// A package that compiles device code when it runs, and the compilers that it finds. For which GPU it asks for what is
/// in the ``RuntimeTable``.
public struct RuntimeFramework: Hashable, Sendable, Codable {
  /// The name of its row in the table: `Triton`.
  public var name: String
  /// The name of the distribution in normal form.
  public var distribution: String
  public var version: String
  /// Where that stands.
  public var metadata: Path
  /// The folder of its environment.
  public var environment: Path
  /// One for each step of the row, in their order.
  public var searches: [CompilerSearch]

  public init(
    name: String, distribution: String, version: String, metadata: Path, environment: Path,
    searches: [CompilerSearch]
  ) {
    self.name = name
    self.distribution = distribution
    self.version = version
    self.metadata = metadata
    self.environment = environment
    self.searches = searches
  }
}

/// Where a step of a framework looks for its compiler, and what is there.
public struct CompilerSearch: Hashable, Sendable, Codable {
  /// Any of these will do.
  public var compilers: [RuntimeCompiler.Kind]
  /// The name of the program, where there are several of a kind: `ptxas-blackwell`.
  public var tool: String?
  /// In the order in which the framework looks.
  public var tries: [Try]

  /// One place and what is there.
  public struct Try: Hashable, Sendable, Codable {
    public enum Outcome: String, Hashable, Sendable, Codable {
      /// There are ``compilers``.
      case found
      /// There is none.
      case absent
      /// The image does not set the variable.
      case unset
      /// It lies outside of what was scanned, or depends on a variable, and no image tells its environment.
      case unknown
    }

    public var place: RuntimeTable.Place
    public var outcome: Outcome
    /// The value of the variable or of the flag, where it is set.
    public var value: String?
    /// Indices in ``StackFacts/compilers``, by path; several where the place does not tell which of them it is.
    public var compilers: [Int]

    /// What there is after a change to the facts.
    public init(_ place: RuntimeTable.Place, found compilers: [Int]) {
      self.init(place: place, outcome: .found, value: nil, compilers: compilers)
    }

    init(place: RuntimeTable.Place, outcome: Outcome, value: String?, compilers: [Int]) {
      self.place = place
      self.outcome = outcome
      self.value = value
      self.compilers = compilers
    }
  }

  public init(compilers: [RuntimeCompiler.Kind], tool: String?, tries: [Try]) {
    self.compilers = compilers
    self.tool = tool
    self.tries = tries
  }

  /// What the framework takes as far as is known: the compilers at the first place that has any.
  public var found: [Int] { tries.first { $0.outcome == .found }?.compilers ?? [] }

  /// The places before that which nothing is known of: what is there is taken instead.
  public var unknownBefore: [Try] {
    tries.prefix { $0.outcome != .found }.filter { $0.outcome == .unknown }
  }
}

/// Looks for compilers as frameworks do.
struct CompilerFinder {
  let compilers: [RuntimeCompiler]
  private let byPath: [Path: [Int]]
  private let byFolder: [Path: [Int]]
  /// By the folder of the innermost environment around each, or its prefix; nil for those outside of all.
  private let byHome: [Path?: [Int]]
  private var resolver: LibraryResolver
  private let images: [ImageConfiguration]
  /// What is missing under the root is missing indeed.
  private let isSystem: Bool

  /// - Parameter homes: the folders of all environments, or the prefixes that they are a part of.
  init(
    _ compilers: [RuntimeCompiler], _ resolver: LibraryResolver, images: [ImageConfiguration], isSystem: Bool,
    homes: [Path]
  ) {
    self.compilers = compilers
    self.resolver = resolver
    self.images = images
    self.isSystem = isSystem
    byPath = Dictionary(grouping: compilers.indices) { compilers[$0].path }
    byFolder = Dictionary(grouping: compilers.indices) { compilers[$0].path.parent }
    let folders = FolderIndex(homes)
    byHome = Dictionary(grouping: compilers.indices) { index in
      folders.innermost(around: compilers[index].path).map { homes[$0] }
    }
  }

  /// What a framework finds for a step.
  ///
  /// - Parameters:
  ///   - folder: that of its environment.
  ///   - home: the prefix that `folder` belongs to, or itself.
  ///   - cudaMajor: the major version of CUDA that the framework is for, which is in the name of every library that it
  ///     loads; nil where nothing tells.
  mutating func search(_ step: RuntimeTable.Step, folder: Path, home: Path, cudaMajor: Int?) -> CompilerSearch
  {
    CompilerSearch(
      compilers: step.compilers, tool: step.tool,
      tries: step.places.map { place in
        var found: [Int] = []
        var value: String?
        var nothing = CompilerSearch.Try.Outcome.absent
        switch place.kind {
        case .package: found = compilers(at: folder.child(place.file ?? ""))
        case .environment: found = byHome[home] ?? []
        case .path:
          found = compilers(at: Path(place.file ?? ""))
          nothing = isSystem ? .absent : .unknown
        case .loader:
          found = byHome[home] ?? []
          if fitting(found, step, cudaMajor).isEmpty { found = byHome[nil] ?? [] }
          nothing = isSystem ? .absent : .unknown
        case .program:
          found = programs(place.file ?? "", home)
          nothing = images.isEmpty ? .unknown : .absent
        case .variable, .flag:
          value =
            place.kind == .flag ? flag(place.name ?? "") : variable(place.name ?? "")
          if let value {
            found = compilers(at: root(value, place.file))
            nothing = isSystem ? .absent : .unknown
          } else {
            nothing = images.isEmpty ? .unknown : .unset
          }
        }
        let fitting = fitting(found, step, cudaMajor)
        return CompilerSearch.Try(
          place: place, outcome: fitting.isEmpty ? nothing : .found, value: value, compilers: fitting)
      })
  }

  /// More compilers at one place are left out: nothing tells which of them is taken.
  private static let compilerLimit = 32

  private func fitting(_ found: [Int], _ step: RuntimeTable.Step, _ cudaMajor: Int?) -> [Int] {
    let fitting = found.lazy.filter { index in
      let compiler = compilers[index]
      guard step.compilers.contains(compiler.kind) else { return false }
      switch compiler.kind {
      case .nvrtc, .nvJitLink:
        // `libnvrtc.alt.so.12` is loaded by nobody who does not name it.
        return LibraryName(compiler.path.lastComponent.text)?.stem.hasSuffix(".alt") != true
          && (cudaMajor == nil || compiler.cuda == nil || compiler.cuda?.major == cudaMajor)
      case .ptxas, .nvcc, .nvvm, .llvm, .linked: return true
      }
    }
    return Array(fitting.prefix(Self.compilerLimit))
  }

  /// The compiler that is `path`, or those in the folder that it is.
  private mutating func compilers(at path: Path) -> [Int] {
    guard let end = resolver.destination(of: path) else { return [] }
    return byPath[end] ?? byFolder[end] ?? []
  }

  private mutating func programs(_ name: String, _ home: Path) -> [Int] {
    let folders =
      variable("PATH")?.split(separator: ":").map { root(String($0), nil) }
      ?? [home.child("bin"), Path("usr/local/bin"), Path("usr/bin"), Path("bin")]
    for folder in folders.prefix(Self.pathLimit) {
      let found = compilers(at: folder.child(name))
      if !found.isEmpty { return found }
    }
    return []
  }

  /// Folders of `PATH` that are looked at.
  private static let pathLimit = 256

  /// `value`, which is a path of the system, from the root.
  private func root(_ value: String, _ file: String?) -> Path {
    let path = Path(bytes: value.utf8.drop { $0 == UInt8(ascii: "/") })
    return file.map { path.child($0) } ?? path
  }

  private func variable(_ name: String) -> String? {
    images.lazy.compactMap { $0.environment[name] }.first { !$0.isEmpty }
  }

  /// The value of `--name=value` in `XLA_FLAGS`.
  private func flag(_ name: String) -> String? {
    variable("XLA_FLAGS")?.split(whereSeparator: \.isWhitespace).lazy
      .first { $0.hasPrefix("--\(name)=") }.map { String($0.dropFirst(name.count + 3)) }
  }
}
