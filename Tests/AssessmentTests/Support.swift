import Assessment
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Stack
import StackFixtures
import Testing

/// A file with device code: per module the targets of its images, `sm_80` or `compute_90`; `sm_80/zstd` is compressed.
func codeFile(_ path: String, _ modules: [[String]], isa: String? = nil, zstd: Bool = false) -> CodeFile {
  var inventory = Inventory()
  for names in modules {
    let start = inventory.images.count
    for text in names {
      let parts = text.split(separator: "/").map(String.init)
      let name = parts[0]
      guard let target = CodeTarget(name) else { fatalError("no target: \(name)") }
      let isPTX = name.hasPrefix("compute_")
      inventory.images.append(
        DeviceImage(
          index: inventory.images.count, module: inventory.modules.count, kind: isPTX ? .ptx : .cubin,
          target: target, size: 1000, compression: zstd || parts.count > 1 ? .zstd : .none,
          ptxISA: isPTX ? isa.flatMap { PTXISAVersion($0) } : nil))
    }
    inventory.modules.append(Module(index: inventory.modules.count, images: start..<inventory.images.count))
  }
  return CodeFile(path: Path(path), unit: CodeUnit(inventory))
}

/// A question about one installation, and what the assessment says.
struct Case {
  var view: View
  var question: Question

  init(facts: StackFacts, devices: [Device], files: [CodeFile], kind: View.Kind = .directory) {
    view = View(kind: kind, paths: [Path("root")])
    view.stack = facts
    view.files = files.sorted { $0.path < $1.path }
    question = Question(
      devices: devices.map { RequestedDevice(query: $0.name ?? "\($0.computeCapability)", device: $0) },
      namesDevices: true)
  }

  var assessment: ViewAssessment { ViewAssessment(view, question) }
  func checks() -> [Check] { assessment.checks }
  var plan: Plan { assessment.plan }
  func driverDemand() -> DriverDemand? { assessment.demand }
  var answers: [Answer.Kind] { assessment.answers.map(\.kind) }
}

extension [Check] {
  /// The status of every check with this id, in their order.
  func statuses(_ id: Check.ID) -> [Check.Status] { filter { $0.id == id }.map(\.status) }
  func messages(_ id: Check.ID) -> [String] { filter { $0.id == id }.map(\.message) }
}
