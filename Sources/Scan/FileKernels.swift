public import Bytes
public import DeviceCode
import Synchronization

/// What a kernel takes on the GPU, in one image.
public struct KernelResources: Hashable, Sendable {
  /// Registers of 32 bits per thread; nil where the cubin does not say.
  public var registers: UInt32?
  /// Bytes of stack per thread; nil where the cubin does not say.
  public var stackSize: UInt32?
  /// Bytes of local memory per thread.
  public var localMemory: UInt64
  /// Bytes of static shared memory per block.
  public var sharedMemory: UInt64
  /// Bytes of constant bank 0, parameters included.
  public var constantBank0: UInt64
  /// Bytes of parameters; nil where the cubin does not say.
  public var parameterBytes: UInt32?
  /// Bytes of machine code.
  public var codeSize: UInt64
  /// What the machine code amounts to.
  public var body: KernelBody.Kind

  init(_ kernel: Kernel, body: KernelBody.Kind) {
    registers = kernel.registers
    stackSize = kernel.stackSize
    localMemory = kernel.localMemory
    sharedMemory = kernel.sharedMemory
    constantBank0 = kernel.constantBank0
    parameterBytes = kernel.parameterBytes
    codeSize = kernel.codeSize
    self.body = body
  }
}

/// A kernel in one image.
public struct KernelCopy: Hashable, Sendable {
  /// The image that holds it, as an index into the file's images.
  public var image: Int
  /// nil in PTX, which only the driver's compiler turns into code.
  public var resources: KernelResources?
  /// Bytes of the sections that belong to it alone; 0 in PTX.
  public var size: UInt64
  /// Bytes that these take in the file. Where the image is compressed, its stored bytes are divided by size.
  public var storedSize: UInt64
  /// The position of its name while images are read.
  fileprivate var name: Int
}

/// A kernel and all its copies in one file.
public struct KernelEntry: Hashable, Sendable {
  /// As the linker knows it (mangled).
  public var name: String
  /// Ascending by image.
  public var copies: ArraySlice<KernelCopy>
}

/// All kernels of one file, and what its bytes are.
public struct FileKernels: Sendable {
  /// In the order in which the images first name them.
  public private(set) var kernels: [KernelEntry] = []
  public let composition: FileComposition
  /// Bytes in all cubins that were read, by ``CubinPart``: as stored, and decompressed.
  public private(set) var cubinParts: [(stored: UInt64, size: UInt64)]
  /// For each image, how many kernels it has; nil where it could not be read.
  public private(set) var kernelCounts: [Int?]
  /// What kept images from being read.
  public private(set) var problems: [Problem] = []

  /// Reads the kernels of `file`, which is what `source` was read as, on `jobs` threads.
  ///
  /// Each thread holds one payload at a time.
  public init(
    _ file: InspectedFile, _ source: any ByteSource, jobs: Int, progress: ScanProgress? = nil
  ) {
    let inventory = file.inventory
    composition = FileComposition(file, source)
    cubinParts = Array(repeating: (0, 0), count: CubinPart.allCases.count)
    kernelCounts = Array(repeating: nil, count: inventory.images.count)
    let wanted = inventory.images.filter { [.cubin, .ptx, .cubinVariant].contains($0.kind) }.map(\.index)
    let names = NameTable()
    let storedSizes = composition.storedSizes
    let results = PayloadReader(source, inventory).map(
      wanted, of: inventory, jobs: jobs, progress: progress
    ) {
      (image, bytes) throws(Problem) in
      try ImageKernels(image, bytes, storedSize: storedSizes[image.index], names)
    }
    let list = names.list
    if names.isFull {
      problems.append(
        Problem(
          .limitExceeded, "kernels",
          expected: "at most \(NameTable.countLimit) copies and \(NameTable.byteLimit) bytes of names"))
    }
    for (index, result) in zip(wanted, results) {
      switch result {
      case .success(let image):
        kernelCounts[index] = image.count
        for (part, bytes) in image.parts.enumerated() {
          cubinParts[part].stored += bytes.stored
          cubinParts[part].size += bytes.size
        }
      case .failure(let problem): problems.append(problem)
      }
    }
    if !names.isFull { kernels = Self.kernels(list, results) }
  }

