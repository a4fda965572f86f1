import Archives
import CommandLineSyntax
import Report
import Scan

extension Flag {
  /// The same with what applies without it in one command; nil where it is needed.
  func defaulting(to value: String?) -> Flag {
    var flag = self
    flag.defaultValue = value
    return flag
  }

  static let gpu = Flag(
    "gpu", .repeated("GPU"),
    values: .suggestions(["A100", "H100", "L4", "RTX 4090", "T4", "V100", "sm_80", "auto"]),
    documentation: """
      Judge for this GPU: a name as nvidia-smi prints it or as people say it (A100, "RTX 4090", "H100 NVL"), \
      a compute capability (8.0) or a target (sm_80), an architecture (Ampere) or a series ("RTX 50 series"), \
      a PCI id (10de:2b85), a machine of a cloud (g5.xlarge). Several are separated by commas, and how many there are \
      does not matter (8xH100). auto is every GPU of this machine, with its driver. May be given several times.
      """,
    defaultValue: "one GPU of each current generation", group: "What to judge for")
  static let driver = Flag(
    "driver", .value("VERSION"), values: .suggestions(["auto"]),
    documentation: """
      Judge for this driver too: a release (460.32.03), a branch (535), the CUDA version that nvidia-smi prints \
      (12.2), or auto for that of this machine. Of what newer ones print, KMD Version is the release and CUDA UMD \
      Version the CUDA version. Whether it supports the GPU and the CUDA runtimes, satisfies the \
      image, and knows the PTX version and the compression of each piece of code.
      """,
    defaultValue: "the driver is left out of the verdict", group: "What to judge for")
  static let host = Flag(
    "host", .value("FILE"), values: .files,
    documentation: """
      Judge for the GPUs and the driver of another machine: FILE is what nvidia-smi, nvidia-smi -L, nvidia-smi -q or a \
      query of it as CSV has printed there; - is standard input. --gpu and --driver take the place of what it says.
      """,
    group: "What to judge for")
  static let blobs = Flag(
    "blobs", .value("DIR"), values: .directories,
    documentation: """
      Where blobs are that an OCI layout shares with others: DIR/sha256 has what the layout lacks.
      """,
    group: "Archives and images")
  static let followLinks = Flag(
    "follow-links", .repeated("DIR"), values: .directories,
    documentation: """
      Follow symbolic links that lead out of a directory into DIR, and read what they lead to as though it were where the \
      links are, as in an environment of links into the cache of uv. Nothing else in DIR is read. May be given several \
      times.
      """,
    defaultValue: "links that lead outside are not followed, and those that may be missed are a problem",
    group: "What to read")
  static let layers = Flag(
    "layers", .value("DIR"), values: .directories,
    documentation: """
      Where facts of layers are, as facts --layer writes them: DIR/sha256/HEX.json, or HEX.json.gz, by the layer's digest. \
      Such a layer of an OCI layout is not read, and need not be there.
      """,
    group: "Archives and images")
  static let wheelPython = Flag(
    "python", .value("VERSION"), values: .suggestions(["3.10", "3.12"]),
    documentation: "The version of Python for which pypi: fetches a wheel.", defaultValue: "that of pip",
    group: "Archives and images")
  static let imageConfig = Flag(
    "image-config", .repeated("FILE"), values: .files,
    documentation: """
      Judge for the image that PATH comes from too: its configuration as JSON, an OCI or Docker image \
      configuration or what docker inspect prints. May be given several times. A PATH that is an image has its own.
      """,
    group: "What to judge for")
  static let require = Flag(
    "require", .repeated("[NAME=]TARGETS"),
    documentation: """
      Demand that every library carries these targets, separated by commas: sm_80,sm_90a,compute_120. Or the list is written as \
      for PyTorch, "8.0;8.6;9.0a+PTX", where 8.0 is machine code that runs on 8.0, or as for CMake, "80-real;90-virtual", where 80 is \
      both sm_80 and compute_80. A target that is missing is a finding, and so is finding no device code at all. With NAME= only of \
      the libraries of this name, in which * stands for any characters: 'libtorch*=sm_80,sm_90'. May be given several times; \
      all holds. Without --gpu nothing is said about GPUs.
      """,
    group: "What to judge for")
  static let requireExact = Flag(
    "require-exact",
    documentation: """
      Demand that libraries carry nothing but what --require names: another target is a finding too.
      """,
    group: "What to judge for")
  static let requirePTX = Flag(
    "require-ptx", .value("WHICH"), values: .choices(["highest"]),
    documentation: """
      Demand that every library carries PTX for the newest target for which it has machine code, so that it runs on later GPUs.
      """,
    group: "What to judge for")
  static let failOn = Flag(
    "fail-on", .value("LEVEL"),
    values: .choices(["never", "incompatible", "partial", "notGuaranteed", "jit"]),
    documentation: """
      Exit with status 1 when a verdict is this bad or worse. A failed check of the software around the code counts \
      as incompatible. A target of --require that is missing fails at every level.
      """,
    defaultValue: "incompatible with --gpu, else never", group: "What to judge for")
  static let target = Flag(
    "target", .repeated("TARGET"),
    values: .suggestions(["sm_80", "sm_90", "sm_90a", "sm_100", "compute_90"]),
    documentation:
      "Only code for this target, such as sm_90, sm_90a or compute_80. May be given several times.",
    group: "What to show")
  static let package = Flag(
    "package", .value("NAME"),
    documentation: "Only the package of this name among those under PATH: xformers, torch.",
    group: "What to show")
  static let match = Flag(
    "match", .value("REGEX"),
    documentation: """
      Only kernels whose name, as it is shown, has a part that matches this regular expression: a POSIX extended \
      one, as grep -E takes it. Letters match in their own case, unless --ignore-case is given.
      """,
    group: "What to show")
  static let ignoreCase = Flag(
    "ignore-case", short: "i", documentation: "Let --match take capital and small letters as the same.",
    group: "What to show")
  static let condition = Flag(
    "where", .repeated("CONDITION"),
    values: .suggestions(["stack>0", "local>0", "registers>=128", "shared>48KiB", "size>=1MB"]),
    documentation: """
      Only kernels that meet a condition such as "stack>0": a field, one of > >= < <= = !=, and a number, to which KiB, MiB, kB \
      or MB may be added where it counts bytes. The fields are registers, stack, local, shared, code, and size, which is the \
      bytes that all copies take in the file. May be given several times: all have to hold for one target, and only the \
      targets for which they do are shown. PTX has no numbers.
      """,
    group: "What to show")
  static let sort = Flag(
    "sort", .value("ORDER"), values: .choices(KernelSelection.Order.allCases.map(\.rawValue)),
    documentation: """
      By name; or by a number as --where names it, largest first, of the target that has most.
      """,
    defaultValue: "name", group: "What to show")
  static let top = Flag(
    "top", .value("N"), documentation: "Only the first N kernels; with --summary of each list.",
    defaultValue: "all, with --summary 10", group: "What to show")
  static let mangled = Flag(
    "mangled", documentation: "Show names as the linker knows them.", group: "What to show")
  static let stubs = Flag(
    "stubs",
    documentation: """
      Only suspected stubs: kernels that were compiled out for some targets, where nothing is left of them but an \
      empty body, a trap or a message, while they do work for others. Shows how many there are for each target, and each \
      function with what its code is for the targets.
      """,
    group: "What to show")
  static let summary = Flag(
    "summary",
    documentation: """
      In place of the list, show what every byte of the file is: sections, targets, parts of the cubins, kernels \
      that are compiled into several modules, and the largest kernels.
      """,
    group: "What to show")
  static let data = Flag(
    "data", .repeated("FILE"), values: .files,
    documentation: """
      Judge by the rows in this JSON file too: a GPU, a driver branch or a PyTorch release that this program does \
      not know. A row that it knows is replaced. A file with whole tables, as the package cubinspect-data has it, takes \
      the place of the program's. May be given several times; Docs/Data.md describes the files.
      """,
    group: "Tables", settings: .none)
  static let failOnLoss = Flag(
    "fail-on", .value("LOSS"),
    values: .suggestions(["never", "lost"] + Loss.allCases.map(\.rawValue)),
    documentation: """
      Exit with status 1 when this was lost: library, target, kernel, gpu or driver, several separated by commas, or lost \
      for any of them. A PTX version counts as driver.
      """,
    defaultValue: "never", group: "What to compare", settings: .ofCommand)
  static let noKernels = Flag(
    "no-kernels",
    documentation: """
      Compare targets, PTX versions, sizes and GPUs only: headers are read and nothing is decompressed. Modules that are for \
      other GPUs by the names of their kernels count as gaps.
      """,
    group: "What to compare")
  static let output = Flag(
    "output", short: "o", .repeated("FORMAT[=FILE]"), values: .suggestions(["text", "json"]),
    documentation: """
      Write the result as text or json, to FILE or to standard output. May be given several times: \
      -o text -o json=report.json does both.
      """,
    defaultValue: "text", group: "Output", settings: .writesFiles)
  static let kernelsOutput = Flag(
    "output", short: "o", .repeated("FORMAT[=FILE]"), values: .suggestions(["text", "json", "csv", "tsv"]),
    documentation: """
      Write the result as text or json, or as csv or tsv with a line for each kernel and target, to FILE or to standard \
      output. May be given several times: -o text -o csv=kernels.csv does both.
      """,
    defaultValue: "text", group: "Output", settings: .writesFiles)
  static let tableOutput = Flag(
    "output", short: "o", .repeated("FORMAT[=FILE]"),
    values: .suggestions(["text", "markdown", "csv", "tsv", "json"]),
    documentation: """
      Write the table as text, markdown, csv, tsv or json, to FILE or to standard output. May be given several times.
      """,
    defaultValue: "text", group: "Output", settings: .writesFiles)
  static let scanOutput = Flag(
    "output", short: "o", .repeated("FORMAT[=FILE]"),
    values: .suggestions(Output.Format.allCases.map(\.rawValue)),
    documentation: """
      Write the result to FILE or to standard output, as text, as short text with one line for each GPU, as json, or in a \
      form for other tools: ndjson, csv and tsv (a line for each library and GPU), markdown (for a job's summary or a comment), \
      html (one page), sarif, junit, cyclonedx (a bill of materials). May be given several times: -o text -o json=report.json does both.
      """,
    defaultValue: "text", group: "Output", settings: .writesFiles)
  static let sarifLocation = Flag(
    "sarif-location", .value("FILE"), values: .suggestions(["Dockerfile"]),
    documentation: """
      Let every result of -o sarif point to FILE, a path in the repository, and name what was scanned in its message: \
      for images, whose files are in no repository.
      """, group: "Output")
  static let bom = Flag(
    "bom", .value("FILE"), values: .files,
    documentation: """
      Let -o cyclonedx write this bill of materials (CycloneDX as JSON) with what was found: targets and verdicts of its packages, \
      which are found by their package URLs, and the packages with device code that it lacks.
      """, group: "Output", settings: .variable)
  static let details = Flag(
    "details",
    documentation: """
      Show everything: why each library runs or not, which kernels are missing, all evidence, and what was assumed.
      """, group: "Output")
  static let noPlan = Flag(
    "no-plan",
    documentation: """
      Leave out what to do about what does not run. Finding that out takes most of the time where files of facts are judged.
      """, group: "What to judge for")
  static let factsFile = Flag(
    "output", short: "o", .value("FILE"), values: .files,
    documentation: "Write the facts into FILE, which appears whole or not at all.",
    defaultValue: "standard output", group: "Output", settings: .writesFiles)
  static let compact = Flag(
    "compact",
    documentation: """
      Leave out what no verdict depends on: digests, sizes, and the names of kernels, in whose place are shorter ones by \
      which everything is judged alike. PATH may also be facts that were written down before.
      """,
    group: "What to write")
  static let layer = Flag(
    "layer",
    documentation: """
      PATH is one layer of images, as a registry has it: write down what it adds and removes, so that images with it can be \
      judged without it (--layers).
      """,
    group: "What to write")
  static let python = Flag(
    "python", .value("VERSION"), values: .suggestions(["3.10", "3.12"]),
    documentation: "Only releases with a wheel for this version of Python.", defaultValue: "any",
    group: "What to judge for")
  static let cuda = Flag(
    "cuda", .value("VERSION"), values: .suggestions(["11.8", "12.8", "13.0"]),
    documentation:
      "Only wheels that are built for this version of CUDA, or for an older one of its major version.",
    defaultValue: "any", group: "What to judge for")
  static let machine = Flag(
    "machine", .value("MACHINE"), values: .choices(["x86_64", "aarch64"]),
    documentation: "Only wheels for this processor.",
    defaultValue: "that of the GPU where it is part of one, else x86_64", group: "What to judge for")
  static let json = Flag(
    "json", documentation: "The same as -o json.", group: "Output", settings: .none)
  static let limit = Flag(
    "limit", .repeated("NAME=VALUE"),
    values: .suggestions(ArchiveLimits.Name.allCases.map { "\($0.rawValue)=\(defaultLimit($0))" }),
    documentation: """
      Read archives and images up to this limit; what goes past it is a problem. Sizes may end in KiB, MiB, GiB or \
      TiB. May be given several times. The limits and their defaults:

      """
        + ArchiveLimits.Name.allCases.map { "  \($0.rawValue)=\(defaultLimit($0))\n    \($0.meaning)" }
        .joined(separator: "\n"),
    group: "Archives and images", settings: .variable)
  private static func defaultLimit(_ name: ArchiveLimits.Name) -> String {
    let value = ArchiveLimits()[name]
    return name.isSize ? ByteSize(value).description : "\(value)"
  }
  static let platform = Flag(
    "platform", .value("OS/ARCH[/VARIANT]"), values: .suggestions(["linux/amd64", "linux/arm64"]),
    documentation: """
      Of an image for several platforms only the one for this, such as linux/arm64. registry: and pypi: fetch what is for \
      this.
      """,
    defaultValue: "all linux platforms", group: "Archives and images")
  static let jobs = Flag(
    "jobs", .value("N"), documentation: "Use at most N threads. The result is the same for every N.",
    defaultValue: "the number of processors", group: "Running")

