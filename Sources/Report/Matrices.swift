import Assessment
public import Compatibility
import DeviceCode
import Stack

extension Matrix {
  /// A table by its name, and how it is made.
  public struct Kind: Sendable {
    public var name: String
    public var title: String
    let columns: [String]
    let rows: @Sendable (TableSet) -> [(cells: [String], source: String)]

    init(
      _ name: String, _ title: String, _ columns: [String],
      _ rows: @escaping @Sendable (TableSet) -> [(cells: [String], source: String)]
    ) {
      self.name = name
      self.title = title
      self.columns = columns
      self.rows = rows
    }

    public func matrix(of tables: TableSet) -> Matrix { Matrix(name, title, columns, rows(tables)) }
  }

  /// All tables that can be shown, by name.
  public static let kinds: [Kind] = [
    architectures, cloud, compilers, cuda, cuDNN, drivers, families, forwardCompatibility, images, jetPack,
    ngc, packages, ptx,
    pytorch, triton,
  ]

  private static let architectures = Kind(
    "architectures",
    "Compute capabilities, with the toolkits that compile for them and the drivers that support them.",
    ["CC", "architecture", "examples", "toolkits", "drivers", "first release", "certainty"]
  ) { tables in
    tables.architectures.rows.map { row in
      (
        [
          "\(row.computeCapability)", row.architecture, row.examples ?? "",
          "\(row.firstToolkit)" + (row.lastToolkit.map { " to \($0)" } ?? " on"),
          row.tegra
            ? "those of JetPack"
            : row.firstDriver.map { "R\($0)" + (row.lastDriver.map { " to R\($0)" } ?? " on") } ?? "",
          row.firstRelease?.description ?? "", certainty(row.confirmed),
        ], tables.architectures.sources[row.source]
      )
    }
  }

  private static let cloud = Kind(
    "cloud", "Virtual machines of clouds and their GPUs; # stands for the number of GPUs.",
    ["cloud", "instance", "GPU", "counts", "machine", "certainty"]
  ) { tables in
    tables.gpus.instances.map { row in
      (
        [
          row.cloud, row.instance, row.gpu, row.counts.map { "\($0)" }.joined(separator: ", "), row.machine,
          certainty(row.confirmed),
        ], tables.gpus.sources[row.source]
      )
    }
  }

  private static let compilers = Kind(
    "compilers", "The targets for which the compilers of a toolkit compile.",
    ["toolkit", "compiler", "targets"]
  ) { tables in
    tables.toolkits.compilers.map { row in
      (
        [
          "\(row.toolkit)", row.compiler ?? "nvcc, ptxas, NVRTC",
          row.targets.map { "\($0)" }.joined(separator: " "),
        ],
        tables.toolkits.sources[row.source]
      )
    }
  }

  private static let cuda = Kind(
    "cuda", "Releases of the CUDA toolkit, with the oldest Linux driver of their own branch.",
    ["CUDA", "update", "driver", "branch", "any driver of its major version", "PTX ISA", "certainty"]
  ) { tables in
    tables.toolkits.toolkits.map { row in
      (
        [
          "\(row.toolkit)", row.update.map { "\($0)" } ?? "", row.minimumDriver?.description ?? "",
          row.branch.map { "R\($0)" } ?? "", row.toolkit.minimumDriver(by: tables)?.description ?? "",
          tables.drivers.ptxISA.last { $0.cuda == row.toolkit }?.ptxISA.description ?? "",
          certainty(row.confirmed),
        ], tables.toolkits.sources[row.source]
      )
    }
  }

  private static let cuDNN = Kind(
    "cudnn", "Which compute capabilities cuDNN has code for, from which version on (libcudnn_ops decides).",
    ["cuDNN", "compute capabilities"]
  ) { tables in
    tables.pytorch.cuDNN.map { row in
      let all = tables.architectures.rows.filter { $0.computeCapability >= row.first && !$0.tegra }
      return (
        ["\(row.from) on", "\(row.first) on (\(distinct(all.map(\.architecture)).first ?? "") and newer)"],
        tables.pytorch.sources[row.source]
      )
    }
  }

  private static let drivers = Kind(
    "drivers", "Driver branches, with the newest CUDA version and PTX ISA that they support.",
    ["branch", "CUDA", "PTX ISA", "GPUs that it is the last for", "certainty", "note"]
  ) { tables in
    tables.drivers.branches.map { row in
      (
        [
          "R\(row.branch)", "\(row.maxCUDA)",
          tables.drivers.ptxISA.last { $0.cuda.map { $0 <= row.maxCUDA } ?? false }?.ptxISA.description ?? "",
          tables.architectures.rows.filter { $0.lastDriver == row.branch }.map { "\($0.computeCapability)" }
            .joined(separator: ", "), certainty(row.confirmed), row.note ?? "",
        ], tables.drivers.sources[row.source]
      )
    }
  }

  private static let families = Kind(
    "families", "On which compute capabilities code for the target of a family runs.", ["target", "runs on"]
  ) { tables in
    tables.architectures.families.map { row in
      (
        ["sm_\(row.target)f", row.members.map { "\($0)" }.joined(separator: ", ")],
        tables.architectures.sources[row.source]
      )
    }
  }

