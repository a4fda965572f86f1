public import Bytes
public import Compatibility
import Stack

/// What to do so that what does not run does: steps in their order, each of which is needed.
public struct Plan: Sendable {
  /// In the order in which they are done.
  public var steps: [Step]
  /// What no step of the plan mends.
  public var obstacles: [String]
  /// What helps whoever compiles extensions on the machine.
  public var building: [Step]
  /// The answers after all steps, as far as the tables know.
  public var answers: [Answer]

  public init(
    steps: [Step] = [], obstacles: [String] = [], building: [Step] = [], answers: [Answer] = []
  ) {
    self.steps = steps
    self.obstacles = obstacles
    self.building = building
    self.answers = answers
  }

  public var isEmpty: Bool { steps.isEmpty && obstacles.isEmpty && building.isEmpty }

  /// One thing to do.
  public struct Step: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      /// Install this driver on the host, or a newer one.
      case installDriver
      /// Install this official build of PyTorch.
      case installTorch
      /// Install what PyTorch requires and does not find.
      case installLibraries
      /// Install a compiler that a package takes at run time.
      case installCompiler
      /// Set a variable: to a compiler that a package takes at run time, or for the container toolkit.
      case setVariable
      /// Install this release of a package.
      case installPackage
      /// Start from this base image.
      case baseImage
      /// Build extensions with this toolkit.
      case toolkit
      /// Build extensions for these architectures.
      case architectureList
    }

    public var kind: Kind
    /// A clause for a person, without a full stop at the end.
    public var text: String
    /// What to type or to write; nil where there is nothing.
    public var command: String?
    /// The Python environment that it changes.
    public var environment: Path?
    /// The oldest driver that the step asks for.
    public var driver: DriverVersion?
    /// The newest driver branch that will do, because later ones have left a GPU behind; nil where every newer one does.
    public var lastDriverBranch: Int?
    /// What it changes.
    var change: Change?

    /// What a step does to the facts.
    enum Change: Hashable, Sendable {
      case torch(TorchChoice, environment: Path)
      case libraries(environment: Path)
      /// The framework finds the compilers of a toolkit.
      case compilers(of: RuntimeFramework, toolkit: CUDAVersion)
      /// The same under another name, which is for another major version of CUDA.
      case distribution(of: RuntimeFramework, name: String, toolkit: CUDAVersion)
      /// The framework is of another release.
      case release(of: RuntimeFramework, version: String)
      /// A measured release of a package for a machine, see ``SurveyTable/Package/machine``.
      case package(String, version: String, machine: String, environment: Path)
      case driver(DriverVersion)
      case image
      /// The image sets a variable.
      case variable(String, value: String)
    }
  }
}
