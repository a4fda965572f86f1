import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Inputs that clients fetch: docker and podman, skopeo, pip.
struct ClientTests {
  private static let image = "cat \"$FIXTURES/archives/docker.tar\""

  // MARK: docker and podman

  /// What is said of an archive itself, but for the name.
  private func report(onArchive archive: String, named name: String, _ clients: FakeClients) throws -> String
  {
    try clients.shell("\"$0\" scan \"$FIXTURES/archives/\(archive)\" --gpu A100 -o json").text
      .replacing("\(GoldenTests.fixtures)/archives/\(archive)", with: name)
  }

  @Test(arguments: ["docker", "podman"]) func savedImage(_ engine: String) throws {
    let clients = try FakeClients()
    try clients.add(engine, Self.image)
    let run = try clients.run("scan", "\(engine):example/app:1.0", "--gpu", "A100", "-o", "json")
    #expect(run.status == 0, "\(run.messages)")
    #expect(clients.calls == ["\(engine) <save> <--> <example/app:1.0>"])
    #expect(clients.remains == [])
    #expect(try run.text == report(onArchive: "docker.tar", named: "\(engine):example/app:1.0", clients))
    #expect(run.text.contains("\"\(engine):example/app:1.0\""))
  }

  @Test func factsAndComparisonsTakeImagesToo() throws {
    let clients = try FakeClients()
    try clients.add("docker", Self.image)
    let facts = try clients.run("facts", "docker:app")
    #expect(facts.status == 0)
    #expect(facts.text.contains("\"docker:app\""))
    let diff = try clients.run("diff", "docker:old", "docker:new")
    #expect(diff.status == 0, "\(diff.messages)")
    #expect(clients.calls.suffix(2) == ["docker <save> <--> <old>", "docker <save> <--> <new>"])
  }

