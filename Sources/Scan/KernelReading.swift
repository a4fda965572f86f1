import Bytes
public import DeviceCode
import Synchronization

/// The kernels of some libraries of a scan, by target.
///
/// A kernel is the index of its name in ``names``; see ``buildIndependentName(_:)``.
public struct KernelIndex: Sendable {
  /// The kernels of one target of one library.
  public struct Target: Hashable, Sendable {
    /// Bytes of code of every kernel, over all images that hold it; 0 in PTX.
    public var codeSizes: [Int: UInt64] = [:]
    /// Whether all images could be read.
    public var isComplete = true

    /// Bytes of code.
    public var codeSize: UInt64 { codeSizes.values.reduce(0, &+) }
  }

  public var names: [String] = []
  /// By the library's index in the scan.
  public var libraries: [Int: [ImageTarget: Target]] = [:]
  /// What went wrong while images were read.
  public var problems: [FileProblem] = []
}

extension ScanResult {
  /// Reads the kernels of the machine code and PTX in `libraries`, which are indices, on `jobs` threads.
  ///
  /// What cannot be read is among the result's problems; obfuscated code has no names and is no problem.
  public func kernels(of libraries: some Sequence<Int>, jobs: Int) -> KernelIndex {
    let names = Mutex<(indices: [String: Int], list: [String])>(([:], []))
    var result = KernelIndex()
    for index in libraries {
      let place = self.libraries[index].place
      let inventory = self.libraries[index].file.inventory
      var targets: [ImageTarget: KernelIndex.Target] = [:]
      for image in inventory.images { targets[ImageTarget(image), default: .init()].isComplete = true }
      let images = inventory.images.indices.filter { image in
        let isReadable = inventory.images[image].hasReadableKernels
        if !isReadable { targets[ImageTarget(inventory.images[image])]?.isComplete = false }
        return isReadable
      }
      var problems: Set<Problem> = []
      do throws(Problem) {
        let source = try FileBytes(path: place.fullPath(in: roots))
        let kernels = PayloadReader(source, inventory).map(images, of: inventory, jobs: jobs) {
          (image, bytes) throws(Problem) -> [(kernel: Int, codeSize: UInt64)] in
          let kernels = try image.kernels(in: bytes).map { (buildIndependentName($0.name), $0.codeSize) }
          return names.withLock { names in
            kernels.map { name, codeSize in
              if let known = names.indices[name] { return (known, codeSize) }
              names.indices[name] = names.list.count
              names.list.append(name)
              return (names.list.count - 1, codeSize)
            }
          }
        }
        for (image, result) in zip(images, kernels) {
          let target = ImageTarget(inventory.images[image])
          do throws(Problem) {
            for (kernel, codeSize) in try result.get() {
              targets[target]?.codeSizes[kernel, default: 0] &+= codeSize
            }
          } catch {
            targets[target]?.isComplete = false
            problems.insert(error)
          }
        }
      } catch {
        for target in targets.keys { targets[target]?.isComplete = false }
        problems.insert(error)
      }
      result.libraries[index] = targets
      result.problems += problems.sorted { ($0.offset ?? 0, $0.field) < ($1.offset ?? 0, $1.field) }
        .map { FileProblem(place: place, problem: $0) }
    }
    result.names = names.withLock { $0.list }
    return result
  }
}

extension DeviceImage {
  /// Whether the image is of a kind whose kernels can be read, and not obfuscated.
  fileprivate var hasReadableKernels: Bool {
    (kind == .cubin || kind == .ptx) && !flags.contains(.obfuscated)
  }

  /// The kernels in the image's bytes, those of PTX with a name only.
  fileprivate func kernels(in bytes: ArraySlice<UInt8>) throws(Problem) -> [Kernel] {
    kind == .ptx ? try PTXContents(bytes).kernels.map { Kernel(name: $0) } : try CubinContents(bytes).kernels
  }
}
