/// A kind of virtual machine that a cloud rents out, and the GPUs in it.
public struct CloudInstance: Hashable, Sendable, Codable {
  /// `aws`, `gcp`, `azure`, `colab`, `kaggle`.
  public var cloud: String
  /// As the cloud calls it, in small letters, Azure's without `Standard_`: `g5.xlarge`. A star stands for any text, `#` for
  /// the number of GPUs: `g5.*`, `a2-highgpu-#g`.
  public var instance: String
  /// The name of the product in the catalogue.
  public var gpu: String
  /// How many of it there may be, ascending; empty where the name says so.
  public var counts: [Int]
  /// The processor: `x86_64`, `aarch64`.
  public var machine: String
  /// False where nobody has read a page that says so; nil means confirmed.
  public var confirmed: Bool?
  /// Index into ``GPUCatalogue/sources``.
  public var source: Int

  /// This kind by the name that somebody typed, with the number of GPUs that the name tells; nil where it is another.
  func named(_ text: String) -> CloudInstance? {
    var name = text.trimmed.lowercased()
    if name.hasPrefix("standard_") { name.removeFirst("standard_".count) }
    guard let place = instance.firstIndex(where: { $0 == "*" || $0 == "#" }) else {
      return name == instance ? self : nil
    }
    let (start, end) = (instance[..<place], instance[instance.index(after: place)...])
    guard name.hasPrefix(start), name.hasSuffix(end), name.count > start.count + end.count else { return nil }
    var named = self
    named.instance = name
    if instance[place] == "#" {
      guard let count = decimal(name.dropFirst(start.count).dropLast(end.count)), count > 0 else {
        return nil
      }
      named.counts = [count]
    }
    return named
  }
}

extension CloudInstance: CustomStringConvertible {
  /// `g5.xlarge (aws, x86_64): 1 × NVIDIA A10G`.
  public var description: String {
    let some = counts.dropLast().map { "\($0)" }.joined(separator: ", ")
    let number = [some, counts.last.map { "\($0)" } ?? ""].filter { !$0.isEmpty }.joined(separator: " or ")
    let probably = confirmed == false ? "probably " : ""
    return "\(instance) (\(cloud), \(machine)): \(probably)\(number) \u{D7} \(gpu)"
  }
}