  /// What would be an option, or words of a shell, never gets there as such.
  @Test(arguments: [
    "docker:", "docker:-q", "docker:--help", "docker:a b", "docker:a;id", "docker:$(id)",
    "docker:a\u{1B}[31m",
    "docker:a\nb", "podman:'a'", "docker:ä", "registry:", "registry:-x/y", "registry:a/b c", "registry:a/b;c",
    "registry:https://a/b", "registry:--src-tls-verify=false", "pypi:", "pypi:-r", "pypi:torch; id",
    "pypi:torch @ https://example.org/x.whl", "pypi:git+https://example.org/x", "pypi:--index-url=x",
    "pypi:../x.whl", "pypi:torch==", "oci:",
  ])
  func namesThatAreNone(_ name: String) throws {
    let clients = try FakeClients()
    for program in ["docker", "podman", "skopeo", "pip", "pip3"] { try clients.add(program, "exit 0") }
    let run = try clients.run("scan", name)
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messageLines.count == 2, "\(run.messages)")
    #expect(run.messages.contains("Try 'cubinspect scan --help'"))
    #expect(isSafe(Array(run.messages.utf8)))
    #expect(clients.calls == [])
  }

  @Test func aFileOfSuchANameHasAFolder() throws {
    let clients = try FakeClients()
    try clients.tree.library("docker:app", "sm_80")
    let run = try clients.run("scan", "./docker:app", "--gpu", "A100", "-o", "short")
    #expect(run.text == "✓ A100: yes\n")
  }

  @Test func failures() throws {
    let missing = try FakeClients(onlyWith: []).run("scan", "podman:app")
    #expect(missing.status == 2)
    #expect(
      missing.messages
        == "cubinspect: podman:app: podman is not installed; where it is there: podman save app -o image.tar, then cubinspect scan image.tar\n"
    )
    let clients = try FakeClients()
    try clients.add("docker", "echo 'Error response from daemon: reference does not exist' >&2; exit 1")
    let unknown = try clients.run("scan", "docker:app")
    #expect(unknown.status == 2)
    #expect(
      unknown.messages
        == "cubinspect: docker:app: docker failed with status 1: Error response from daemon: reference does not exist; docker pull app fetches it\n"
    )
    try clients.add(
      "docker", "printf 'part'; echo 'Cannot connect to the Docker daemon\u{1B}[31m' >&2; exit 3")
    let refused = try clients.run("scan", "docker:app")
    #expect(refused.status == 2)
    #expect(
      refused.messages.contains("status 3: Cannot connect to the Docker daemon\\x1b[31m; where it is there: ")
    )
    // Half of an archive is nothing, even where it could be read.
    try clients.add("docker", Self.image + "; kill -9 $$")
    let killed = try clients.run("scan", "docker:app")
    #expect(killed.status == 2)
    #expect(killed.text == "")
    #expect(killed.messages.contains("docker was ended by signal 9"))
    try clients.add("docker", "exit 0")
    let empty = try clients.run("scan", "docker:app")
    #expect(empty.text.contains("No CUDA device code found"))
    #expect(clients.remains == [])
  }

  @Test func noMoreThanTheLimit() throws {
    let clients = try FakeClients()
    try clients.add("docker", "cat /dev/zero")
    let run = try clients.run("scan", "docker:app", "--limit", "input-size=1MiB")
    #expect(run.status == 2)
    #expect(
      run.messages == "cubinspect: docker:app: more than 1048576 bytes; --limit input-size=SIZE allows more\n"
    )
  }

  @Test func noMessageIsTooLong() throws {
    let clients = try FakeClients()
    try clients.add("docker", "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; exit 1")
    let run = try clients.run("scan", "docker:app")
    #expect(run.status == 2)
    #expect(run.messages.utf8.count < 1000)
  }

  @Test func noSpace() throws {
    let clients = try FakeClients()
    try clients.add("docker", Self.image)
    // A file of this size is what a disk without space is.
    let run = try clients.shell("ulimit -f 1; exec \"$0\" scan docker:app")
    #expect(run.status == 2)
    #expect(
      run.messages
        == "cubinspect: docker:app: File too large in \(clients.tree("tmp")); TMPDIR names another folder\n")
    let nowhere = try clients.run("scan", "docker:app", adding: ["TMPDIR=\(clients.tree("none"))"])
    #expect(nowhere.status == 2)
    #expect(nowhere.messages.contains("temporary file in \(clients.tree("none"))"))
  }

  // MARK: Clients that do not end

  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      "exec sleep 600", "exec >&-; exec sleep 600", "sleep 600 & wait", "trap '' TERM; sleep 600; sleep 600",
    ])
  func hanging(_ script: String) throws {
    let clients = try FakeClients()
    try clients.add("docker", "echo $$ >\"\(clients.tree("process"))\"; " + script)
    let run = try clients.run("scan", "docker:app", adding: ["CUBINSPECT_CLIENT_TIMEOUT=1"])
    #expect(run.status == 2)
    #expect(run.messages.contains("docker did nothing for 1 seconds and was ended"), "\(run.messages)")
    let group = try #require(pid_t(fileText(clients.tree("process"))?.dropLast() ?? ""))
    #expect(isGone(group: group))
  }

  /// One that works slowly is waited for.
  @Test(.timeLimit(.minutes(30))) func slow() throws {
    let clients = try FakeClients()
    try clients.add(
      "docker", "for i in 1 2 3 4 5; do sleep 0.6; printf '' >&2; echo working >&2; done; " + Self.image)
    let run = try clients.run("scan", "docker:app", adding: ["CUBINSPECT_CLIENT_TIMEOUT=2"])
    #expect(run.status == 0, "\(run.messages)")
  }

  /// A process that it leaves behind with its output open is not waited for.
  @Test(.timeLimit(.minutes(30))) func leftBehind() throws {
    let clients = try FakeClients()
    try clients.add("docker", "(sleep 600) & " + Self.image)
    let run = try clients.run("scan", "docker:app", "-o", "short", "--gpu", "A100")
    #expect(run.status == 0, "\(run.messages)")
  }

  @Test(.timeLimit(.minutes(30)), arguments: [SIGINT, SIGTERM, SIGHUP])
  func interruption(_ signal: CInt) throws {
    let clients = try FakeClients()
    try clients.add(
      "skopeo",
      """
      for word; do last=$word; done; folder=${last#oci:}; folder=${folder%%:*}
      mkdir -p "$folder/blobs"; echo part >"$folder/blobs/part"; mkdir "$folder/closed"; chmod 0 "$folder/closed"
      echo $$ >"\(clients.tree("process"))"
      sleep 600 & wait
      """)
    try expectInterruption(clients, "registry:example.org/app:1", signal)
    #expect(clients.remains == [])
  }

  /// docker keeps no image that it was made to fetch.
  @Test(.timeLimit(.minutes(30))) func interruptionOfDocker() throws {
    let clients = try FakeClients(onlyWith: ["sleep"])
    try clients.add(
      "docker",
      """
      case $1 in
        image) if [ $2 = inspect ]; then exit 1; fi ;;
        save) echo $$ >"\(clients.tree("process"))"; sleep 600 & wait ;;
      esac
      """)
    try expectInterruption(clients, "registry:example.org/app:1", SIGTERM)
    #expect(clients.calls.last == "docker <image> <rm> <--> <example.org/app:1>")
    #expect(clients.remains == [])
  }

  private func expectInterruption(_ clients: FakeClients, _ input: String, _ signal: CInt) throws {
    let terminal = try PseudoTerminal()
    let process = try Program.start(
      "exec \"$0\" scan \(input)", on: terminal, in: clients.tree.path, environment: clients.environment)
    var group: pid_t?
    for _ in 0..<3000 where group == nil {
      usleep(10_000)
      group = fileText(clients.tree("process")).flatMap { pid_t($0.dropLast()) }
    }
    kill(process, signal)
    #expect(try Program.wait(for: process) == .signal(signal))
    #expect(isGone(group: try #require(group)))
  }

  /// Whether no process of a group is there, or is going.
  private func isGone(group: pid_t) -> Bool {
    for _ in 0..<500 {
      if kill(-group, 0) != 0 { return true }
      usleep(10_000)
    }
    return false
  }

  /// Nothing that this program has open is open in what it starts.
  @Test func descriptors() throws {
    let clients = try FakeClients()
    try clients.add("docker", "ls -l /proc/$$/fd >\"\(clients.tree("open"))\"; " + Self.image)
    try clients.tree.write(Array("{}".utf8), to: "image.json")
    let run = try clients.shell(
      "exec 7<image.json 8>kept; \"$0\" scan bin docker:app docker:other -o text -o json=out.json")
    #expect(run.status == 0, "\(run.messages)")
    let open = (fileText(clients.tree("open")) ?? "").split(separator: "\n").filter { $0.contains("->") }
    let numbers = open.compactMap { $0.split(separator: " ").dropLast(2).last.flatMap { Int($0) } }
    #expect(numbers.count == open.count)
    // The shell that runs the script keeps its own from 10 on.
    #expect(numbers.allSatisfy { $0 <= 2 || $0 >= 10 }, "\(open)")
    for name in ["(deleted)", "out.json", "image.json", "kept", "socket"] {
      #expect(open.allSatisfy { !$0.contains(name) }, "\(open)")
    }
  }

  // MARK: Registries

  private static let copying = """
    for word; do last=$word; done; folder=${last#oci:}; folder=${folder%%:*}
    cp -r "$FIXTURES/archives/layout" "$folder"
    """

  @Test func registry() throws {
    let clients = try FakeClients()
    try clients.add("skopeo", Self.copying)
    let run = try clients.run("scan", "registry:example.org/team/app:1.0", "--gpu", "A100", "-o", "json")
    #expect(run.status == 0, "\(run.messages)")
    let calls = clients.calls
    #expect(calls.count == 1)
    #expect(
      calls[0].hasPrefix(
        "skopeo <copy> <--quiet> <docker://example.org/team/app:1.0> <oci:\(clients.tree("tmp"))/cubinspect-")
    )
    #expect(calls[0].hasSuffix("/image:example.org/team/app:1.0>"))
    #expect(clients.remains == [])
    #expect(
      try run.text == report(onArchive: "layout", named: "registry:example.org/team/app:1.0", clients))
  }

  @Test func registryOfAnotherPlatformOrThisMachine() throws {
    let clients = try FakeClients()
    try clients.add("skopeo", Self.copying)
    _ = try clients.run("scan", "registry:example.org/app:1", "--platform", "linux/arm64/v8")
    #expect(
      clients.calls[0].hasPrefix(
        "skopeo <copy> <--quiet> <--override-os> <linux> <--override-arch> <arm64> <--override-variant> <v8> <docker://"
      ))
    for host in ["localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
      _ = try clients.run("scan", "registry:\(host)/app:1")
      #expect(clients.calls.last?.contains("<--src-tls-verify=false>") == true, "\(host)")
    }
    for host in ["localhost.example.org", "127.0.0.1.example.org", "1127.0.0.1", "example.org"] {
      _ = try clients.run("scan", "registry:\(host)/localhost:1")
      #expect(clients.calls.last?.contains("tls-verify") == false, "\(host)")
    }
  }

  /// Names that may not stand in a layout, and folders that would end a name.
  @Test func registryNamesThatSkopeoWouldNotTake() throws {
    let clients = try FakeClients()
    try clients.add("skopeo", Self.copying)
    for (reference, name) in [
      ("example.org/a__b:1", "image"), ("[::1]:5000/app:1", "image"),
      ("example.org/app@sha256:\(String(repeating: "0a", count: 32))", nil),
    ] {
      let run = try clients.run("scan", "registry:\(reference)")
      #expect(run.status == 0, "\(run.messages)")
      #expect(clients.calls.last?.hasSuffix("/image:\(name ?? reference)>") == true, "\(clients.calls)")
    }
    let count = clients.calls.count
    try clients.tree.directory("a:b")
    let run = try clients.run("scan", "registry:example.org/app:1", adding: ["TMPDIR=\(clients.tree("a:b"))"])
    #expect(run.status == 2)
    #expect(run.messages.contains("skopeo takes no folder with a colon"))
    #expect(clients.calls.count == count)
    #expect(clients.tree.names(in: "a:b") == [])
  }

  @Test func registryFailures() throws {
    let clients = try FakeClients()
    func expect(_ said: String, _ help: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
      try clients.add("skopeo", "echo 'time=\"2026-11-29\" level=fatal msg=\"\(said)\"' >&2; exit 1")
      let run = try clients.run("scan", "registry:example.org/team/app:1")
      #expect(run.status == 2, sourceLocation: sourceLocation)
      let plain = said.replacing("\\\"", with: "\"")
      #expect(
        run.messages
          == "cubinspect: registry:example.org/team/app:1: skopeo failed with status 1: \(plain); \(help)\n",
        sourceLocation: sourceLocation)
      #expect(clients.remains == [], sourceLocation: sourceLocation)
    }
    try expect(
      "reading manifest: unauthorized: authentication required",
      "skopeo login example.org gives it credentials")
    try expect(
      "reading manifest 1: manifest unknown",
      "skopeo list-tags docker://example.org/team/app lists what there is")
    try expect(
      "Get \\\"https://example.org/v2/\\\": connection refused",
      "skopeo inspect docker://example.org/team/app:1 asks for it alone")
    let none = try FakeClients(onlyWith: [])
    let run = try none.run("scan", "registry:example.org/app:1")
    #expect(run.status == 2)
    #expect(
      run.messages
        == "cubinspect: registry:example.org/app:1: none of skopeo, docker and podman is installed; apt-get install skopeo installs one\n"
    )
    #expect(none.remains == [])
  }

  /// The Python side of the program fetches where no client is installed, from where pip has put it, and from nowhere else.
  @Test func registryByThePythonPackage() throws {
    let clients = try FakeClients(onlyWith: ["cp", "env"])
    try clients.tree.write(try #require(fileContents(Program.path)), to: "prefix/bin/cubinspect")
    try clients.tree.setMode(0o755, of: "prefix/bin/cubinspect")
    try clients.tree.write([], to: "cubinspect/fleet/pull.py")
    func scan() throws -> Program.Outcome {
      try Program.spawn(
        [
          clients.tree("prefix/bin/cubinspect"), "scan", "registry:localhost:5000/app:1", "--platform",
          "linux/amd64", "-o", "json",
        ]
        .map { Array($0.utf8) }, in: clients.tree.path, clients.environment)
    }
    #expect(try scan().messages.contains("none of skopeo, docker and podman is installed"))

    let packages = "prefix/lib/python3.12/site-packages"
    try clients.tree.write([], to: "\(packages)/cubinspect/fleet/pull.py")
    try clients.add("python3", "for word; do last=$word; done; cp -r \"$FIXTURES/archives/layout\" \"$last\"")
    let run = try scan()
    #expect(run.status == 0, "\(run.messages)")
    let layout = try Program.run(
      "scan", "oci:\(GoldenTests.fixtures)/archives/layout", "--platform", "linux/amd64", "-o", "json")
    #expect(
      try run.document()["views"]?.elements?.first?["libraries"]
        == layout.document()["views"]?.elements?.first?["libraries"])
    let call = try #require(clients.calls.first)
    #expect(clients.calls.count == 1)
    #expect(call.hasPrefix("python3 <-I> <-c> <import runpy, sys; "))
    #expect(
      call.contains(
        "> <\(clients.tree(packages))> <pull> <--quiet> <--platform> <linux/amd64> <--> <localhost:5000/app:1> </"
      ))
    #expect(clients.remains == [])

    try clients.add("python3", "echo 'cubinspect.fleet: there is no such image' >&2; exit 2")
    let failed = try scan()
    #expect(failed.status == 2)
    #expect(failed.messages.contains("failed with status 2: cubinspect.fleet: there is no such image; "))
    #expect(clients.remains == [])
  }

  @Test func registryImageThatIsTooLarge() throws {
    let clients = try FakeClients()
    try clients.add(
      "skopeo",
      "for word; do last=$word; done; folder=${last#oci:}; mkdir \"${folder%%:*}\"; head -c 9000000 /dev/zero >\"${folder%%:*}/blob\"; sleep 60"
    )
    let run = try clients.run("scan", "registry:example.org/app:1", "--limit", "input-size=1MiB")
    #expect(run.status == 2)
    #expect(run.messages.contains("more than 1048576 bytes"))
    #expect(clients.remains == [])
  }

  /// docker where there is no skopeo.
  @Test(arguments: [true, false]) func registryThroughDocker(wasThere: Bool) throws {
    let clients = try FakeClients(onlyWith: ["cat"])
    try clients.add(
      "docker",
      """
      case $1-$2 in image-inspect) exit \(wasThere ? 0 : 1) ;; esac
      case $1 in save) \(Self.image) ;; esac
      """)
    let run = try clients.run(
      "scan", "registry:example.org/app:1", "--platform", "linux/amd64", "--gpu", "A100", "-o", "short")
    #expect(run.status == 0, "\(run.messages)")
    let inspected = "docker <image> <inspect> <--> <example.org/app:1>"
    let saved = "docker <save> <--> <example.org/app:1>"
    #expect(
      clients.calls
        == (wasThere
          ? [inspected, saved]
          : [
            inspected, "docker <pull> <--quiet> <--platform> <linux/amd64> <--> <example.org/app:1>", saved,
            "docker <image> <rm> <--> <example.org/app:1>",
          ]))
  }

  // MARK: PyPI

  /// A pip that has one wheel, in which a library is.
  private func addPip(_ clients: FakeClients, as name: String = "pip", after start: String = "") throws {
    var wheel = WheelBuilder(distribution: "torch", "2.9.1")
    wheel.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "sm_90")]).bytes, to: "torch/lib/code.so")
    try clients.tree.write(wheel.bytes, to: "torch-2.9.1-py3-none-any.whl")
    try clients.add(
      name,
      """
      \(start)
      while [ $# -gt 0 ]; do case $1 in --dest) folder=$2 ;; esac; shift; done
      mkdir -p "$folder"; cp "\(clients.tree("torch-2.9.1-py3-none-any.whl"))" "$folder"
      """)
  }

  @Test func package() throws {
    let clients = try FakeClients()
    try addPip(clients)
    let arguments = ["scan", "pypi:torch[opt] >=2.9, !=2.9.0", "--gpu", "A100", "--gpu", "T4", "-o", "short"]
    let run = try Program.run(
      arguments.map { Array($0.utf8) }, in: clients.tree.path, environment: clients.environment)
    #expect(run.status == 1)
    #expect(run.text.hasPrefix("✓ A100: yes\n✗ Tesla T4: no."), "\(run.messages)")
    let call = try #require(clients.calls.first)
    #expect(
      call.hasPrefix(
        "pip <download> <--no-deps> <--only-binary=:all:> <--no-input> <--disable-pip-version-check> <--progress-bar=off> <--dest> <\(clients.tree("cache"))/cubinspect/wheels/cubinspect-"
      ), "\(call)")
    #expect(call.hasSuffix("/wheels> <--> <torch[opt] >=2.9, !=2.9.0>"))
    // The wheel stays, and nothing else.
    let kept = clients.tree.names(in: "cache/cubinspect/wheels")
    #expect(kept == ["torch_opt__=2.9,_=2.9.0,,"])
    #expect(clients.tree.names(in: "cache/cubinspect/wheels/" + kept[0]) == ["torch-2.9.1-py3-none-any.whl"])
    #expect(clients.remains == [])
  }

  /// What is known for sure is not asked for again.
  @Test func packageInCache() throws {
    let clients = try FakeClients()
    try addPip(clients)
    for _ in 0..<2 {
      let run = try clients.run(
        "scan", "pypi:torch==2.9.1", "--python", "3.12", "--gpu", "A100", "-o", "short")
      #expect(run.text == "✓ A100: yes\n", "\(run.messages)")
    }
    #expect(clients.calls.count == 1)
    #expect(clients.calls[0].contains("<--python-version> <3.12> <--> <torch==2.9.1>"))
    _ = try clients.run("scan", "pypi:torch==2.9.1", "--python", "3.13")
    _ = try clients.run("scan", "pypi:torch==2.9.1")
    _ = try clients.run("scan", "pypi:torch==2.9.1")
    _ = try clients.run("scan", "pypi:torch==2.9.*", "--python", "3.12")
    _ = try clients.run("scan", "pypi:torch==2.9.*", "--python", "3.12")
    #expect(clients.calls.count == 6)
  }

  @Test func packageForAnotherMachine() throws {
    let clients = try FakeClients()
    try addPip(clients)
    let run = try clients.run("scan", "pypi:torch", "--platform", "linux/arm64", "-o", "short")
    #expect(run.status == 0, "\(run.messages)")
    let call = clients.calls[0]
    for tag in ["manylinux_2_28_aarch64", "manylinux2014_aarch64", "linux_aarch64"] {
      #expect(call.contains("<--platform> <\(tag)>"))
    }
    #expect(!call.contains("x86_64"))
    let other = try clients.run("scan", "pypi:torch", "--platform", "windows/amd64")
    #expect(other.status == 2)
    #expect(other.messages.contains("wheels are fetched for linux/amd64 and linux/arm64"))
    #expect(clients.calls.count == 1)
  }

  @Test func packageFailures() throws {
    let clients = try FakeClients()
    try clients.add("pip", "echo 'ERROR: No matching distribution found for torch==0.1' >&2; exit 1")
    let unknown = try clients.run("scan", "pypi:torch==0.1")
    #expect(unknown.status == 2)
    #expect(
      unknown.messages
        == "cubinspect: pypi:torch==0.1: pip failed with status 1: ERROR: No matching distribution found for torch==0.1; pip index versions torch lists what there is; --python and --platform ask for another Python or machine\n"
    )
    try clients.add("pip", "exit 0")
    let nothing = try clients.run("scan", "pypi:torch")
    #expect(nothing.messages == "cubinspect: pypi:torch: pip has downloaded no wheel\n")
    #expect(clients.tree.names(in: "cache/cubinspect/wheels") == [])
    let homeless = try clients.run("scan", "pypi:torch", adding: ["XDG_CACHE_HOME=", "HOME="])
    #expect(homeless.messages.contains("XDG_CACHE_HOME and HOME name no folder for the cache"))
    let python = try clients.run("scan", "pypi:torch", "--python", "newest")
    #expect(python.messages.contains("write a version such as 3.12"))
  }

  /// A pip of another name, where there is none of this.
  @Test func otherPips() throws {
    let clients = try FakeClients(onlyWith: ["mkdir", "cp"])
    try addPip(clients, as: "python3")
    let run = try clients.run("scan", "pypi:torch", "-o", "short", "--gpu", "A100")
    #expect(run.text == "✓ A100: yes\n", "\(run.messages)")
    #expect(clients.calls.first?.hasPrefix("python3 <-m> <pip> <download>") == true)
  }

  // MARK: Layouts

  @Test func layoutWithSharedBlobs() throws {
    let clients = try FakeClients()
    let run = try clients.shell(
      """
      mkdir layout shared && cp -r "$FIXTURES/archives/layout/." layout && mv layout/blobs/sha256 shared && \
      "$0" scan oci:layout --blobs shared --gpu A100 -o json && "$0" scan layout --blobs shared --gpu A100 -o short
      """)
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.text.contains("\"path\": \"layout\""), "\(run.text)")
    let without = try clients.run("scan", "oci:layout", "--gpu", "A100")
    #expect(without.status == 2)
    #expect(without.text.contains("does not exist"))
    let nothing = try clients.run("scan", "oci:nowhere")
    #expect(nothing.status == 2)
    #expect(nothing.text.hasPrefix("! Nothing could be read: nowhere does not exist."))
    let folder = try clients.run("scan", "oci:tmp")
    #expect(folder.status == 2)
    #expect(folder.messages.contains("index.json"))
  }
}