  static let cache = Flag(
    "cache", .value("DIR"), values: .directories,
    documentation: """
      Keep what was found in DIR, which is made if it is missing, and take it from there when everything under PATH is as it was: \
      names, sizes and times are compared, and no file is opened. The first time takes longer, because facts for every GPU \
      and driver are found. Standard input and what is fetched are not kept. The command cache shows and clears DIR.
      """,
    defaultValue: "nothing is kept", group: "Running", settings: .variable)
  static let unused = Flag(
    "unused", .value("DAYS"), documentation: "With prune: remove facts that were not used for so many days.",
    defaultValue: "30", group: "What to remove")

  static let verify = Flag(
    "verify",
    documentation: """
      Decompress everything and compare it with the headers: targets, PTX versions, sizes. Whatever does not agree \
      or does not decompress is a problem. Also shows the toolkit and the compiler's arguments of each image.
      """, group: "What to read")
  static let kind = Flag(
    "kind", .repeated("KIND"), values: .choices(["cubin", "ptx", "ltoir"]),
    documentation: "Only images of this kind. May be given several times.", group: "What to show")
  static let into = Flag(
    "into", .value("DIR"), values: .directories,
    documentation: "Write the files into this directory; it is made if it is missing.",
    group: "Where to write", settings: .writesFiles)
  static let force = Flag(
    "force", documentation: "Replace files that are there already.", group: "Where to write",
    settings: .writesFiles)

