import Bytes
public import DeviceCode

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
  public var problems: [PlacedProblem] = []
}

extension ScanResult {
  /// Reads the kernels of the machine code and PTX in `libraries`, which are indices, on `jobs` threads.
  ///
  /// What cannot be read is among the result's problems; LTO-IR has no names to read, and is no problem.
  public func kernels(
    of libraries: some Collection<Int>, jobs: Int, progress: ScanProgress? = nil
  ) -> KernelIndex {
    progress?.begin(.readingKernels, of: libraries.count)
    var result = KernelIndex()
    var indices: [String: Int] = [:]
    for library in libraries {
      defer { progress?.finishStep() }
      let place = self.libraries[library].place
      let file = self.libraries[library].file
      let images = file.inventory.images
      var targets: [ImageTarget: KernelIndex.Target] = [:]
      do throws(Problem) {
        let kernels = FileKernels(file, try open(place), jobs: jobs, progress: progress)
        let isFull = kernels.kernels.isEmpty && kernels.kernelCounts.contains { $0 ?? 0 > 0 }
        for image in images where isFull || kernels.kernelCounts[image.index] == nil {
          targets[ImageTarget(image), default: .init()].isComplete = false
        }
        for kernel in kernels.kernels {
          let name = buildIndependentName(kernel.name)
          let index = indices[name] ?? result.names.count
          if index == result.names.count {
            indices[name] = index
            result.names.append(name)
          }
          for copy in kernel.copies {
            targets[ImageTarget(images[copy.image]), default: .init()]
              .codeSizes[index, default: 0] &+= copy.resources?.codeSize ?? 0
          }
        }
        result.problems += kernels.problems.map { PlacedProblem(place: place, problem: $0) }
      } catch {
        for image in images { targets[ImageTarget(image), default: .init()].isComplete = false }
        result.problems.append(PlacedProblem(place: place, problem: error))
      }
      for image in images where targets[ImageTarget(image)] == nil { targets[ImageTarget(image)] = .init() }
      result.libraries[library] = targets
    }
    return result
  }
}
