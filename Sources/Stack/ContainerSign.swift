/// What shows that a process runs in a container.
public struct ContainerSign: Hashable, Sendable {
  /// The file that shows it.
  public var file: String

  /// The first sign in the files of a Linux system; nil where there is none.
  ///
  /// - Parameters:
  ///   - exists: whether there is something of that name.
  ///   - contents: the contents of a small file; nil where it cannot be read.
  public init?(exists: (_ file: String) -> Bool, contents: (_ file: String) -> [UInt8]?) {
    // docker; podman and CRI-O; Singularity and Apptainer.
    if let file = ["/.dockerenv", "/run/.containerenv", "/.singularity.d"].first(where: exists) {
      self.file = file
      return
    }
    // With cgroup v1, and with v2 where the namespace is the host's, the groups are named by the engine.
    let file = "/proc/1/cgroup"
    let engines = [
      "/docker/", "/docker-", "/kubepods", "/containerd", "/cri-containerd", "/libpod", "/lxc/", "/crio-",
    ]
    guard let groups = contents(file).map({ String(decoding: $0, as: UTF8.self) }),
      engines.contains(where: groups.contains)
    else { return nil }
    self.file = file
  }
}