  static let color = Flag(
    "color", .value("WHEN"), values: .choices(["auto", "always", "never"]),
    documentation: "When to colour text. auto colours it on a terminal.", defaultValue: "auto",
    group: "General")
  static let quiet = Flag(
    "quiet", short: "q",
    documentation: """
      Write nothing but errors to standard error: no progress and no summary, which are shown there on a terminal only.
      """,
    group: "General")
  static let config = Flag(
    "config", .value("FILE"), values: .files,
    documentation: """
      Take options, and what is ignored, from this TOML file, or from [tool.cubinspect] of a pyproject.toml; none leaves out \
      what would be found. The command config explains it.
      """,
    defaultValue: "cubinspect.toml or pyproject.toml here, or above", group: "General", settings: .variable)
  static let help = Flag(
    "help", short: "h", documentation: "Explain the command and exit.", group: "General",
    replacesCommand: true)
  static let version = Flag(
    "version", documentation: "Print the version and the date of the tables, and exit.", group: "General",
    replacesCommand: true)
}

extension Command {
  static let scan = Command(
    "scan", summary: "Say on which GPUs the software under each PATH runs.",
    discussion: """
      Finds every library, executable and device code file under PATH, and judges the CUDA device code in them \
      for each GPU. Nothing is executed, and neither a GPU nor a driver is needed.

      The verdict on a library is the verdict on its modules, the units among whose images the driver chooses:
        native         runs as it is
        jit            runs after the driver compiles PTX: the first start is slow
        partial        some kernels run, others fail when they are called
        notGuaranteed  may run; NVIDIA does not promise it
        incompatible   nothing runs ("no kernel image is available")
        noDeviceCode   there is no device code to judge

      Where PyTorch, CUDA libraries, toolkits or an image are found under PATH, they are judged with the driver and \
      the GPUs: first in a line for each pair, then with reasons and with what mends them. So are packages that \
      compile device code when they run (Triton, CuPy, JAX), with the compilers that they find.
      """,
    positionals: [
      Positional(
        "PATH", .oneOrMore, values: .files,
        documentation: """
          A directory such as torch/lib, site-packages or an unpacked root file system; a wheel, a conda package, a \
          tar, or a folder of wheels; an image from docker save, as an OCI archive or layout, or of Singularity or \
          Apptainer (SIF); a SquashFS image; or one file: a library, an executable, or a .o, .a, .cubin, .fatbin or .ptx \
          file; or what the command facts has written. It is told by its content, not by its name.

          Or what is fetched first:
            -                    any such file that comes as standard input
            docker:app:latest    an image that docker has; podman: likewise
            registry:HOST/REPO:TAG
                                 an image in a registry, through skopeo, docker
                                 or podman, or the Python package of this
                                 program
            oci:DIR              a folder with an OCI image layout
            pypi:torch==2.9.1    a wheel that pip downloads

          A file of such a name is written ./docker:app.
          """)
    ],
    flags: [
      .gpu, .driver, .host, .imageConfig, .require, .requireExact, .requirePTX, .failOn, .noPlan,
      .followLinks,
      .platform, .blobs,
      .layers, .wheelPython, .limit, .data,
      .details, .scanOutput, .json, .sarifLocation, .bom, .jobs, .cache,
    ],
    examples: [
      Example("Does this environment run on an A100?", "cubinspect scan site-packages --gpu A100"),
      Example(
        "On two kinds of GPU, with the driver that is installed there?",
        "cubinspect scan torch/lib --gpu V100 --gpu A100 --driver 460.32.03"),
      Example(
        "Does this image run on the machine where I am?",
        "docker inspect app | cubinspect scan / --gpu auto --image-config /dev/stdin"),
      Example(
        "Does this image run on another machine, of which I have the output of nvidia-smi?",
        "docker save app | cubinspect scan - --host nvidia-smi.txt"),
      Example(
        "Does what we built carry every target that we promise?",
        "cubinspect scan build/lib --require sm_80,sm_90,compute_90"),
      Example(
        "Is it what the build was told, and does later hardware run it?",
        "cubinspect scan lib --require \"$ARCHS\" --require-exact --require-ptx highest"),
      Example(
        "Fail the job if anything would start slowly, and keep a report:",
        "cubinspect scan dist --gpu sm_80 --fail-on jit -o text -o json=report.json"),
    ])

