import Bytes

/// An engine that TensorRT serialised: machine code for the GPUs that it was built for, in a format that NVIDIA does not
/// document.
struct TensorRTEngine {
  /// The version of TensorRT that built it, the only one that loads it unless it was built to be compatible: 10.3.0.26. Nil
  /// where the start of the file does not tell.
  var version: String?

  /// Nil for a file that is none.
  ///
  /// The tag and the place of the version are those of `samples/common/sampleEngines.cpp` in NVIDIA/TensorRT. Ultralytics puts
  /// metadata in front: the number of bytes and a JSON object.
  init?(_ prefix: ArraySlice<UInt8>) {
    let tag = "ftrt".utf8
    let start = prefix.startIndex
    if prefix.starts(with: tag) {
      if prefix.count >= 28, prefix[(start + 4)..<(start + 8)].allSatisfy({ $0 == 0 }) {
        version = prefix[(start + 24)..<(start + 28)].map(String.init).joined(separator: ".")
      }
      return
    }
    // The number of bytes of metadata has two bytes at most.
    guard prefix.count > 8, prefix[start + 2] == 0, prefix[start + 3] == 0,
      prefix[start + 4] == UInt8(ascii: "{")
    else { return nil }
    let size = Int(prefix[start]) + Int(prefix[start + 1]) << 8
    guard prefix.dropFirst(4 + size).starts(with: tag) else { return nil }
  }

  var problem: Problem {
    Problem(
      .unsupported, "TensorRT engine",
      observed: (version.map { "built by TensorRT \($0)" } ?? "built")
        + " for one kind of GPU, which is not read")
  }
}
