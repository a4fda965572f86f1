public import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

/// How the verdicts on packages came about, step by step: what the command `explain` shows of files.
public struct ExplanationReport: Sendable {
  private let report: ScanReport
  /// The views, with the packages to explain as indices; those of a view that has none of them are left out.
  private let parts: [(part: ViewAssessment, packages: [Int])]
  /// Whether somebody named a package.
  private let isNamed: Bool

  /// - Parameter package: the name of the packages to explain; nil for all.
  public init(_ assessment: Assessment, package: String? = nil) {
    report = ScanReport(assessment)
    isNamed = package != nil
    parts = assessment.views.map { part in
      (part, part.packages.indices.filter { package.map(part.packages[$0].isMeant) ?? true })
    }.filter { package == nil || !$0.1.isEmpty }
  }

  /// Whether there is no package of the name.
  public var isEmpty: Bool { isNamed && parts.isEmpty }

  /// The names by which packages can be asked for.
  public static func names(in assessment: Assessment) -> [String] {
    distinct(assessment.views.flatMap { part in part.packages.map { part.nameAndVersion(of: $0).name } })
      .sorted()
  }

  private var devices: [RequestedDevice] { report.devices }
  private var question: Question { report.question }

  /// From this number of packages on, they are listed and none is explained unless it is named.
  private static let listedCount = 4

  public func text(_ style: TextStyle) -> String {
    var blocks: [String] = []
    for (part, packages) in parts {
      if parts.count > 1 { blocks.append(style.paint("\(part.name):", .bold) + "\n") }
      for device in devices.indices {
        if !isNamed, packages.count >= Self.listedCount {
          blocks.append(list(packages, of: part, on: device, style))
        } else {
          blocks.append(heading(part, packages, device, style))
          for package in packages {
            let explanation = PackageExplanation(
              part: part, package: package, device: device, question: question)
            blocks += explanation.blocks(style)
          }
        }
        if !isNamed || packages.count == part.packages.count {
          blocks.append(report.line(devices[device], part.answers[device], style))
        }
      }
    }
    for (part, _) in parts {
      let problems = problemLines(part.view.problems, style) { part.path($0.path) }
      if !problems.isEmpty { blocks.append(String(problems.dropFirst())) }
    }
    return blocks.joined(separator: "\n")
  }

  /// The GPU, the driver and what that can.
  private func heading(_ part: ViewAssessment, _ packages: [Int], _ device: Int, _ style: TextStyle) -> String
  {
    let own = devices[device].device
    // What the programs find, which may be newer libraries than those of the driver.
    let units = packages.flatMap { part.packages[$0].units }
    let found = units.first.map { part.units[$0].verdicts[device].device } ?? own
    let name = own.name == nil && own.commonName == nil ? "" : "\(own.label), "
    var text = style.paint("\(name)compute capability \(own.capability)", .bold) + "\n"
    guard let driver = found.knownDriver else {
      let sentence =
        own.isTegra
        ? "Its driver comes with JetPack and is not known: none is judged."
        : "No driver is named: one that supports everything is taken. --driver names one."
      return text + wrapped(sentence, first: "", width: style.width)
    }
    if found.isSupportedByDriver == false {
      return text + wrapped("Driver \(driver) does not support this GPU.", first: "", width: style.width)
    }
    var abilities: [String] = []
    if let isa = driver.newestPTXISA(by: question.tables) {
      abilities.append("compiles PTX up to version \(isa)")
    }
    if let reads = driver.supports(.zstd, by: question.tables) {
      abilities.append(
        reads ? "reads code that is compressed with zstd" : "does not read code that is compressed with zstd")
    }
    let sentence =
      abilities.isEmpty ? "What driver \(driver) can is not known." : "Driver \(driver) \(listed(abilities))."
    text += wrapped(sentence, first: "", width: style.width)
    return text
  }

  private func list(_ packages: [Int], of part: ViewAssessment, on device: Int, _ style: TextStyle) -> String
  {
    let rows = packages.map { (part.packages[$0].name, part.packages[$0].verdicts[device].verdict) }
      .filter { $0.1 != .noDeviceCode }
    let shown = style.showsDetails ? rows.count : Self.shownPackages
    var text = ""
    for (name, verdict) in rows.sorted(by: { ($0.1.severity ?? -1) > ($1.1.severity ?? -1) }).prefix(shown) {
      text += style.paint(verdict.mark, verdict.color).padded(to: 2) + " " + printable(name) + "\n"
    }
    if rows.count > shown { text += "and \(grouped(rows.count - shown)) more: --details\n" }
    return text + "--package NAME explains one of them.\n"
  }