  /// The copies of all images by name.
  private static func kernels(_ names: [String], _ results: [Result<ImageKernels, Problem>]) -> [KernelEntry]
  {
    let images = results.compactMap { try? $0.get() }
    // All copies lie in one array, those of one kernel together: an array for each would cost more than the rest.
    var counts = [Int](repeating: 0, count: names.count)
    var order: [Int] = []
    for copy in images.lazy.flatMap(\.copies) {
      if counts[copy.name] == 0 { order.append(copy.name) }
      counts[copy.name] += 1
    }
    var ends = [Int](repeating: 0, count: names.count)
    var total = 0
    for name in order {
      ends[name] = total
      total += counts[name]
    }
    let none = KernelCopy(image: 0, resources: nil, size: 0, storedSize: 0, name: 0)
    var copies = [KernelCopy](repeating: none, count: total)
    for image in images {
      for copy in image.copies {
        copies[ends[copy.name]] = copy
        ends[copy.name] += 1
      }
    }
    return order.map { KernelEntry(name: names[$0], copies: copies[ends[$0] - counts[$0]..<ends[$0]]) }
  }
}

/// The names of all images, each kept once.
///
/// Where there are too many, none is kept: what remains must not depend on which thread came first.
private final class NameTable: Sendable {
  private struct Names {
    var positions: [String: Int] = [:]
    var list: [String] = []
    var bytes = 0
    var copies = 0
    var isFull = false
  }

  /// Kernels of all images of one file past this number, and bytes of different names past that, are not believed:
  /// the largest libraries have 150,000 and 10 MB.
  static let countLimit = 1 << 22
  static let byteLimit = 1 << 28

  private let names = Mutex(Names())

  /// The positions of `new` in the list; none where there are too many.
  func positions(of new: [String]) -> [Int] {
    names.withLock { names in
      names.copies += new.count
      var positions: [Int] = []
      positions.reserveCapacity(new.count)
      for name in new where !names.isFull {
        let position = names.positions[name] ?? names.list.count
        if position == names.list.count {
          names.positions[name] = position
          names.list.append(name)
          names.bytes += name.utf8.count
        }
        positions.append(position)
        if names.copies > Self.countLimit || names.bytes > Self.byteLimit {
          names = Names(isFull: true)
          return []
        }
      }
      return positions
    }
  }

  var isFull: Bool { names.withLock { $0.isFull } }
  var list: [String] { names.withLock { $0.list } }
}

/// The kernels of one image.
private struct ImageKernels: Sendable {
  /// Kernels in it; ``copies`` is empty where there are too many in the file.
  var count = 0
  var copies: [KernelCopy] = []
  /// By ``CubinPart``.
  var parts: [(stored: UInt64, size: UInt64)] = []

  init(
    _ image: DeviceImage, _ bytes: ArraySlice<UInt8>, storedSize: UInt64, _ names: NameTable
  ) throws(Problem) {
    do throws(Problem) {
      if image.kind == .ptx {
        let contents = try PTXContents(bytes)
        count = contents.kernels.count
        copies = names.positions(of: contents.kernels).map {
          KernelCopy(image: image.index, resources: nil, size: 0, storedSize: 0, name: $0)
        }
        return
      }
      let contents = try CubinContents(bytes)
      count = contents.kernels.count
      let composition = contents.composition(of: bytes)
      var shares = Apportionment(storedSize, whole: UInt64(bytes.count))
      parts = composition.parts.map { (shares.next($0), $0) }
      shares = Apportionment(storedSize, whole: UInt64(bytes.count))
      copies = zip(contents.kernels, names.positions(of: contents.kernels.map(\.name))).enumerated().map {
        let size = composition.kernels[$0]
        let body = KernelBody($1.0, in: bytes, target: image.target)
        return KernelCopy(
          image: image.index, resources: KernelResources($1.0, body: body.kind), size: size,
          storedSize: shares.next(size),
          name: $1.1)
      }
    } catch {
      // Offsets in a decompressed image are not offsets in the file; those in a stored one are.
      var error = error
      let isPlain = image.compression == .none && image.memberOffset == nil
      error.offset = isPlain ? error.offset.map { $0 &+ image.offset } : image.offset
      throw error
    }
  }
}
