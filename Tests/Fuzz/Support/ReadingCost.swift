import Archives
import Assessment
import Bytes
import CFuzzCounters
import Compatibility
import DeviceCode
import Glibc
import Report
import Scan
import Stack

/// What it costs to read a file, counted: a hostile one must not cost more than its size justifies.
struct ReadingCost {
  /// Bytes of the file.
  private let size: Int
  /// Bytes that were read of the file, those that were read twice counted twice.
  private var read = 0
  /// Bytes that were decompressed, and that were read of them.
  private var decompressed = 0
  private var readOfMembers = 0
  /// Names that were looked up, and bytes for members.
  private var steps = 0
  private var memory = 0
  /// Milliseconds of processor time, of this thread.
  private var milliseconds = 0

  /// Bytes that may be decompressed whatever the size is. Small, so that the time tells what is not counted.
  private static let decompressedSize = 8 << 20

  /// How often slower the build is than the fuzzer's.
  #if DEBUG
    private static let slowness = 10
  #else
    private static let slowness = 1
  #endif

  /// Reads `bytes`.
  init(of bytes: [UInt8]) {
    size = bytes.count
    let start = Self.now
    let file = CountedBytes(MemoryBytes(bytes))
    var limits = ArchiveLimits()
    limits.decompressedSize = UInt64(Self.decompressedSize)
    let decompression = Budget(Self.decompressedSize)
    decompression.addDecompression(for: file.size)
    let allSteps = Budget(limits.pathSteps)
    let allMemory = Budget(Int(limits.nameMemory))
    allMemory.addMemory(for: file.size)
    let (wholeDecompression, wholeMemory) = (decompression.rest, allMemory.rest)
    let prefix = bytes.prefix(UnreadFile.prefixSize)
    _ = UnreadFile.problem(
      Path("a.iso").name, prefix: prefix, isNamed: true, limits: limits, decompression: decompression
    ) { file }
    func inspect(_ source: any ByteSource) {
      let counted = CountedBytes(source)
      let inspected = InspectedFile(counted, decompression: decompression)
      let reader = PayloadReader(counted, inspected.inventory)
      _ = reader.ptxHeaders(
        of: inspected.inventory.images.indices.prefix(64).filter { index in
          inspected.inventory.images[index].kind == .ptx
        })
      readOfMembers += Int(clamping: counted.bytesRead)
    }
    if let zip = try? ZipArchive(file, limits: limits, decompression: decompression) {
      for member in zip.members {
        guard let prefix = try? zip.prefix(of: member, count: 64) else { continue }
        _ = UnreadFile.problem(
          member.path.name, prefix: prefix[...], isNamed: false, limits: limits, decompression: decompression
        ) {
          () throws(Problem) in try zip.contents(of: member)
        }
        guard InspectedFile.mayHoldDeviceCode(prefix: prefix[...]) else { continue }
        guard let contents = try? zip.contents(of: member) else { continue }
        inspect(contents)
        try? zip.verify(member, contents: contents)
      }
    } else if SquashFSArchive.start(prefix: prefix) == 0 {
      let archive = try? SquashFSArchive(
        file, limits: limits, memory: allMemory, decompression: decompression)
      for index in archive?.contents.indices ?? 0..<0 {
        if let contents = try? archive?.open(index) { inspect(contents) }
      }
    } else if (try? TarArchive.isTar(file)) == true {
      var tree = FileTree(limits: limits, steps: allSteps, memory: allMemory)
      let tar = try? TarArchive(
        decompressing: file, limits: limits, memory: allMemory, decompression: decompression)
      if let tar { tree.apply(tar) }
      for file in tree.files {
        if let contents = try? tree.contents(of: file) { inspect(contents) }
      }
      if let archive = try? ImageArchive(tree) {
        for image in archive.images {
          var tree = FileTree(limits: limits, steps: allSteps, memory: allMemory)
          for layer in image.layers {
            guard let tar = try? layer.tar(limits: limits, memory: allMemory, decompression: decompression)
            else { continue }
            tree.apply(tar)
          }
          _ = tree.files
        }
      }
    } else {
      inspect(file)
    }
    read = Int(clamping: file.bytesRead)
    decompressed = wholeDecompression - decompression.rest
    steps = limits.pathSteps - allSteps.rest
    memory = wholeMemory - allMemory.rest
    Self.scan(bytes, limits)
    milliseconds = Self.now - start
  }

  /// Scans `bytes` as a file without a name, as the program does, on this thread; what that costs is its time.
  private static func scan(_ bytes: [UInt8], _ limits: ArchiveLimits) {
    var name = Array("/tmp/cubinspect-fuzz-XXXXXX".utf8CString)
    let file = unsafe mkstemp(&name)
    guard file >= 0 else { return }
    defer { close(file) }
    _ = unsafe unlink(name)
    guard unsafe write(file, bytes, bytes.count) == bytes.count else { return }
    let device = Device(ComputeCapability(8, 0), driver: .branch(535))
    let facts = Scanner(jobs: 1, limits: limits).scan([Path("/proc/self/fd/\(file)")])
      .facts(for: .devices([device]), by: .shipped, jobs: 1)
    let question = Question(
      devices: [RequestedDevice(query: "A100", device: device)], namesDevices: true)
    _ = ScanReport(Assessment(facts, question)).text(TextStyle(), seconds: 1)
  }

  /// Milliseconds of processor time that this thread took so far.
  private static var now: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  /// What is too much. Costs of each kind in powers of two are told to the fuzzer, which then keeps what costs more than all
  /// before.
  var violations: [String] {
    let allowed = size * ArchiveLimits.decompressedPerByte + Self.decompressedSize
    let costs: [(name: String, count: Int, limit: Int)] = [
      ("bytes read", read, 200 * size + 1 << 20),
      ("bytes read of members", readOfMembers, 16 * allowed),
      ("bytes decompressed", decompressed, allowed),
      ("steps", steps, 1 << 22),
      ("bytes for members", memory, 64 << 20 + 10 * size),
      // What may be counted takes half of it with the sanitizers: four million steps, and twenty megabytes a second.
      ("milliseconds", milliseconds, Self.slowness * (3000 + allowed / 20_000)),
    ]
    for (number, cost) in costs.enumerated() {
      let logarithm = Int.bitWidth - max(0, cost.count).leadingZeroBitCount
      fuzz_counter_reach(UInt8(number * 40 + min(39, logarithm)))
    }
    return costs.filter { $0.count > $0.limit }.map { "\($0.count) \($0.name) for \(size) bytes" }
  }
}