  private static let forwardCompatibility = Kind(
    "compat", "The packages cuda-compat-X-Y, and on which driver branches they run.",
    ["CUDA", "hosts", "supported today"]
  ) { tables in
    tables.toolkits.forwardCompatibility.map { row in
      (
        [
          "\(row.cuda)", row.hosts.map { "R\($0)" }.joined(separator: ", "),
          row.supportedHosts.map { $0.map { "R\($0)" }.joined(separator: ", ") } ?? "",
        ], tables.toolkits.sources[row.source]
      )
    }
  }

  private static let images = Kind(
    "images", "The newest base image of a CUDA version.", ["CUDA", "image", "certainty"]
  ) { tables in
    tables.containers.baseImages.map {
      (["\($0.cuda)", $0.image, certainty($0.confirmed)], tables.containers.sources[$0.source])
    }
  }

  private static let jetPack = Kind(
    "jetpack", "Releases of JetPack, with Jetson Linux, CUDA and what nvidia-smi prints.",
    ["JetPack", "Jetson Linux", "CUDA", "driver", "CC", "PyTorch", "certainty"]
  ) { tables in
    tables.jetson.jetPacks.map { row in
      (
        [
          row.jetPack, row.jetsonLinux.map { "\($0)" }.joined(separator: "."), "\(row.cuda)",
          row.driver?.description ?? "", row.computeCapabilities.map { "\($0)" }.joined(separator: ", "),
          tables.jetson.wheels(for: row).map { "\($0.index) (Python \($0.python))" } ?? "",
          certainty(row.confirmed),
        ], tables.jetson.sources[row.source]
      )
    }
  }

  private static let ngc = Kind(
    "ngc",
    "Images of NGC by month, as far as documents were read, with the driver that their release notes ask for.",
    ["image", "CUDA", "driver", "framework", "Python", "certainty"]
  ) { tables in
    tables.containers.ngcImages.map { row in
      (
        [
          row.name, "\(row.cuda)", row.driver?.description ?? "", row.framework ?? "", row.python ?? "",
          certainty(row.confirmed),
        ], tables.containers.sources[row.source]
      )
    }
  }

  private static let packages = Kind(
    "packages",
    "Packages on PyPI that `cubinspect which` knows, and how many of their releases were measured.",
    ["package", "machine", "measured", "releases", "from", "to", "as of"]
  ) { _ in
    let table = SurveyTable.shipped
    return table.names.flatMap { name in
      let wheels = (try? table.measured(of: name)) ?? []
      return ((try? table.packages(named: name)) ?? []).map { package in
        let own = wheels.filter { $0.machine == package.machine }.map(\.release)
        return (
          [
            name, package.machine, "\(own.count)", "\(package.releases.count)", own.first ?? "",
            own.last ?? "",
            package.asOf,
          ], "the wheels on PyPI, measured by this program"
        )
      }
    }
  }

  private static let ptx = Kind(
    "ptx",
    "Versions of the PTX instruction set, with the CUDA version and the driver branch that brought them.",
    ["PTX ISA", "CUDA", "branch", "new targets", "certainty"]
  ) { tables in
    tables.drivers.ptxISA.map { row in
      (
        [
          "\(row.ptxISA)", row.cuda?.description ?? "", row.driver.map { "R\($0)" } ?? "",
          row.newTargets?.joined(separator: " ") ?? "", certainty(row.confirmed),
        ], tables.drivers.sources[row.source]
      )
    }
  }

  private static let pytorch = Kind(
    "pytorch", "Official builds of PyTorch for Linux.",
    [
      "PyTorch", "CUDA", "default", "Python", "cuDNN", "Triton", "torchvision", "torchaudio", "x86-64",
      "AArch64",
      "certainty",
    ]
  ) { tables in
    tables.pytorch.releases.flatMap { release in
      release.builds.map { build in
        let version = (build.versions ?? release.versions).last ?? release.series
        return (
          [
            (build.versions ?? release.versions).joined(separator: ", "), "\(build.cuda)",
            build.isDefault ? "yes" : "",
            range(release.python), build.cudnn ?? "", tables.pytorch.triton(for: version) ?? "",
            tables.pytorch.version(of: "torchvision", for: version) ?? "",
            tables.pytorch.version(of: "torchaudio", for: version) ?? "", "\(build.targets)",
            build.targetsAArch64?.description ?? "", certainty(build.isConfirmed),
          ], tables.pytorch.sources[build.source]
        )
      }
    }
  }

  private static let triton = Kind(
    "triton", "Releases of Triton, with the ptxas in them and the GPUs that they compile for.",
    ["Triton", "ptxas", "GPUs", "PyTorch"]
  ) { tables in
    tables.runtime.releases(of: "Triton").map { row in
      let gpus = tables.architectures.rows.map(\.computeCapability).filter {
        $0 >= ComputeCapability(7, 0) && row.makesCode(for: Device($0, tables: tables), by: tables) == true
      }
      return (
        [
          row.version, row.assemblers.map { "\($0.tool) of CUDA \($0.toolkit)" }.joined(separator: ", "),
          gpus.map(\.description).joined(separator: ", "),
          tables.pytorch.triton.filter { $0.triton == row.version }.map(\.torch).joined(separator: ", "),
        ], tables.runtime.sources[row.source]
      )
    }
  }

  private static func certainty(_ value: Bool?) -> String { value == false ? "probably" : "" }

  private static func range(_ versions: [String]) -> String {
    guard let first = versions.first, let last = versions.last, versions.count > 1 else {
      return versions.first ?? ""
    }
    return "\(first) to \(last)"
  }
}
