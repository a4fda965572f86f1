/// A clause without a full stop at its end that knows where it names its subject and GPUs: what holds of several GPUs is told
/// once with all of their names, and beside the name of its subject or its GPU it says "it".
public struct Sentence: Hashable, Sendable, ExpressibleByStringInterpolation {
  fileprivate enum Part: Hashable, Sendable {
    case text(String)
    case gpu(String)
    case subject(String)
  }

  fileprivate var parts: [Part]

  public init(_ text: String) { parts = [.text(text)] }
  public init(stringLiteral text: String) { self.init(text) }
  public init(stringInterpolation interpolation: StringInterpolation) { parts = interpolation.parts }

  /// Takes names of GPUs as `\(gpu: name)`, and that of the subject as `\(subject: name)`.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var parts: [Part] = []

    public init(literalCapacity: Int, interpolationCount: Int) {}
    public mutating func appendLiteral(_ text: String) { parts.append(.text(text)) }
    public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      parts.append(.text(value.description))
    }
    public mutating func appendInterpolation(gpu name: String) { parts.append(.gpu(name)) }
    public mutating func appendInterpolation(subject name: String) { parts.append(.subject(name)) }
    public mutating func appendInterpolation(_ sentence: Sentence) { parts += sentence.parts }
  }

  static func + (left: Sentence, right: Sentence) -> Sentence {
    var sum = left
    sum.parts += right.parts
    return sum
  }

  /// With the names that it was made with.
  public var text: String { text() }

  /// - Parameters:
  ///   - gpus: what stands in place of the names of GPUs; nil for the names.
  ///   - subject: the same for the subject.
  public func text(gpus: String? = nil, subject: String? = nil) -> String {
    parts.reduce(into: "") { text, part in
      switch part {
      case .text(let own): text += own
      case .gpu(let own): text += gpus ?? own
      case .subject(let own): text += subject ?? own
      }
    }
  }
}