  /// Packages of a list that are shown without details.
  private static let shownPackages = 20
}

extension AssessedPackage {
  /// Whether somebody who writes `name` means it.
  fileprivate func isMeant(by name: String) -> Bool {
    let wanted = Distribution.normalize(name)
    let word = self.name.split(separator: " ").first.map { Distribution.normalize($0) }
    return self.name == name || distribution == wanted || word == wanted
  }
}

/// Writes how the verdict on one package came about on one device.
private struct PackageExplanation {
  let part: ViewAssessment
  let package: Int
  let device: Int
  let question: Question

  private var own: AssessedPackage { part.packages[package] }
  private var verdict: PackageVerdict { own.verdicts[device] }

  /// What became of modules.
  private enum Outcome: Hashable {
    /// The driver takes an image.
    case taken(String, Fit, isPreLinked: Bool, ModuleRole)
    case without(ModuleStanding)
    /// Another driver would take an image.
    case heldByDriver
    case forOtherGPUs
    case linkInput

    init(_ group: JudgedGroup) {
      switch (group.role, group.verdict.winner) {
      case (.linkInput, _), (.empty, _): self = .linkInput
      case (_, let winner?):
        self = .taken(
          winner.signature.targetName, winner.judgement.fit, isPreLinked: winner.isPreLinked, group.role)
      case (_, nil) where group.verdict.images.contains { $0.judgement.reason?.isByDriver == true }:
        self = .heldByDriver
      case (.specialised, nil): self = .forOtherGPUs
      case (.portable, nil): self = .without(.gap)
      }
    }
  }

  /// Modules with one outcome, and how many of them have which images.
  private struct Row {
    var outcome: Outcome
    var count = 0
    var lists: [(images: String, count: Int)] = []

    mutating func add(_ images: String, _ number: Int) {
      count += number
      if let position = lists.firstIndex(where: { $0.images == images }) {
        lists[position].count += number
      } else {
        lists.append((images, number))
      }
    }
  }

