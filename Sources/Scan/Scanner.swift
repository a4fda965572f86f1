public import Archives
public import Bytes

/// Finds all device code under some paths.
public struct Scanner: Sendable {
  /// Threads that walk and read.
  public var jobs: Int
  /// What archives may claim.
  public var limits: ArchiveLimits
  /// The platform that is wanted of images for several; nil for all of Linux.
  public var platform: ContainerImage.Platform?
  /// The folders that symbolic links of directories are followed into.
  public var linkedFolders: [LinkedFolder]
  /// What counts while a scan is under way.
  public var progress: ScanProgress?

  public init(
    jobs: Int, limits: ArchiveLimits = ArchiveLimits(), platform: ContainerImage.Platform? = nil,
    linkedFolders: [LinkedFolder] = [], progress: ScanProgress? = nil
  ) {
    self.jobs = max(1, jobs)
    self.limits = limits
    self.platform = platform
    self.linkedFolders = linkedFolders
    self.progress = progress
  }

  /// Scans `paths`: directories with all that is below them, single files, wheels and other packages, images.
  ///
  /// A symbolic link is not followed on the host but into ``linkedFolders``: what else it leads to is found under its own
  /// name, or it is outside.
  /// Nothing ends a scan; what cannot be read is among the result's problems.
  public func scan(_ paths: [Path]) -> ScanResult { scan(paths.map { ScanInput(name: $0) }) }

  /// Scans `inputs`, of which those with a name that was there before are left out.
  public func scan(_ inputs: [ScanInput]) -> ScanResult {
    let steps = Budget(limits.pathSteps)
    let decompression = Budget(
      Int(clamping: limits.decompressedSize), expected: limits.atMost(.decompressedSize))
    var opener = RootOpener(
      limits: limits, steps: steps, decompression: decompression, platform: platform,
      linkedFolders: linkedFolders, jobs: jobs, progress: progress)
    var seen: Set<Path> = []
    for input in inputs where seen.insert(input.name).inserted {
      progress?.begin(.opening)
      opener.add(input)
    }
    // An archive that takes all of it to be opened must not keep others from being read.
    decompression.add(Int(clamping: limits.decompressedSize))
    progress?.begin(.walking)
    let walk = Walk(
      opener.roots, limits: limits, decompression: decompression, problems: opener.problems,
      progress: progress)
    walk.run(jobs: jobs)
    return walk.result(jobs: jobs, limits: limits, steps: steps)
  }
}
