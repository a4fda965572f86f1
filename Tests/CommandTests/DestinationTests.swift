import FixtureSupport
import Glibc
import Testing

/// What results may take the place of, and what they are written into.
struct DestinationTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.library("lib/a.so", "sm_80 compute_80")
    try tree.directory("out")
    try tree.symbolicLink("out/stdout", to: "/proc/self/fd/1")
  }

  private func shell(_ command: String) throws -> Program.Outcome {
    try Program.shell(command, in: tree.path)
  }

  private func expected() throws -> String { try shell(#""$0" gpus A100 -o json"#).text }

  // MARK: Open files

  /// Whatever the name, the result goes where standard output is, and what others write there stays.
  @Test(arguments: [
    "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "out/stdout", "log", "./log",
    "out/../log", "link", "hard",
  ])
  func standardOutputIsWrittenInto(name: String) throws {
    try tree.write(Array("old\n".utf8), to: "log")
    try tree.symbolicLink("link", to: "log")
    try tree.hardLink("hard", to: "log")
    let expected = try expected()
    let run = try shell("{ echo A; \"$0\" gpus A100 -o json=\(name); echo B; } >> log")
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(fileText(tree("log")) == "old\nA\n" + expected + "B\n")
    #expect(try shell("{ echo A; \"$0\" gpus A100 -o json=\(name); echo B; } > log").status == 0)
    #expect(fileText(tree("log")) == "A\n" + expected + "B\n")
    #expect(tree.names() == ["hard", "lib", "link", "log", "out"])
    #expect(try shell("stat -c %h log").text == "2\n")
  }

  /// A file that has lost its name is still the one that is written into, and no link is replaced by another.
  @Test(arguments: ["/dev/stdout", "/dev/fd/1", "out/stdout"]) func aFileWithoutAName(name: String) throws {
    let run = try shell("exec 4<>gone; rm gone; \"$0\" gpus A100 -o json=\(name) >&4; cat /proc/self/fd/4")
    #expect(run.text == (try expected()))
    #expect(run.messages == "")
    #expect(tree.names(in: "out") == ["stdout"])
    #expect(tree.names() == ["lib", "out"])
    #expect(try shell("readlink out/stdout").text == "/proc/self/fd/1\n")
  }

  @Test(arguments: ["3", "7"]) func otherDescriptors(number: String) throws {
    let run = try shell(
      "exec \(number)>log; echo A >&\(number); \"$0\" gpus A100 -o json=/dev/fd/\(number); echo B >&\(number)"
    )
    #expect(run.status == 0)
    #expect(run.text == "")
    #expect(fileText(tree("log")) == "A\n" + (try expected()) + "B\n")
    let piped = try shell("{ \"$0\" gpus A100 -o json=/dev/fd/\(number) \(number)>&1 >/dev/null; } | cat")
    #expect(piped.text == (try expected()))
  }

  @Test func standardErrorIsWrittenInto() throws {
    let run = try shell(
      #"{ echo A >&2; "$0" gpus A100 -o json=/dev/stderr; } 2>> log; "$0" gpus A100 -o json=log 2>> log"#)
    #expect(run.status == 0)
    #expect(fileText(tree("log")) == "A\n" + (try expected()) + (try expected()))
  }

  /// A file that another process holds open keeps what it has.
  @Test func aDescriptorOfAnotherProcess() throws {
    try tree.write(Array("old\n".utf8), to: "log")
    let run = try shell(#"exec 5>>log; (exec 5>&-; "$0" gpus A100 -o json=/proc/$$/fd/5)"#)
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(fileText(tree("log")) == "old\n" + (try expected()))
  }

  @Test(arguments: ["/dev/fd/9999", "/proc/self/fd/9999"]) func aDescriptorThatIsNotOpen(name: String) throws
  {
    let run = try shell("\"$0\" gpus A100 -o json=\(name)")
    #expect(run.status == 2)
    #expect(run.messages == "cubinspect: \(name): cannot be written: No such file or directory\n")
  }

  /// A pipe whose writes do not wait gets all of it.
  @Test(arguments: ["-o json", "-o json=/dev/stdout"]) func aPipeThatDoesNotWait(output: String) throws {
    try tree.write(Array("[".utf8), to: "unused")
    let command = "\"$0\" gpus \(output); echo $? >&2"
    let run = try Program.throughNonBlockingPipe(command)
    #expect(run.messages == "0\n")
    #expect(run.output.count > 1 << 16)
    #expect(run.text == (try shell(#""$0" gpus -o json"#).text))
  }

  // MARK: Conflicts

  /// One place for two results is a mistake under any two names.
  @Test(arguments: [
    ("json=o", "text=o"), ("json=o", "text=./o"), ("json=o", "text=link"), ("json=link", "text=o"),
    ("json=o", "text=out/../o"), ("json=o", "text=out/up"), ("json=/dev/stdout", "text"),
    ("text", "json=/dev/fd/1"), ("json=out/stdout", "text=/proc/self/fd/1"), ("json=folder/x", "text=out/x"),
    ("json=/dev/stderr", "text=/dev/fd/2"),
  ])
  func twoResultsToOnePlace(first: String, second: String) throws {
    try tree.symbolicLink("link", to: "o")
    try tree.symbolicLink("out/up", to: "../link")
    try tree.symbolicLink("folder", to: "out")
    for old in [false, true] {
      if old { try tree.write([1], to: "o") }
      for order in ["-o \(first) -o \(second)", "-o \(second) -o \(first)"] {
        let run = try shell("\"$0\" scan missing \(order)")
        #expect(run.status == 2)
        #expect(run.text == "")
        #expect(run.messageLines.count == 2)
        #expect(run.messages.contains("two results cannot go to the same place"))
        #expect(run.messages.contains("Try 'cubinspect scan --help'."))
      }
      #expect(fileContents(tree("o")) == (old ? [1] : nil))
    }
  }

  @Test func hardLinksAreOnePlace() throws {
    try tree.write([1], to: "o")
    try tree.hardLink("p", to: "o")
    #expect(try shell(#""$0" gpus -o json=o -o text=p"#).messages.contains("the same place"))
    #expect(fileContents(tree("p")) == [1])
    // Two files in one folder, and a device, are not.
    #expect(try shell(#""$0" gpus A100 -o json=q -o text=r"#).status == 0)
    #expect(try shell(#""$0" gpus A100 -o json=/dev/null -o text > /dev/null"#).status == 0)
  }

  /// What is read is not written over.
  @Test(arguments: [
    "scan lib/a.so -o json=lib/a.so", "scan lib/a.so -o text -o json=./lib/a.so",
    "scan link -o json=lib/a.so",
    "scan lib/a.so -o json=link", "scan lib/a.so -o json=hard", "list lib/a.so -o json=lib/../lib/a.so",
    "kernels lib/a.so -o text=lib/a.so", "diff lib lib/a.so -o json=hard", "diff hard lib -o json=lib/a.so",
    "facts lib/a.so -o link", "facts lib lib/a.so -o hard", "extract lib/a.so --into out -o json=lib/a.so",
    "scan lib/a.so -o json >> lib/a.so", "scan lib/a.so -o json=/dev/stdout >> hard",
    "facts hard >> lib/a.so",
    "scan lib -o json=lib/a.so", "facts . -o hard", "diff out lib -o json=link",
    "scan folder -o json=lib/a.so",
    "scan out --image-config lib/a.so -o json=lib/a.so", "gpus --data lib/a.so -o json=lib/a.so",
    "facts out --data hard -o lib/a.so", "facts out --image-config hard -o lib/a.so",
  ])
  func anInputIsNoOutput(arguments: String) throws {
    try tree.symbolicLink("link", to: "lib/a.so")
    try tree.symbolicLink("folder", to: "lib")
    try tree.hardLink("hard", to: "lib/a.so")
    let contents = fileContents(tree("lib/a.so"))
    let run = try shell("\"$0\" \(arguments)")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(fileContents(tree("lib/a.so")) == contents)
    #expect(tree.names(in: "lib") == ["a.so"])
    if !arguments.contains("--data") {
      #expect(run.messageLines.count == 2)
      #expect(run.messages.contains(", and would be lost\n"))
    }
  }

  /// A report may lie in the folder that is scanned, also the second time.
  @Test func aReportInTheFolder() throws {
    for _ in 0..<2 {
      #expect(
        try shell(#""$0" scan . -o json=report.json -o text=lib/report.txt -o text > out/text"#).status == 0)
    }
    #expect(try shell(#""$0" facts lib -o lib/facts.json"#).status == 0)
    #expect(try shell(#""$0" scan lib/facts.json -o json=lib/facts.json"#).status == 2)
  }

  @Test func imagesDoNotReplaceInputs() throws {
    #expect(try shell(#""$0" extract lib/a.so --into out"#).status == 0)
    let name = "out/a.0000.sm_80.cubin"
    let image = fileContents(tree(name))
    try tree.hardLink("a.cubin", to: name)
    // Its own image would have its name.
    let own = try shell("\"$0\" extract lib/a.so a.cubin --into out --force")
    #expect(own.status == 2)
    #expect(own.text == "")
    #expect(
      own.messages.contains("\(name): is the input a.cubin too, and would be lost: nothing was written"))
    #expect(fileContents(tree(name)) == image)
    let report = try shell("\"$0\" extract lib/a.so --into out --force -o json=\(name)")
    #expect(report.status == 2)
    #expect(report.messages.contains("cannot go to the same place: nothing was written"))
    #expect(fileContents(tree(name)) == image)
  }

  /// The report may go into the folder that is made for the images.
  @Test func aReportBesideTheImages() throws {
    #expect(try shell(#""$0" extract lib/a.so --into new -o json=new/report.json"#).status == 0)
    #expect(tree.names(in: "new") == ["a.0000.sm_80.cubin", "a.0001.compute_80.ptx", "report.json"])
  }

  // MARK: Links and rights

  /// A link that leads to nothing yet stays a link.
  @Test func aLinkToANewFile() throws {
    try tree.symbolicLink("link", to: "out/new.json")
    try tree.symbolicLink("other", to: "link")
    #expect(try shell(#""$0" gpus A100 -o json=other"#).status == 0)
    #expect(fileText(tree("out/new.json")) == (try expected()))
    #expect(try shell("readlink link; readlink other").text == "out/new.json\nlink\n")
  }

  /// Nothing is read for a result that cannot be written: the input is not even looked for.
  @Test(arguments: [
    ("loop", "Too many levels of symbolic links"), ("nowhere", "No such file or directory"),
    ("missing/report.json", "No such file or directory"), ("lib/a.so/report.json", "Not a directory"),
    ("out", "Is a directory"), ("out/", "Is a directory"), ("new/", "Is a directory"),
    (".", "Is a directory"),
    ("..", "Is a directory"), ("/", "Is a directory"), ("socket", "No such device or address"),
  ])
  func whatCannotBeWritten(name: String, why: String) throws {
    try tree.symbolicLink("loop", to: "pool")
    try tree.symbolicLink("pool", to: "loop")
    try tree.symbolicLink("nowhere", to: "missing/file")
    try tree.socket("socket")
    let names = tree.names()
    for command in [
      "scan input -o json=", "facts input -o ", "list input -o json=", "diff input input -o json=",
    ] {
      let run = try shell("\"$0\" \(command)\(name)")
      #expect(run.status == 2)
      #expect(run.messages == "cubinspect: \(name): cannot be written: \(why)\n")
    }
    #expect(tree.names() == names)
  }

  /// In a folder where everybody may leave entries, those of others are neither followed nor replaced, also by root.
  @Test(.enabled(if: geteuid() == 0, "needs root to give files away")) func stickyFolders() throws {
    try tree.directory("sticky")
    try tree.setMode(0o1777, of: "sticky")
    try tree.write([1], to: "victim")
    try tree.write([2], to: "sticky/file")
    try tree.write([3], to: "sticky/a.0000.sm_80.cubin")
    try tree.symbolicLink("sticky/link", to: "../victim")
    try tree.symbolicLink("sticky/new", to: "../created")
    #expect(try shell("chown -h 65534 sticky/*; mkfifo sticky/fifo; chown 65534 sticky/fifo").status == 0)
    for name in ["sticky/link", "sticky/new", "sticky/file", "sticky/fifo"] {
      let run = try shell("\"$0\" gpus A100 -o json=\(name)")
      #expect(run.status == 2)
      #expect(run.messages == "cubinspect: \(name): cannot be written: Permission denied\n")
    }
    #expect(try shell(#""$0" extract lib/a.so --into sticky --force --kind cubin"#).status == 2)
    #expect(fileContents(tree("victim")) == [1])
    #expect(fileContents(tree("sticky/file")) == [2])
    #expect(fileContents(tree("sticky/a.0000.sm_80.cubin")) == [3])
    #expect(!tree.names().contains("created"))
    // One's own, and what is new, is written as everywhere.
    try tree.write([4], to: "sticky/own")
    try tree.symbolicLink("sticky/mine", to: "own")
    for name in ["own", "mine", "fresh"] {
      #expect(try shell("\"$0\" gpus A100 -o json=sticky/\(name)").status == 0)
    }
  }
}