  static let check = Command(
    "check",
    summary: "Say whether the Python environment that is active here runs on the GPUs of this machine.",
    discussion: """
      Looks at the active virtual environment (VIRTUAL_ENV) or conda environment (CONDA_PREFIX), else at the packages of the \
      Python that would start, and at this machine's GPUs and driver, and answers as scan does. The answer begins with what \
      was looked at and how it was found. Where there is no GPU it says so, and shows on which current GPUs the environment \
      runs. Without a command the program does this.
      """,
    positionals: [
      Positional(
        "PATH", .any, values: .files,
        documentation: "What to look at in place of the environment: what scan takes.")
    ],
    flags: [
      .gpu.defaulting(to: "the GPUs of this machine, else one of each current generation"), .driver, .host,
      .imageConfig, .require, .requireExact, .requirePTX, .failOn, .noPlan, .followLinks, .platform, .blobs,
      .wheelPython, .limit, .data,
      .details, .scanOutput, .json, .sarifLocation, .bom, .jobs, .cache,
    ],
    examples: [
      Example("Does what is here run here?", "cubinspect check"),
      Example("Would it run on an A100?", "cubinspect check --gpu A100 --driver 535"),
      Example(
        "Does it run on the machine of this nvidia-smi?", "ssh node nvidia-smi | cubinspect check --host -"),
    ])

