import Bytes
import Compatibility
import DeviceCode
import FuzzSupport
import Stack
import StackFixtures
import Testing

@testable import Assessment

/// What must hold of every assessment, tried on stacks made at random.
///
/// 1. There is one answer for each device, and for each package one verdict for each device, with one standing for each
///    of its files.
/// 2. An answer and its verdict say the same: yes is native or JIT, partly is partial, no is incompatible, nothing is no
///    device code; what is not known may be anything but partial and incompatible.
/// 3. Every answer but a native yes has reasons, and so has every package verdict but native and no device code.
/// 4. Yes: no check that stops what counts has failed, and every package that counts runs. Partly: some package runs.
/// 5. No: every package that counts is incompatible, or a check stops everything.
/// 6. A package that a failed check stops is incompatible.
/// 7. A package is never better than its code, nor its code than the best file that counts; the code never better than
///    with a driver that supports everything.
/// 8. The checks on code tell the verdicts on packages: pass is native, a warning something between, a failure
///    incompatible.
/// 9. A package that requires one that does not run does not run; one that requires a library of NVIDIA's that does not
///    run is partial at best.
/// 10. A file that is set aside for another is set aside for one that counts, and not for itself.
/// 11. A scan fails at a level exactly when the worst answer is at it.
/// 12. Every line that failed belongs to an answer that is not yes.
/// 13. Answers depend neither on the order of files, packages and devices, nor on other devices.
/// 14. Another image in a portable module never makes an answer worse.
/// 15. Naming a driver never makes an answer better, and under the oldest driver that is recommended the answer is the
///     same as without one, as far as that driver tells.
/// 16. A rule that names nothing ignores nothing. What a package is ignored for changes no verdict on the code of another,
///     makes no answer worse, and is told; all that still counts keeps 1 to 12.
@Suite struct AnswerPropertyTests {
  static let stacksPerSeed = 40

  /// An answer without its sentences.
  struct Gist: Hashable {
    var kind: Answer.Kind
    var verdict: Verdict
    var codes: Set<Reason.Code>

    init(_ answer: Answer) {
      (kind, verdict, codes) = (answer.kind, answer.verdict, Set(answer.reasons.map(\.code)))
    }
  }

  /// Judges without the search for drivers, which takes most of the time.
  private func judge(_ view: View, _ devices: [Device]) -> (Assessor, [Check], [Answer]) {
    let question = Question(
      devices: devices.map { RequestedDevice(query: $0.label, device: $0) }, namesDevices: true)
    var assessor = Assessor(view, question)
    let checks = assessor.checks()
    let answers = assessor.answers(checks)
    return (assessor, checks, answers)
  }

  /// Runs `body` on the stacks of a seed, and says which one it was where something does not hold.
  private func forEachStack(
    _ seed: UInt64, _ body: (inout SeededGenerator, GeneratedStack, _ name: Comment) -> Void
  ) {
    for index in 0..<Self.stacksPerSeed {
      var generator = SeededGenerator(seed: seed &* 1000 &+ UInt64(index))
      let stack = GeneratedStack(&generator)
      body(&generator, stack, "seed \(seed &* 1000 &+ UInt64(index))")
    }
  }

  @Test(arguments: 0..<25 as Range<UInt64>)
  func nothingContradictsItself(_ seed: UInt64) {
    forEachStack(seed) { _, stack, name in
      let view = stack.view()
      let (assessor, checks, answers) = judge(view, stack.devices)
      #expect(answers.count == stack.devices.count, name)
      for package in assessor.packages {
        #expect(package.verdicts.count == stack.devices.count, name)
        #expect(package.verdicts.allSatisfy { $0.standings.count == package.units.count }, name)
      }
      for device in stack.devices.indices {
        let own = checks.filter { $0.device == nil || $0.device == device }
        checkAnswer(answers[device], assessor, own, device, name)
        for index in assessor.packages.indices { checkPackage(index, assessor, own, device, name) }
        checkRequirements(assessor, device, name)
      }
    }
  }

