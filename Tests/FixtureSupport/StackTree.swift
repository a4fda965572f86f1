/// Software around device code: installed packages, NVIDIA's libraries, toolkits. Folders are empty or end with a slash.
extension TemporaryTree {
  /// The `.dist-info` of an installed distribution; `files` are those that its `RECORD` lists.
  public func distribution(
    _ name: String, _ version: String, requires: [String] = [], files: [String] = [], in folder: String = ""
  ) throws {
    let lines = ["Metadata-Version: 2.1", "Name: \(name)", "Version: \(version)"]
    let info = "\(folder)\(name.replacing("-", with: "_"))-\(version).dist-info"
    let text = (lines + requires.map { "Requires-Dist: \($0)" }).joined(separator: "\n") + "\n\nText.\n"
    try write(Array(text.utf8), to: "\(info)/METADATA")
    if !files.isEmpty {
      try write(Array(files.map { "\($0),,\n" }.joined().utf8), to: "\(info)/RECORD")
    }
  }

  /// PyTorch, with the targets of each module of `libtorch_cuda.so`, which needs `needed`.
  public func torch(
    _ version: String, cuda: String?, flags: String? = nil, modules: [FatBinaryBuilder] = [],
    needed: [String] = [], requires: [String] = [], rocm: String? = nil, in folder: String = ""
  ) throws {
    try distribution("torch", String(version.prefix { $0 != "+" }), requires: requires, in: folder)
    let text = """
      __version__ = '\(version)'
      cuda = \(cuda.map { "'\($0)'" } ?? "None")
      hip = \(rocm.map { "'\($0)'" } ?? "None")

      """
    try write(Array(text.utf8), to: "\(folder)torch/version.py")
    if let flags {
      var elf = ELFBuilder()
      elf.append([0] + Array(flags.utf8) + [0], to: ".rodata")
      try write(elf.bytes, to: "\(folder)torch/lib/libtorch_python.so")
    }
    if !modules.isEmpty {
      try sharedLibrary("torch/lib/libtorch_cuda.so", modules: modules, needed: needed, in: folder)
    }
  }

  /// A shared library; `soname` is its own name where none is given.
  public func sharedLibrary(
    _ name: String, modules: [FatBinaryBuilder] = [], needed: [String] = [], in folder: String = ""
  ) throws {
    var elf = ELFBuilder(fatBinaries: modules)
    elf.soname = name.split(separator: "/").last.map(String.init)
    elf.needed = needed
    try write(elf.bytes, to: folder + name)
  }

  /// A toolkit with a compiler, in `usr/local/cuda-VERSION`.
  public func toolkit(_ version: String, in folder: String = "") throws {
    let release = version.split(separator: ".").prefix(2).joined(separator: ".")
    let folder = "\(folder)usr/local/cuda-\(release)"
    try write(
      Array(#"{"cuda": {"name": "CUDA SDK", "version": "\#(version)"}}"#.utf8), to: "\(folder)/version.json")
    try write(Array("#!/bin/sh\n".utf8), to: "\(folder)/bin/nvcc")
  }

  /// The configuration of an image, as `docker inspect` prints it.
  public func imageConfiguration(_ variables: [String], to name: String) throws {
    let list = variables.map { "\"\($0)\"" }.joined(separator: ", ")
    try write(
      Array(#"[{"RepoTags": ["app:1"], "Architecture": "amd64", "Config": {"Env": [\#(list)]}}]"#.utf8),
      to: name)
  }
}