  static let facts = Command(
    "facts", summary: "Write down what is under each PATH, to be judged later for any GPU and driver.",
    discussion: """
      Reads what scan reads, and what it would read for any other GPU and driver, and writes it as one JSON document: \
      the targets of all modules, the names of the kernels that a verdict may depend on, the packages and libraries \
      around them. Nothing in it depends on a GPU, a driver or the time. scan takes such a file as a PATH, and reports \
      what it would report on the files themselves.

      It takes longer than a scan, because verdicts on some GPUs depend on the names of kernels: those are decompressed.
      """,
    positionals: [
      Positional(
        "PATH", .oneOrMore, values: .files,
        documentation: "A directory, a wheel or another package, an image, or one file, as for scan.")
    ],
    flags: [
      .compact, .layer, .imageConfig, .followLinks, .platform, .blobs, .layers, .wheelPython, .limit, .data,
      .factsFile,
      .jobs, .cache,
    ],
    examples: [
      Example(
        "Keep what there is to know about a wheel:", "cubinspect facts torch-2.9.1.whl -o torch.json"),
      Example(
        "Does it run there? Without the wheel:", "cubinspect scan torch.json --gpu V100 --driver 535"),
      Example("Ask about many images on many GPUs:", "cubinspect facts images/*.tar -o images.json"),
      Example(
        "Read a layer once, for all images that have it:",
        "cubinspect facts --layer blobs/sha256/4f06e8… -o layers/sha256/4f06e8….json"),
    ])

  static let list = Command(
    "list", summary: "List every image of device code in each FILE.",
    discussion: """
      Shows for every image its module, section, kind, target, size, compression, PTX version and, where the bytes \
      tell it, the toolkit that made it. Only headers are read, unless --verify asks for the images themselves.
      """,
    positionals: [
      Positional(
        "FILE", .oneOrMore, values: .files,
        documentation: "A library, an executable, or a .o, .a, .cubin, .fatbin or .ptx file.")
    ],
    flags: [.verify, .output, .json, .jobs],
    examples: [
      Example("What is in this library?", "cubinspect list libtorch_cuda.so"),
      Example("Is it what its headers say?", "cubinspect list --verify libtorch_cuda.so"),
      Example("The same for a program to read:", "cubinspect list -o json libtorch_cuda.so"),
    ])

  static let kernels = Command(
    "kernels", summary: "List every kernel in each FILE, or what takes its bytes.",
    discussion: """
      Decompresses all cubins and PTX, and shows each kernel once, with all targets that have it: its registers and \
      bytes of stack and local memory per thread, static shared memory per block, constant bank 0, parameters, and \
      machine code. A range such as 24–40 spans the targets; --target shows one of them, and -o json each by itself. \
      Kernels in PTX have no such numbers before the driver compiles them. On a terminal, names are cut to its width.
      """,
    positionals: [
      Positional(
        "FILE", .oneOrMore, values: .files,
        documentation: "A library, an executable, or a .o, .a, .cubin, .fatbin or .ptx file.")
    ],
    flags: [
      .target, .match, .ignoreCase, .condition, .sort, .top, .mangled, .stubs, .summary, .kernelsOutput,
      .json, .jobs,
    ],
    examples: [
      Example("Why is this library so big?", "cubinspect kernels --summary libtorch_cuda.so"),
      Example(
        "Which softmax kernels does an H100 run, and with how many registers?",
        "cubinspect kernels --target sm_90 --match softmax libtorch_cuda.so"),
      Example("Which kernels do nothing on some GPUs?", "cubinspect kernels --stubs libtorch_cuda.so"),
      Example("The ten largest kernels:", "cubinspect kernels --sort size --top 10 libtorch_cuda.so"),
      Example(
        "Which kernels need a stack on an A100, where registers may be spilled to?",
        "cubinspect kernels --target sm_80 --where \"stack>0\" --sort stack libfoo.so"),
      Example(
        "Every kernel and target for a spreadsheet:", "cubinspect kernels -o csv=kernels.csv libfoo.so"),
    ])