  @Test(arguments: 0..<5 as Range<UInt64>)
  func whatIsIgnoredDoesNotCount(_ seed: UInt64) {
    forEachStack(seed) { generator, stack, name in
      let view = stack.view()
      let (before, checksBefore, answersBefore) = judge(view, stack.devices)
      func ignoring(_ package: String) -> (Assessor, [Check], [Answer], [IgnoredFinding]) {
        var question = before.question
        question.ignores = [IgnoreRule(package: package, reason: "r", source: "s")]
        var assessor = Assessor(view, question)
        let checks = assessor.checks()
        let answers = assessor.answers(checks)
        return (assessor, checks, answers, assessor.ignored(among: assessor.allChecks()))
      }
      let (_, same, sameAnswers, nothing) = ignoring("no-such-package")
      #expect(sameAnswers.map(Gist.init) == answersBefore.map(Gist.init), name)
      #expect(same == checksBefore && nothing.isEmpty, name)

      guard let chosen = before.packages.randomElement(using: &generator) else { return }
      let (after, checks, answers, ignored) = ignoring(chosen.distribution ?? chosen.name)
      for device in stack.devices.indices {
        let own = checks.filter { $0.device == nil || $0.device == device }
        for index in after.packages.indices { checkPackage(index, after, own, device, name) }
        checkRequirements(after, device, name)
        let isWorse = [.no, .partly].contains(answers[device].kind)
        #expect(!isWorse || [.no, .partly].contains(answersBefore[device].kind), name)
        for (old, new) in zip(before.packages, after.packages) {
          let isChosen = (old.distribution ?? old.name) == (chosen.distribution ?? chosen.name)
          #expect(new.verdicts[device].toldCode == old.verdicts[device].code, "\(name): \(old.name)")
          #expect(!isChosen || new.verdicts[device].verdict == .noDeviceCode, "\(name): \(old.name)")
          if isChosen, old.plain[device].code == .incompatible {
            #expect(ignored.contains { $0.subject == old.name && $0.device == device }, name)
          }
        }
      }
    }
  }

  private func checkAnswer(
    _ answer: Answer, _ assessor: Assessor, _ checks: [Check], _ device: Int, _ name: Comment
  ) {
    // 2
    switch answer.kind {
    case .yes: #expect(answer.verdict == .native || answer.verdict == .jit, name)
    case .partly: #expect(answer.verdict == .partial, name)
    case .no: #expect(answer.verdict == .incompatible, name)
    case .unknown: #expect(answer.verdict != .partial && answer.verdict != .incompatible, name)
    case .nothing: #expect(answer.verdict == .noDeviceCode, name)
    }
    // 3
    if answer.kind == .yes, answer.verdict == .native {
      // What does not support so old a GPU is no part of what runs.
      #expect(answer.reasons.allSatisfy { $0.code == .frameworkDoesNotSupportGPU }, name)
    } else {
      #expect(!answer.reasons.isEmpty, "\(name): \(answer)")
    }
    #expect(answer.reasons.allSatisfy { !$0.text.isEmpty && !$0.text.hasSuffix(".") }, name)
    #expect((answer.kind == .nothing) == answer.reasons.contains { $0.code == .nothingUsesGPU }, name)
    let withCode = assessor.packages.filter { $0.verdicts[device].verdict != .noDeviceCode }
    let own = withCode.filter { !$0.isNVIDIAs || $0.compiles }
    let known = (own.isEmpty ? withCode : own).filter { !$0.verdicts[device].isOpen }
    let counting = (known.isEmpty ? own.isEmpty ? withCode : own : known).map { $0.verdicts[device].verdict }
    let stops = checks.filter { $0.status == .fail && $0.isStop }
    let stopsAll = stops.filter { $0.packages?.isEmpty ?? true }
    switch answer.kind {
    case .yes:
      // 4
      #expect(counting.allSatisfy { $0 == .native || $0 == .jit } && !counting.isEmpty, name)
      #expect(stopsAll.isEmpty, name)
      for stop in stops {
        #expect(
          (stop.packages ?? []).allSatisfy { index in
            assessor.packages[index].isNVIDIAs
              || assessor.packages[index].verdicts[device].verdict == .noDeviceCode
          }, "\(name): yes beside \(stop.message)")
      }
    case .partly:
      #expect(counting.contains { $0 != .incompatible }, name)
    case .no:
      // 5
      #expect(counting.allSatisfy { $0 == .incompatible }, name)
      #expect(!counting.isEmpty || !stopsAll.isEmpty, name)
    case .unknown, .nothing: break
    }
    // Whether a driver supports the GPU is of no interest to what uses none.
    if answer.kind == .nothing {
      #expect(counting.isEmpty && stopsAll.allSatisfy { $0.id == .driverGPU }, name)
    }
    // 11
    let assessment = ViewAssessment.reached(by: [answer])
    for level in FailLevel.allCases { #expect(assessment(level) == level.includes(answer.verdict), name) }
    #expect(FailLevel.incompatible.includes(answer.verdict) == (answer.kind == .no), name)
  }

