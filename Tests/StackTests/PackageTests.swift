import Bytes
import Compatibility
import FixtureSupport
import Stack
import StackFixtures
import Testing

/// Which package owns a file with device code, and what the databases of packages say of NVIDIA's libraries.
@Suite struct PackageTests {
  private func conda(_ name: String, _ version: String, files: [String]) -> String {
    let list = files.map { "\"\($0)\"" }.joined(separator: ", ")
    return #"{"build": "0", "files": [\#(list)], "name": "\#(name)", "version": "\#(version)"}"#
  }

  private func names(_ tree: TreeBuilder, _ paths: String...) -> [String?] {
    let facts = tree.facts()
    #expect(tree.facts(reversed: true).packages == facts.packages)
    return paths.map { path in
      facts.package(of: Path(path)).map { "\($0.ecosystem.rawValue) \($0.name) \($0.version)" }
    }
  }

  @Test func recordsNameFiles() throws {
    var tree = TreeBuilder()
    tree.distribution("some_Package", "1.0", in: "venv/lib/python3.12/site-packages/")
    tree.add(
      """
      some/_C.so,sha256=x,12\r
      "odd,""name"".so",,
      ./dotted.so,,
      ../../../bin/tool,sha256=y,3
      ../../../../escape.so,,
      ../../../../../../../../far.so,,
      some_Package-1.0.dist-info/RECORD,,

      """, at: "venv/lib/python3.12/site-packages/some_Package-1.0.dist-info/RECORD")
    tree.library("venv/lib/python3.12/site-packages/some/_C.so")
    tree.library("venv/lib/python3.12/site-packages/odd,\"name\".so")
    tree.library("venv/lib/python3.12/site-packages/other.so")
    tree.library("venv/bin/tool")
    tree.library("escape.so")
    tree.library("far.so")
    let own = "python some-package 1.0"
    #expect(
      names(
        tree, "venv/lib/python3.12/site-packages/some/_C.so",
        "venv/lib/python3.12/site-packages/odd,\"name\".so", "venv/bin/tool",
        "venv/lib/python3.12/site-packages/other.so", "escape.so", "far.so")
        == [own, own, own, nil, nil, nil])
    let facts = tree.facts()
    let package = try #require(facts.packages.first)
    #expect(package.environment == Path("venv/lib/python3.12/site-packages"))
    #expect(package.record == Path("venv/lib/python3.12/site-packages/some_Package-1.0.dist-info/METADATA"))
    #expect(tree.problems() == [])
  }

  /// What no RECORD names goes to whom the innermost folder belongs.
  @Test func foldersNameFiles() {
    var tree = TreeBuilder()
    tree.distribution("nvidia-cublas", "13.1")
    tree.add(
      "nvidia/cublas/include/x.h,,\nnvidia/cublas/lib/a.so,,\n", at: "nvidia_cublas-13.1.dist-info/RECORD")
    tree.distribution("nvidia-cufft", "12.5")
    tree.add("nvidia/cufft/lib/b.so,,\nshared/f.py,,\n", at: "nvidia_cufft-12.5.dist-info/RECORD")
    tree.distribution("third", "1")
    tree.add("shared/t.py,,\n", at: "third-1.dist-info/RECORD")
    for path in [
      "nvidia/cublas/lib/more.so", "nvidia/cublas/deep/er/more.so", "nvidia/new.so", "shared/s.so", "top.so",
    ] {
      tree.library(path)
    }
    #expect(
      names(
        tree, "nvidia/cublas/lib/more.so", "nvidia/cublas/deep/er/more.so", "nvidia/new.so", "shared/s.so",
        "top.so") == ["python nvidia-cublas 13.1", "python nvidia-cublas 13.1", nil, nil, nil])
  }

  @Test func distributionsWithoutRecord() {
    var tree = TreeBuilder()
    tree.distribution("torch", "2.4.1")
    tree.distribution("PyThing", "3")
    tree.add("thing\nthing_extra\n", at: "PyThing-3.dist-info/top_level.txt")
    tree.distribution("broken", "1")
    tree.add("no rows at all", at: "broken-1.dist-info/RECORD")
    tree.distribution("empty", "1")
    tree.add("", at: "empty-1.dist-info/RECORD")
    for path in ["torch/lib/x.so", "thing/x.so", "thing_extra.so", "broken/x.so", "empty/x.so", "else/x.so"] {
      tree.library(path)
    }
    #expect(
      names(tree, "torch/lib/x.so", "thing/x.so", "broken/x.so", "empty/x.so", "else/x.so")
        == ["python torch 2.4.1", "python pything 3", "python broken 1", "python empty 1", nil])
    #expect(tree.problems().map(\.path) == [Path("broken-1.dist-info/RECORD")])
  }

  /// An editable install has its files elsewhere.
  @Test func editableInstalls() {
    var tree = TreeBuilder()
    tree.distribution("mine", "0.1", in: "site/")
    tree.add(
      "__editable__.mine-0.1.pth,,\nmine-0.1.dist-info/direct_url.json,,\nmine-0.1.dist-info/RECORD,,\n",
      at: "site/mine-0.1.dist-info/RECORD")
    tree.add("/src/mine\n", at: "site/__editable__.mine-0.1.pth")
    tree.add(
      #"{"dir_info": {"editable": true}, "url": "file:///src/mine"}"#,
      at: "site/mine-0.1.dist-info/direct_url.json")
    tree.library("src/mine/_C.so")
    tree.library("site/other/_C.so")
    #expect(names(tree, "src/mine/_C.so", "site/other/_C.so") == [nil, nil])
    #expect(tree.problems() == [])
  }

  /// Records are read where there is device code, and nowhere else.
  @Test func recordsOfOthersAreNotRead() {
    var tree = TreeBuilder()
    for folder in ["a/", "b/"] {
      tree.distribution("thing", "1", in: folder)
      tree.add("no rows at all", at: "\(folder)thing-1.dist-info/RECORD")
    }
    tree.add("nonsense", at: "c/conda-meta/thing-1-0.json")
    tree.library("a/thing/x.so")
    #expect(tree.problems().map(\.path) == [Path("a/thing-1.dist-info/RECORD")])
  }

  @Test func condaPackages() throws {
    var tree = TreeBuilder()
    let site = "opt/conda/lib/python3.12/site-packages/"
    tree.add(
      conda("cuda-cudart", "12.4.127", files: ["lib/libcudart.so.12.4.127"]),
      at: "opt/conda/conda-meta/cuda-cudart-12.4.127-0.json")
    tree.add(
      conda("libcublas", "12.4.5.8", files: ["lib/libcublas.so.12.4.5.8", "lib/cub\\u006Cas.so"]),
      at: "opt/conda/conda-meta/libcublas-12.4.5.8-0.json")
    tree.add(
      conda("pytorch", "2.4.1", files: ["lib/python3.12/site-packages/torch/lib/libtorch_cuda.so"]),
      at: "opt/conda/conda-meta/pytorch-2.4.1-py3.12_cuda12.4_cudnn9.1.0_0.json")
    tree.add(#"{"files": 3, "x": "lib/own.so"}"#, at: "opt/conda/conda-meta/odd-1-0.json")
    tree.add("", at: "opt/conda/conda-meta/history")
    tree.distribution("torch", "2.4.1", in: site)
    tree.add(
      "torch/lib/libtorch_cuda.so,,\n", at: "\(site)torch-2.4.1.dist-info/RECORD")
    tree.add("{}", at: "opt/conda/pkgs/libcublas-12.4.5.8-0/info/index.json")
    for path in [
      "lib/libcublas.so.12.4.5.8", "lib/cublas.so", "lib/own.so", "pkgs/libcublas-12.4.5.8-0/lib/x.so",
    ] {
      tree.library("opt/conda/\(path)")
    }
    tree.library("\(site)torch/lib/libtorch_cuda.so")
    #expect(
      names(
        tree, "opt/conda/lib/libcublas.so.12.4.5.8", "opt/conda/lib/cublas.so", "opt/conda/lib/own.so",
        "\(site)torch/lib/libtorch_cuda.so", "opt/conda/pkgs/libcublas-12.4.5.8-0/lib/x.so") == [
          "conda libcublas 12.4.5.8", "conda libcublas 12.4.5.8", nil, "python torch 2.4.1", nil,
        ])
    let facts = tree.facts()
    #expect(tree.problems().map(\.path) == [Path("opt/conda/conda-meta/odd-1-0.json")])
    // The site-packages of a prefix is the prefix.
    #expect(facts.installed == [InstalledEnvironment(folder: Path("opt/conda"), kind: .conda)])
    #expect(Set(facts.packages.map(\.environment)) == [Path("opt/conda")])
    // Its libraries are those of its Python.
    let environment = try #require(facts.environments.first)
    #expect(
      environment.components.filter { $0.path.text.contains("conda-meta") }.map {
        "\($0.name) \($0.version.value) \($0.cudaMajor ?? 0) \($0.version.evidence.says)"
      } == [
        "CUDA runtime 12.4.127 12 cuda-cudart 12.4.127 0", "cuBLAS 12.4.5.8 0 libcublas 12.4.5.8 0",
      ])
    #expect(environment.torch?.cuda?.value == CUDAVersion(12, 4))
    #expect(environment.torch?.cuda?.evidence.says == "pytorch 2.4.1 py3.12_cuda12.4_cudnn9.1.0_0")
  }

  /// A package that was unpacked and not installed.
  @Test func condaPackageAlone() {
    var tree = TreeBuilder()
    tree.add(#"{"name": "libcufft", "version": "11.2", "build": "0"}"#, at: "info/index.json")
    tree.library("lib/libcufft.so.11")
    #expect(names(tree, "lib/libcufft.so.11") == ["conda libcufft 11.2"])
    #expect(tree.facts().installed.map(\.kind) == [.conda])
  }

  @Test(arguments: [
    ("py3.12_cuda12.4_cudnn9.1.0_0", "12.4"), ("cuda126_mkl_py312_h1", "12.6"), ("cuda_126_py312", "12.6"),
    ("cpu_generic_py312", nil), ("cuda", nil), ("cudax", nil), ("cuda999999999999999999999", nil), ("0", nil),
  ])
  func condaBuilds(_ build: String, _ expected: String?) {
    var tree = TreeBuilder()
    tree.distribution("torch", "2.4.1", in: "lib/python3.12/site-packages/")
    tree.add("{}", at: "conda-meta/pytorch-2.4.1-\(build).json")
    #expect(tree.facts().torches.first?.cuda?.value.description == expected)
  }

  @Test func debianPackages() {
    var tree = TreeBuilder()
    tree.add(
      """
      Package: libcublas-12-4
      Status: install ok installed
      Architecture: amd64
      Version: 12.4.5.8-1
      Description: text
       Version: 9

      Package: libcudnn9-cuda-12
      Status: install ok installed
      Version: 9.1.0.70-1

      Package: libnccl2
      Status: hold ok installed
      Version: 2.21.5-1+cuda12.4

      Package: cuda-cudart-12-4
      Status: install ok installed
      Version: 12.4.127-1

      Package: cuda-cudart-11-8
      Status: deinstall ok config-files
      Version: 11.8.89-1

      Package: libcudnn9-dev-cuda-12
      Status: install ok installed
      Version: 9.1.0.70-1

      Package: libcufft11
      Status: install ok installed
      Version: 1:11.2.0~12.2.2-3

      """, at: "var/lib/dpkg/status")
    tree.add(
      "/.\n/usr\n/usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublas.so.12.4.5.8\n",
      at: "var/lib/dpkg/info/libcublas-12-4.list")
    tree.add("/lib/x86_64-linux-gnu/libnccl.so.2.21.5\n", at: "var/lib/dpkg/info/libnccl2:amd64.list")
    tree.add("/usr/lib/gone.so\n", at: "var/lib/dpkg/info/cuda-cudart-11-8.list")
    tree.library("usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublas.so.12.4.5.8")
    tree.library("usr/lib/x86_64-linux-gnu/libnccl.so.2.21.5")
    tree.library("usr/lib/gone.so")
    #expect(
      names(
        tree, "usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublas.so.12.4.5.8",
        "usr/lib/x86_64-linux-gnu/libnccl.so.2.21.5", "usr/lib/gone.so") == [
          "debian libcublas-12-4 12.4.5.8-1", "debian libnccl2 2.21.5-1+cuda12.4", nil,
        ])
    let facts = tree.facts()
    #expect(facts.installed == [InstalledEnvironment(folder: Path(""), kind: .debian)])
    #expect(
      facts.components.filter { $0.path == Path("var/lib/dpkg/status") }.map {
        "\($0.name) \($0.version.value) \($0.cudaMajor ?? 0) \($0.version.evidence.says)"
      } == [
        "cuBLAS 12.4.5.8 12 libcublas-12-4 12.4.5.8-1", "cuDNN 9.1.0.70 12 libcudnn9-cuda-12 9.1.0.70-1",
        "NCCL 2.21.5 12 libnccl2 2.21.5-1+cuda12.4", "CUDA runtime 12.4.127 12 cuda-cudart-12-4 12.4.127-1",
        "cuFFT 11.2.0~12.2.2 0 libcufft11 1:11.2.0~12.2.2-3",
      ])
    #expect(tree.problems() == [])
  }

  /// Images without dpkg have one file for each package.
  @Test func debianPackagesWithoutDpkg() {
    var tree = TreeBuilder()
    tree.add("Package: libthing\nVersion: 1.2-3\n", at: "rootfs/var/lib/dpkg/status.d/libthing")
    tree.add("0123456789abcdef  usr/lib/libthing.so\n", at: "rootfs/var/lib/dpkg/status.d/libthing.md5sums")
    tree.library("rootfs/usr/lib/libthing.so")
    #expect(names(tree, "rootfs/usr/lib/libthing.so") == ["debian libthing 1.2-3"])
    #expect(tree.facts().installed == [InstalledEnvironment(folder: Path("rootfs"), kind: .debian)])
  }

  @Test func damagedDatabases() {
    var tree = TreeBuilder()
    tree.add([0xFF, 0x00, 0x0A, 0xC3], at: "var/lib/dpkg/status")
    tree.add("", at: "other/var/lib/dpkg/status")
    tree.library("usr/lib/x.so")
    #expect(tree.problems().map(\.path) == [Path("var/lib/dpkg/status")])
    #expect(tree.facts().packages == [])
  }

  /// conda and Debian install Python distributions too, which say more exactly whose a file is.
  @Test func pythonComesFirst() {
    var tree = TreeBuilder()
    let file = "usr/lib/python3/dist-packages/thing/_C.so"
    tree.distribution("thing", "2", in: "usr/lib/python3/dist-packages/")
    tree.add("thing/_C.so,,\n", at: "usr/lib/python3/dist-packages/thing-2.dist-info/RECORD")
    tree.add(
      "Package: python3-thing\nStatus: install ok installed\nVersion: 2-1\n", at: "var/lib/dpkg/status")
    tree.add("/\(file)\n", at: "var/lib/dpkg/info/python3-thing.list")
    tree.add(conda("py-thing", "2", files: [file]), at: "conda-meta/py-thing-2-0.json")
    tree.library(file)
    #expect(names(tree, file) == ["python thing 2"])
  }
}