  static let diff = Command(
    "diff", summary: "Say what the device code of NEW has lost and gained against OLD.",
    discussion: """
      Compares the libraries of two releases: their targets, PTX versions and kernels, and the bytes that each \
      target takes. A library is compared with the one of the same path; where there is none, with the one whose \
      name differs only in a version, a Python tag or a hash (libfoo.so.9.1 and libfoo.so.9.2), then with one of \
      that name in another folder, then with one that has most of its kernels. Two files are compared whatever \
      their names.

      Lost is
        a library      when NEW has none for it, or none with device code
        a target       when no module of the library carries it any more
        a PTX version  when only newer ones are left, which older drivers refuse
        a kernel       when the library has it no more for a target that it still
                       carries, and no other library gained it
        a GPU          when the library ran on those of its compute capability and
                       no longer does, or only in part
        a driver       when a GPU needs a newer one than before

      Kernels are compared by their mangled names without what changes with every build: the hashes of \
      anonymous namespaces and static functions, and the versions of CUB and Thrust. Identical files are not \
      decompressed.
      """,
    positionals: [
      Positional(
        "OLD", values: .files,
        documentation: "A directory, one file such as a library, or what is fetched first, as for scan."),
      Positional("NEW", values: .files, documentation: "What to compare with it."),
    ],
    flags: [
      .failOnLoss, .noKernels, .followLinks, .platform, .blobs, .wheelPython, .limit, .data, .output, .json,
      .jobs,
    ],
    examples: [
      Example("What does the new release lack?", "cubinspect diff torch-2.4/lib torch-2.5/lib"),
      Example(
        "Stop a release that drops a GPU or a kernel, and keep the whole list:",
        "cubinspect diff last/ dist/ --fail-on gpu,kernel -o text -o json=diff.json"),
      Example("Only targets and sizes:", "cubinspect diff --no-kernels old.so new.so"),
    ])

  static let extract = Command(
    "extract", summary: "Write the images of device code in each FILE into files of their own.",
    discussion: """
      Decompresses every image and writes it as a .cubin, .ptx or .ltoir file, as NVIDIA's tools take them. The name \
      is made of the FILE's name, the number that list shows, and the target: libfoo.0007.sm_90a.cubin. Characters \
      of the FILE's name that are not safe in a name become _, and a second FILE of the same name gets libfoo-2.

      If any of the files exists already, nothing is written, unless --force is given. A file appears whole or not \
      at all. Nothing is written outside DIR, and symbolic links in it are not followed.

      Compressed LTO-IR is obfuscated; it cannot be decompressed and is left out. An image that does not decompress \
      is a problem, and the others are written.
      """,
    positionals: [
      Positional(
        "FILE", .oneOrMore, values: .files,
        documentation: "A library, an executable, or a .o, .a, .cubin, .fatbin or .ptx file.")
    ],
    flags: [.into, .force, .target, .kind, .output, .json, .jobs],
    examples: [
      Example("All of it:", "cubinspect extract libfoo.so --into images"),
      Example(
        "Only what an H100 would load:",
        "cubinspect extract libfoo.so --into images --target sm_90 --target sm_90a"),
      Example("Only PTX:", "cubinspect extract libfoo.so --into images --kind ptx"),
    ])

  static let gpus = Command(
    "gpus", summary: "Show the GPUs that this program knows, and what is known of one.",
    discussion: """
      Where QUERY means one kind of GPU, or a few, it also tells which drivers and CUDA toolkits support it, which PyTorch is \
      the newest for it, which targets it runs, and how to compile for it.
      """,
    positionals: [
      Positional(
        "QUERY", .optional, values: .suggestions(["A100", "RTX 4090", "8.0", "sm_80"]),
        documentation: """
          A part of a name, or what --gpu of scan takes: a PCI id (10de:2b85), a compute capability (8.0); or a target \
          (sm_80), for the GPUs that run its code as it is.
          """)
    ],
    flags: [.data, .output, .json],
    examples: [
      Example("What supports a GTX 1080 Ti?", "cubinspect gpus \"GTX 1080 Ti\""),
      Example("Which GPUs run code for sm_80 natively?", "cubinspect gpus sm_80"),
      Example("All of them for a program to read:", "cubinspect gpus -o json"),
    ])

  static let which = Command(
    "which", summary: "Say which release of a PACKAGE on PyPI runs on a GPU.",
    discussion: """
      Finds the newest release whose wheels carry what the GPU needs, the command that installs it, and the oldest \
      driver; since when the GPU is supported or no longer is; and what the newest release has that this one has not.

      It is answered from what this program itself measured in the wheels of many packages, and judged as scan judges \
      the wheels. The answer says how far a package was measured. What was not measured is not guessed. tables \
      packages lists the measured packages.

      --gpu or --host has to name the GPU.
      """,
    positionals: [
      Positional(
        "PACKAGE", values: .suggestions(["torch", "bitsandbytes", "onnxruntime-gpu", "xformers"]),
        documentation: "The name of a package on PyPI, such as bitsandbytes.")
    ],
    flags: [.gpu.defaulting(to: nil), .driver, .host, .python, .cuda, .machine, .data, .output, .json],
    examples: [
      Example(
        "Which bitsandbytes runs on a GTX 980?", "cubinspect which bitsandbytes --gpu \"GTX 980\""),
      Example(
        "Which PyTorch runs on both, with the driver that is there?",
        "cubinspect which torch --gpu V100 --gpu H100 --driver 535"),
      Example("For a program to read:", "cubinspect which onnxruntime-gpu --gpu B200 -o json"),
    ])