  private func checkPackage(
    _ index: Int, _ assessor: Assessor, _ checks: [Check], _ device: Int, _ name: Comment
  ) {
    let package = assessor.packages[index]
    let verdict = package.verdicts[device]
    let who: Comment = "\(name): \(package.name) on \(assessor.devices[device].label)"
    // 3
    if verdict.verdict != .native, verdict.verdict != .noDeviceCode {
      #expect(!verdict.reasons.isEmpty, "\(who): \(verdict)")
    }
    // 6
    for check in checks where check.status == .fail && check.isStop {
      guard check.packages?.contains(index) ?? true else { continue }
      #expect(
        verdict.verdict == .incompatible || verdict.verdict == .noDeviceCode,
        "\(who): \(verdict.verdict) beside \(check.message)")
    }
    // 7
    if let own = verdict.verdict.severity, let code = verdict.code.severity { #expect(own >= code, who) }
    if let code = verdict.code.severity, let plain = package.plain[device].code.severity {
      #expect(code >= plain, who)
    }
    let rule = PackageRule(package: package, units: assessor.units, cuda: nil)
    let counting = zip(package.units.indices, verdict.standings).filter { $1 == .counts }.map(\.0)
    let severities = counting.compactMap { position in
      let unit = assessor.units[package.units[position]].verdicts[device].verdict
      return unit == .partial && rule.isNVIDIAs(position) ? 0 : unit.severity
    }
    if let code = verdict.code.severity, let best = severities.min() {
      #expect(code >= best, "\(who): \(verdict)")
    }
    #expect((verdict.code == .noDeviceCode) == severities.isEmpty, "\(who): \(verdict)")
    // 8
    let own = checks.filter {
      ($0.id == .torchGPU || $0.id == .packageGPU) && $0.subject == package.name
        && $0.environment == package.environment && $0.device == device
    }
    #expect(own.count <= 1, who)
    if let check = own.first {
      switch (check.status, package.plain[device].code) {
      case (.pass, .native), (.warn, .jit), (.warn, .notGuaranteed), (.warn, .partial),
        (.fail, .incompatible),
        (.unknown, .noDeviceCode):
        break
      // What PyTorch calls in it fails.
      case (.warn, .incompatible): #expect(package.isNVIDIAs, who)
      case (let status, let code): Issue.record("\(who): \(status) beside \(code)")
      }
    } else {
      #expect(package.plain[device].code == .noDeviceCode, who)
    }
    // 10
    for (position, standing) in verdict.standings.enumerated() {
      guard case .notTaken(let taken) = standing else { continue }
      let other = package.units.firstIndex(of: taken)
      #expect(other != nil && other != position, who)
      if let other {
        if case .notTaken = verdict.standings[other] { Issue.record("\(who): taken for one that is not") }
      }
    }
  }