  /// The steps: what the rules say of the images, the modules of each library, and what follows.
  func blocks(_ style: TextStyle) -> [String] {
    let steps = own.units.map {
      part.units[$0].code.steps(on: part.units[$0].verdicts[device].device, kernels: part.units[$0].kernels)
    }
    var blocks = [images(steps.joined(), style)].filter { !$0.isEmpty }
    var bodies: [(names: [String], severity: Int, text: String)] = []
    for (position, (unit, steps)) in zip(own.units, steps).enumerated() {
      let text = body(unit, verdict.standings[position], steps, style)
      if let same = bodies.firstIndex(where: { $0.text == text }) {
        bodies[same].names.append(part.name(of: unit))
      } else {
        let severity =
          verdict.standings[position] == .counts ? part.units[unit].verdicts[device].verdict.severity : nil
        bodies.append(([part.name(of: unit)], severity ?? -1, text))
      }
    }
    bodies = bodies.enumerated().sorted {
      ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset)
    }.map(\.element)
    let shown = style.showsDetails ? bodies.count : Self.shownLibraries
    for body in bodies.prefix(shown) {
      let names = named(body.names, atMost: style.showsDetails ? .max : Self.shownNames)
      blocks.append(
        wrapped(names, first: "", width: style.width).split(separator: "\n").map {
          style.paint(String($0), .bold) + "\n"
        }
        .joined() + body.text)
    }
    let hidden = bodies.dropFirst(shown).reduce(0) { $0 + $1.names.count }
    if hidden > 0 { blocks.append("and \(counted(hidden, "library", "libraries")) more: --details\n") }
    blocks.append(conclusion(style))
    return blocks.filter { !$0.isEmpty }
  }

  /// Libraries with different explanations that are shown without details.
  private static let shownLibraries = 5
  /// Names of libraries that share an explanation.
  private static let shownNames = 3
  /// Lists of images of one outcome.
  private static let shownLists = 3

  /// What the rules say of every image that some module has: targets of which they say the same on one line.
  private func images(_ steps: some Sequence<JudgedGroup>, _ style: TextStyle) -> String {
    guard let first = own.units.first else { return "" }
    let device = part.units[first].verdicts[device].device
    var rows: [String: (fit: Fit, images: Set<ImageSignature>)] = [:]
    for group in steps where group.role == .portable || group.role == .specialised {
      for image in group.verdict.images {
        rows[image.judgement.sentence(on: device), default: (image.judgement.fit, [])].images.insert(
          image.signature)
      }
    }
    guard !rows.isEmpty else { return "" }
    func place(_ images: Set<ImageSignature>) -> CodeTarget {
      images.lazy.map(\.target).min() ?? CodeTarget(0)
    }
    let lines = rows.sorted {
      ($1.value.fit, place($0.value.images), $0.key) < ($0.value.fit, place($1.value.images), $1.key)
    }
    var text = style.paint("What the rules say of the images", .bold) + "\n"
    for (sentence, row) in lines {
      let verdict = row.fit.verdict
      text += wrapped(
        "\(row.images.targetNames.joined(separator: " ")): \(sentence)",
        first: "  " + style.paint(verdict.mark.padded(to: 2), verdict.color) + " ", indent: 5,
        width: style.width)
    }
    return text
  }

  /// What the driver takes of the modules of a library, and what follows for it.
  private func body(_ unit: Int, _ standing: Standing, _ steps: [JudgedGroup], _ style: TextStyle) -> String {
    var rows: [Row] = []
    func add(_ outcome: Outcome, _ images: String, _ count: Int) {
      guard count > 0 else { return }
      let position = rows.firstIndex { $0.outcome == outcome } ?? rows.count
      if position == rows.count { rows.append(Row(outcome: outcome)) }
      rows[position].add(images, count)
    }
    for group in steps {
      let images = group.verdict.images.map(\.signature).targetNames.joined(separator: " ")
      let excused = group.standings.filter { $0.key != .gap }
      for (standing, count) in excused { add(.without(standing), images, count) }
      add(Outcome(group), images, group.count - excused.values.reduce(0, +))
    }
    let whole = part.units[unit].verdicts[device]
    var text = ""
    for row in rows.sorted(by: { (-$0.count, sentence($0.outcome, 2)) < (-$1.count, sentence($1.outcome, 2)) }
    ) {
      text += wrapped(
        "\(counted(row.count, "module")): \(sentence(row.outcome, row.count))", first: "  ",
        width: style.width)
      let lists = row.lists.sorted { ($0.count, $1.images) > ($1.count, $0.images) }
      // A line that says that there is one more takes as much room as that one.
      let shown = style.showsDetails || lists.count == Self.shownLists + 1 ? lists.count : Self.shownLists
      for (images, count) in lists.prefix(shown) {
        text += wrapped(
          lists.count == 1 ? "with \(images)" : "\(grouped(count)) with \(images)", first: "    ",
          width: style.width)
      }
      if lists.count > shown {
        let rest = lists.dropFirst(shown).reduce(0) { $0 + $1.count }
        text += "    \(grouped(rest)) with \(counted(lists.count - shown, "other list")) of targets\n"
      }
    }
    let mark = whole.verdict.mark
    text += wrapped(
      "\(whole.verdict.word): \(sentence(whole, unit))",
      first: "  " + style.paint(mark, whole.verdict.color) + " ", indent: 3 + columns(mark),
      width: style.width)
    if let aside = sentence(standing) {
      text += wrapped("set aside: \(aside)", first: "  · ", width: style.width)
    }
    return text
  }

  private func sentence(_ outcome: Outcome, _ count: Int) -> String {
    switch outcome {
    case .taken(let name, let fit, let isPreLinked, let role):
      let scope = role == .specialised ? "made for single GPUs; " : ""
      return switch fit {
      case .notGuaranteed: scope + "the driver may take \(name), which NVIDIA does not promise"
      case .jit where isPreLinked: scope + "the driver compiles \(name) of their parts and links it again"
      case .jit: scope + "the driver compiles \(name)"
      default: scope + "the driver takes \(name)"
      }
    case .heldByDriver: return "for this GPU, but the driver does not load \(count == 1 ? "it" : "them")"
    case .forOtherGPUs: return "made for other GPUs; the driver has nothing to take"
    case .linkInput: return "for the device linker; no driver loads \(count == 1 ? "it" : "them")"
    case .without(let standing):
      let (its, kernel) = count == 1 ? ("its", "it holds") : ("their", "they hold")
      return switch standing {
      case .gap: "nothing to take: \(its) kernels fail when they are called"
      case .withoutKernels: "no gap: \(kernel) no kernel"
      case .dedicated: "no gap: all \(its) kernels are named for other generations"
      case .providedElsewhere: "no gap: modules that run have \(its) kernels, or variants of them"
      case .mostlyDedicated: "taken to be no gap: most of \(its) kernels are named for other generations"
      case .madeForOneTarget:
        "taken to be no gap: \(its) kernels are compiled target by target, for this GPU too"
      case .partOfCuDNN: "taken to be no gap: they belong to cuDNN, which picks its kernels by GPU"
      case .pickedByGeneration: "taken to be no gap: the library picks its kernels by generation"
      }
    }
  }

  /// Why a library is worth what it is.
  private func sentence(_ verdict: UnitVerdict, _ unit: Int) -> String {
    if let finding = Findings(part: part, question: question).finding(verdict, unit: unit, device: device) {
      return finding.what
    }
    let required = verdict.portable.total - verdict.excused - verdict.withoutKernels.mayRun
    if required == 0 {
      return "it has modules for single GPUs, among which it picks, and machine code for this one"
    }
    return "every module that has to run has machine code for the GPU"
      + (required < verdict.portable.total ? "; the others are no gaps" : "")
  }

  private func sentence(_ standing: Standing) -> String? {
    switch standing {
    case .counts: nil
    case .forOtherGPUs: "it is for other GPUs, and what it does is missing on this one"
    case .notTaken(let unit): "\(part.name(of: unit)) is taken in its place"
    case .withoutCode: "it holds nothing that a driver loads"
    case .cached: "a framework compiled it on an earlier run and compiles it again"
    case .ignored: "it is ignored"
    }
  }

  /// What follows for the package: from its libraries, and from what stands in the way.
  private func conclusion(_ style: TextStyle) -> String {
    let checks = part.checks.filter { check in
      !check.isAboutCode && !check.isOutside(question) && check.id != .flagsContents
        && !check.id.isAboutBuilding
        && check.device.map { $0 == device } ?? true && (check.status != .pass || check.line != nil)
        && (check.packages?.contains(package)
          ?? (check.subject == own.name || check.line != nil && check.subject == nil))
    }
    let isUnit = own.units.count == 1 && own.package == nil && !own.isTorch
    // A lone file is its own package: its verdict was told.
    if isUnit, checks.isEmpty, verdict.verdict == part.units[own.units[0]].verdicts[device].verdict {
      return ""
    }
    var text = style.paint(printable(own.name), .bold) + "\n"
    if let ignored = verdict.ignored {
      return text
        + line(
          ignored.code.mark, .dim,
          "\(ignored.code.word) by its code, and ignored: \(ignored.rule.reason) (\(ignored.rule.source))",
          style)
    }
    if !own.units.isEmpty,
      verdict.code != .noDeviceCode || verdict.standings.contains(where: { $0 != .withoutCode })
    {
      text += line(
        verdict.code.mark, verdict.code.color, "\(verdict.code.word) by its code: \(sentence(verdict.basis))",
        style)
    }
    for check in checks {
      let sentence = check.status == .pass ? check.summary : check.message
      text += line(check.status.mark, check.status.color, sentence, style)
    }
    if verdict.verdict != verdict.code {
      let told = Set(checks.map(\.summary))
      let reasons = distinct(
        verdict.reasons.filter { !$0.code.isAboutCode }.map(\.text).filter { !told.contains($0) })
      text += line(
        verdict.verdict.mark, verdict.verdict.color,
        "in all \(verdict.verdict.word)"
          + (reasons.isEmpty ? "" : ", because \(reasons.joined(separator: "; "))"),
        style)
    }
    return text
  }

  private func line(_ mark: String, _ color: TextStyle.Color?, _ text: String, _ style: TextStyle) -> String {
    wrapped(
      printable(text), first: "  " + style.paint(mark, color) + " ", indent: 3 + columns(mark),
      width: style.width)
  }

  private func sentence(_ basis: PackageBasis) -> String {
    let counting = verdict.standings.count { $0 == .counts }
    return switch basis {
    case .worst:
      counting == 1
        ? own.units.count == 1 ? "its library decides" : "one of its libraries counts, and decides"
        : counting == own.units.count
          ? "the worst of its libraries decides" : "the worst of the \(counting) libraries that count decides"
    case .someRun: "some of its code runs and some does not"
    case .nearlyNothing: "less than an eighth of its code runs, in bytes"
    case .decisive: "those libraries decide without which the others do nothing"
    case .picksByGPU:
      "NVIDIA's libraries pick their kernels by GPU, so that what has no code for this one is never called"
    case .broughtLibrary: "a library of NVIDIA's that it brings along does not run"
    }
  }
}

extension Reason.Code {
  /// Whether it tells a verdict on device code, whose steps are told.
  fileprivate var isAboutCode: Bool {
    switch self {
    case .noKernelImage, .someKernelsMissing, .compiledAtFirstStart, .notGuaranteed, .driverTooOldForPTX,
      .driverTooOldForCompression:
      true
    default: false
    }
  }
}