  static let tables = Command(
    "tables", summary: "Show what this program knows, as a table NAME.",
    discussion: """
      The tables by which everything is judged: drivers, toolkits, PTX, builds of PyTorch, cuDNN, Triton, JetPack, \
      machines of clouds, images of NGC. As CSV and JSON each row has its source. Rows that no document confirms are \
      marked "probably". Without NAME the tables are listed.
      """,
    positionals: [
      Positional(
        "NAME", .any,
        values: .suggestions([
          "architectures", "cloud", "compat", "compilers", "cuda", "cudnn", "drivers", "families", "images",
          "jetpack",
          "ngc", "packages", "ptx", "pytorch", "triton",
        ]),
        documentation: """
          The name of a table; then words that every shown row must have: pytorch 2.9, drivers 580, cloud aws.
          """)
    ],
    flags: [.tableOutput, .json, .data],
    examples: [
      Example("Which builds of PyTorch are there for CUDA 12.8?", "cubinspect tables pytorch 12.8"),
      Example("Which CUDA does driver 580 support?", "cubinspect tables drivers R580"),
      Example("For a wiki page, or a spreadsheet:", "cubinspect tables cuda -o markdown -o csv=cuda.csv"),
    ])

  static let explain = Command(
    "explain",
    summary: "Say why something runs on a GPU or not, what a target is, or what an error message means.",
    discussion: """
      WHAT is taken as the first of these that it is:
        a path    one word that names something that exists, or what scan fetches,
                  such as pypi:torch==2.9.1
        a target  one word such as sm_100f or compute_90
        a text    everything else: the message of an error

      Of a path it tells step by step how the verdict that scan gives came about: what the rules say of each target, which \
      modules there are, what the driver takes of each, and what follows for each library and package. --gpu has to name the GPU.

      Of a target it tells what it is, which GPUs run its code, and which toolkits compile for it; with --gpu whether that \
      GPU runs it, and why.

      In a text, or a whole log, it recognises what CUDA, PyTorch, Triton, compilers and the container toolkit say when device \
      code, a driver and a GPU do not fit; a GPU that the text names stands in the commands. A text that is also the name of a \
      file is read from standard input.
      """,
    positionals: [
      Positional(
        "WHAT", .oneOrMore, values: .files,
        documentation: """
          A path as for scan, a target, or the message, the name or the number of an error; - reads a text from standard \
          input.
          """)
    ],
    flags: [
      .gpu.defaulting(to: nil), .driver, .host, .imageConfig, .package, .followLinks, .platform, .blobs,
      .wheelPython,
      .limit, .data, .details,
      .jobs, .cache,
    ],
    examples: [
      Example("Why does it run there, or not?", "cubinspect explain libfoo.so --gpu A100 --driver 535"),
      Example(
        "The same for one package of an environment:",
        "cubinspect explain site-packages --package xformers --gpu H100"),
      Example("What is this target, and does a B300 run it?", "cubinspect explain sm_100f --gpu B300"),
      Example(
        "What does this message mean?", "cubinspect explain 'no kernel image is available'"),
      Example("What is in this log?", "cubinspect explain - < job.log"),
    ])

  static let cache = Command(
    "cache", summary: "Show, prune or clear what --cache keeps.",
    discussion: """
      With --cache DIR the commands scan, check, facts and explain keep what they find, one file in DIR for each scan: who looks \
      again at what has not changed gets the answer at once, for any GPU and driver. What has changed is read again, and \
      kept as another file; prune removes what is no longer used. Nothing else in DIR is touched. Who can write to DIR can \
      change answers.
      """,
    positionals: [
      Positional(
        "ACTION", .optional, values: .choices(["show", "prune", "clear"]),
        documentation: "show, prune or clear. Without it: show.")
    ],
    flags: [.cache.defaulting(to: nil), .unused],
    examples: [
      Example("Keep what is found:", "cubinspect scan site-packages --gpu A100 --cache ~/.cache/facts"),
      Example("How much is it?", "cubinspect cache --cache ~/.cache/facts"),
      Example(
        "Remove what was not used for a week:",
        "cubinspect cache prune --unused 7 --cache ~/.cache/facts"),
    ])