  private func checkRequirements(_ assessor: Assessor, _ device: Int, _ name: Comment) {
    for environment in assessor.facts.environments {
      let requires = Dictionary(
        environment.distributions.map { distribution in
          (distribution.normalizedName, distribution.requires.filter { !$0.isOptional }.map(\.name))
        }
      ) { first, _ in first }
      for package in assessor.packages where package.environment == environment.folder {
        guard let own = package.distribution else { continue }
        let verdict = package.verdicts[device].verdict
        if verdict == .noDeviceCode { continue }
        for required in requires[own] ?? [] {
          guard
            let other = assessor.packages.first(where: {
              $0.environment == environment.folder && $0.distribution == required
            }), other.verdicts[device].verdict == .incompatible, required != own
          else { continue }
          let severity = verdict.severity ?? 0
          let isPart = other.isNVIDIAs || other.verdicts[device].isStoppedByCompilers
          let least: Verdict = isPart ? .partial : .incompatible
          #expect(
            severity >= least.severity ?? 0, "\(name): \(own) is \(verdict) and requires \(required)")
        }
      }
    }
  }

  @Test(arguments: 100..<106 as Range<UInt64>)
  func linesAgreeWithAnswers(_ seed: UInt64) {
    forEachStack(seed) { _, stack, name in
      let question = Question(
        devices: stack.devices.map { RequestedDevice(query: "\($0.computeCapability)", device: $0) },
        namesDevices: true)
      let assessment = Assessment(Facts(views: [stack.view()]), question)
      let part = assessment.views[0]
      #expect(assessment.answers.map { Gist($0) } == part.answers.map { Gist($0) }, name)
      // 12
      for line in SummaryLine.allCases where part.status(of: line) == .fail {
        #expect(part.answers.contains { $0.kind != .yes }, "\(name): \(line) failed beside yes")
      }
      if part.answers.allSatisfy({ $0.kind == .yes && $0.verdict == .native }) {
        for check in part.checks where check.status == .fail {
          #expect(
            check.id.isAboutBuilding || check.id == .flagsContents, "\(name): yes beside \(check.message)")
        }
      }
      // 15
      for (device, answer) in zip(stack.devices, part.answers) {
        guard let oldest = answer.oldestDriver, !device.isTegra else { continue }
        var (with, without) = (device, device)
        with.driver = oldest
        without.driver = nil
        let mended = judge(part.view, [with]).2[0]
        let free = judge(part.view, [without]).2[0]
        #expect(
          mended.kind == free.kind || mended.kind == .unknown,
          "\(name): \(free.kind) without a driver, \(mended.kind) with \(oldest) on \(device.label): \(mended.reasons)"
        )
      }
    }
  }

  @Test(arguments: 200..<210 as Range<UInt64>)
  func orderDoesNotMatter(_ seed: UInt64) {
    forEachStack(seed) { _, stack, name in
      let (_, _, answers) = judge(stack.view(), stack.devices)
      let expected = answers.map { Gist($0) }
      let reversed = judge(stack.view(isReversed: true), stack.devices.reversed()).2
      #expect(Array(reversed.map { Gist($0) }.reversed()) == expected, name)
      for (device, answer) in zip(stack.devices, expected) {
        #expect(judge(stack.view(), [device]).2.map { Gist($0) } == [answer], name)
      }
    }
  }

  /// How bad an answer is.
  private func rank(_ kind: Answer.Kind) -> Int {
    switch kind {
    case .yes, .nothing: 0
    case .unknown: 1
    case .partly: 2
    case .no: 3
    }
  }

  @Test(arguments: 300..<310 as Range<UInt64>)
  func anotherImageNeverMakesAnAnswerWorse(_ seed: UInt64) {
    forEachStack(seed) { generator, stack, name in
      var stack = stack
      // Names of kernels say for which GPUs a module is, and another image whether that is to be believed.
      for file in stack.files.indices {
        for module in stack.files[file].modules.indices { stack.files[file].modules[module].kernels = nil }
      }
      let candidates = stack.files.indices.flatMap { file in
        stack.files[file].modules.indices.filter { module in
          let draft = stack.files[file].modules[module]
          return draft.place == .registered && !stack.files[file].isCubin
            && draft.images.contains { image in
              !image.name.hasPrefix("lto") && image.name.last?.isNumber == true
            }
        }.map { (file, $0) }
      }
      guard let (file, module) = candidates.randomElement(using: &generator) else { return }
      let before = judge(stack.view(), stack.devices).2
      let image = GeneratedStack.image(&generator)
      stack.files[file].modules[module].images.append(image)
      let after = judge(stack.view(), stack.devices).2
      // 14
      for (device, (old, new)) in zip(stack.devices, zip(before, after)) {
        #expect(
          rank(new.kind) <= rank(old.kind),
          "\(name): \(image) in module \(module) of \(stack.files[file].path) on \(device.label): \(old.kind) became \(new.kind)"
        )
      }
    }
  }

  @Test(arguments: 400..<410 as Range<UInt64>)
  func aDriverNeverMakesAnAnswerBetter(_ seed: UInt64) {
    forEachStack(seed) { _, stack, name in
      // What a Tegra's driver runs is not known without it.
      let devices = stack.devices.filter { $0.driver != nil && !$0.isTegra }
      let with = judge(stack.view(), devices).2
      let without = judge(
        stack.view(),
        devices.map { device in
          var device = device
          device.driver = nil
          return device
        }
      ).2
      for (device, (known, open)) in zip(devices, zip(with, without)) {
        #expect(
          rank(open.kind) <= rank(known.kind),
          "\(name): \(device.label) with \(device.driver.map { "\($0)" } ?? ""): \(known.kind) beside \(open.kind)"
        )
      }
    }
  }
}

extension ViewAssessment {
  /// Which levels an assessment with these answers reaches.
  fileprivate static func reached(by answers: [Answer]) -> (FailLevel) -> Bool {
    var assessment = Assessment(Facts(), Question(devices: [], namesDevices: true))
    assessment.answers = answers
    return { assessment.reaches($0) }
  }
}
