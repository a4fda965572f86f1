public import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

/// What the command `scan` shows: an assessment, in text or JSON. Nothing is judged here.
public struct ScanReport: Sendable {
  public var assessment: Assessment
  /// How it was found out what to look at; nil where the question says it.
  public var here: Here?
  /// The configuration file that the question comes from in part, for a person; nil where none does.
  public var configuration: String?

  public init(_ assessment: Assessment, here: Here? = nil, configuration: String? = nil) {
    self.assessment = assessment
    self.here = here
    self.configuration = configuration
  }

  /// What a command that was told nothing has found out about where it is.
  public struct Here: Hashable, Sendable {
    /// What led to the environment.
    public enum Origin: String, Hashable, Sendable, CaseIterable {
      case virtualEnvironment = "VIRTUAL_ENV"
      case conda = "CONDA_PREFIX"
      case path = "PATH"
      /// The command line.
      case arguments
    }

    public var origin: Origin
    /// The file that shows that this is a container; nil where none does.
    public var container: String?
    /// For a person: clauses without a full stop.
    public var notes: [String]

    public init(origin: Origin, container: String? = nil, notes: [String] = []) {
      self.origin = origin
      self.container = container
      self.notes = notes
    }
  }

  var question: Question { assessment.question }
  var devices: [RequestedDevice] { question.devices }

  /// Everything that went wrong, each with where that is for a message.
  public var problems: [String] {
    assessment.views.flatMap { part in
      part.view.problems.sentences { part.path($0.path) }
    }
  }

  /// How much was scanned and found, in one sentence.
  ///
  /// - Parameters:
  ///   - seconds: how long the scan took.
  ///   - showsDetails: whether modules and images are counted too.
  public func summary(seconds: Double, showsDetails: Bool) -> String {
    let counts = assessment.counts
    let problems = assessment.views.reduce(0) { $0 + $1.view.problems.count }
    var text =
      "\(counted(counts.filesVisited, "file")), \(byteCount(counts.bytesRead)) read in \(duration(seconds)): "
      + "\(grouped(counts.librariesWithDeviceCode)) with device code"
    if showsDetails { text += ", \(counted(counts.modules, "module")), \(counted(counts.images, "image"))" }
    if problems > 0 { text += ", \(counted(problems, "problem"))" }
    text += "; tables of \(assessment.question.tables.date)"
    return text + (configuration.map { "; options from \($0)." } ?? ".")
  }
}

extension ViewAssessment {
  /// What the files of a unit hold for each target, machine code first.
  func targets(of unit: AssessedUnit) -> [(target: ImageTarget, totals: TargetTotals)] {
    targets(of: unit.files.map { view.files[$0] })
  }

  /// What files hold for each target, machine code first.
  func targets(of files: [CodeFile]) -> [(target: ImageTarget, totals: TargetTotals)] {
    let totals = files.reduce(into: [:]) { $0.merge($1.targets) { $0 + $1 } }
    return totals.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The view for a person: what was named, with the platform or the name of an image where several are in one archive.
  var name: String {
    let first = view.paths.first ?? Path("")
    if view.paths.count > 1 { return "\(counted(view.paths.count, "wheel")) installed together" }
    return view.label.map { "\(first) (\(printable($0)))" } ?? first.description
  }

  /// Where a file is, for a message.
  func path(_ path: Path) -> String {
    if view.kind == .file || path.bytes.isEmpty { return name }
    return view.paths.count > 1 ? path.description : "\(name)/\(path)"
  }

  /// A path of the view for a person.
  func shown(_ path: Path) -> String { view.shown(path).description }

  /// A line for each file that speaks for a check, and what it says.
  func lines(of evidence: [Evidence]) -> [String] {
    distinct(evidence.map { ($0.path.map { "\(shown($0)): " } ?? "") + printable($0.says) })
  }

  /// A unit for a person: the path of the file, or the folder of several with their number.
  func name(of unit: Int) -> String { named(shown(units[unit].path), units[unit]) }

  /// `name`, and how many files it is where it is several.
  func named(_ name: String, _ unit: AssessedUnit) -> String {
    guard unit.isCollection else { return name }
    let place = name.isEmpty ? "." : name
    let kind = unit.files.allSatisfy { view.files[$0].format == .cubin } ? "cubin file" : "device code file"
    return unit.cachedBy.map { "\($0)'s cache \(place) (\(counted(unit.files.count, "file")))" }
      ?? "\(place) (\(counted(unit.files.count, kind)))"
  }

  /// What helps a unit. Nobody but NVIDIA compiles NVIDIA's libraries, and cubin files are written for their GPUs.
  func advice(ofUnit unit: Int, on device: Int) -> [Advice] {
    // What is missing is compiled when it is wanted.
    if units[unit].cachedBy != nil { return [] }
    let advice = units[unit].verdicts[device].advice
    guard units[unit].isNVIDIAs || units[unit].isCollection else { return advice }
    return advice.filter { advice in
      switch advice {
      case .rebuild, .useBuildWith: false
      default: true
      }
    }
  }
}

/// `12 ms`, `3.4 s`.
private func duration(_ seconds: Double) -> String {
  let milliseconds = Int((seconds * 1000).rounded())
  if milliseconds < 1000 { return "\(max(milliseconds, 1)) ms" }
  return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
}