  static let config = Command(
    "config", summary: "Show which options a configuration file and environment variables set.",
    discussion: """
      What is typed wins, then an environment variable, then the configuration file.

      The file is cubinspect.toml in the working directory or the nearest folder above it that has one, or the table \
      [tool.cubinspect] of a pyproject.toml; or the one that --config names. Options stand in it by their names, those of one \
      command in a table of its name. Paths start from the folder of the file. Options that write files, limits and --data are not set by it.

        gpu = ["H100", "A100"]
        driver = "535"
        fail-on = "partial"

        [scan]
        require = ["sm_80,sm_90"]

        [[ignore]]
        package = "flash-attn"
        gpu = "V100"
        reason = "used for training only, which runs on H100"

      What [[ignore]] names does not count for the answers of scan, check and explain, nor for the exit status, and stays \
      visible in every report with its reason. It names a package, a library (a name, or a path with a slash), or a check by \
      its id, as -o json has it, or requirement for what --require asks; * stands for any characters. gpu limits it to GPUs, and \
      until = "2027-03-31" to the time up to that day. What could not be read is not ignored.

      Every option can also be set by an environment variable, whose name is its own in capitals: CUBINSPECT_GPU=A100 stands for \
      --gpu A100 in every command that has this option, and CUBINSPECT_SCAN_GPU=A100, which wins, in scan alone. A switch \
      is set by 1 and not by 0. Several values of an option that may be given several times stand on lines of their own. The \
      options that write files have variables with the name of a command only: CUBINSPECT_SCAN_OUTPUT, CUBINSPECT_EXTRACT_INTO.
      """,
    flags: [.tableOutput, .json, .data], examples: [Example("What is in force here?", "cubinspect config")])

  static let help = Command(
    "help", summary: "Explain a command.",
    positionals: [
      Positional(
        "COMMAND", .optional,
        values: .suggestions([
          "check", "scan", "which", "list", "kernels", "extract", "diff", "facts", "gpus", "tables",
          "explain", "config",
        ]),
        documentation: "The command to explain; without it, the program.")
    ])

  static let completions = Command(
    "completions", summary: "Print completions for a shell.",
    positionals: [
      Positional("SHELL", values: .choices(Shell.allCases.map(\.rawValue)), documentation: "The shell.")
    ], isHidden: true)

  static let licenses = Command(
    "licenses", summary: "Print the licences of this program and of all that it holds.", isHidden: true)

  static let man = Command("man", summary: "Print the manual page.", isHidden: true)

  /// The whole command line of the program.
  static let cubinspect = Command(
    "cubinspect",
    summary: "Say on which NVIDIA GPUs software runs, by the CUDA device code in its files.",
    discussion: """
      Reads ELF files, finds every piece of CUDA device code in them, and says on which GPUs, and with which \
      drivers, it runs: without a GPU, without Python and without the CUDA toolkit.

      Without a COMMAND it checks the Python environment that is active here, for the GPUs of this machine.
      """,
    flags: [.color, .quiet, .config, .help, .version],
    examples: [
      Example("Does what is here run on the GPUs of this machine?", "cubinspect"),
      Example("On which current GPUs does this PyTorch run?", "cubinspect scan torch/lib"),
      Example("Does it run on an A100?", "cubinspect scan torch/lib --gpu A100"),
      Example("What device code is in this file?", "cubinspect list libtorch_cuda.so"),
      Example("Why is it so big?", "cubinspect kernels --summary libtorch_cuda.so"),
      Example("Give me its images as files:", "cubinspect extract libtorch_cuda.so --into images"),
      Example(
        "Which bitsandbytes runs on a GTX 980?", "cubinspect which bitsandbytes --gpu \"GTX 980\""),
      Example("Which compute capability has an RTX 4090?", "cubinspect gpus \"RTX 4090\""),
    ],
    sections: [
      HelpSection(
        "Exit status",
        entries: [
          .init(
            "0", "Done; no finding at or past --fail-on. Finding no device code is no failure by itself."),
          .init(
            "1",
            "Done; a finding at or past --fail-on, a target of --require is missing, or something was lost that --fail-on of diff names, even if an input could not be read."
          ),
          .init("2", "Wrong usage, or an input could not be read as it should."),
        ]),
      HelpSection(
        "Environment",
        entries: [
          .init(
            "CUBINSPECT_...",
            "Every option: CUBINSPECT_GPU stands for --gpu of all commands, CUBINSPECT_SCAN_GPU for that of scan. The command config explains it, and the configuration file, and shows what is set."
          ),
          .init("NO_COLOR", "When set and not empty, text is not coloured, unless --color asks for it."),
          .init(
            "CUBINSPECT_DATA",
            "Files as for --data, separated by colons; those of the command line come after them."),
          .init(
            "CUBINSPECT_CLIENT_TIMEOUT",
            "Seconds after which a client (docker, podman, skopeo, pip) that does nothing is ended. Default: 600."
          ),
          .init(
            "TMPDIR",
            "Where streams and fetched images are kept while they are read. Default: where the system has large temporary files."
          ),
          .init("XDG_CACHE_HOME", "Where fetched wheels are kept, in cubinspect/wheels. Default: ~/.cache."),
        ]),
    ],
    subcommands: [
      check, scan, which, list, kernels, extract, diff, facts, gpus, tables, explain, config, cache, help,
      completions, licenses, man,
    ], defaultSubcommand: check.name)
}
