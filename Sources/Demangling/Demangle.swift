import CDemangle
import Glibc

/// The demangled form of a name of the Itanium C++ ABI, as `c++filt` writes it.
///
/// Many names cost less with ``demangle(_:)-([String])``.
///
/// - Returns: nil where `mangled` is no such name, is longer than 16 KiB, gives more than 64 KiB, or takes more than
///   a quarter of a second; names that compilers write take microseconds.
public func demangle(_ mangled: String) -> String? { demangle([mangled])[0] }

/// The demangled forms of `names`, in their order, each as from ``demangle(_:)-(String)``.
///
/// Of names that take too long, only the first four are tried: none after them is demangled.
public func demangle(_ names: [String]) -> [String?] {
  var text: [CChar] = []
  var starts: [Int] = []
  starts.reserveCapacity(names.count)
  for name in names {
    starts.append(text.count)
    // A name does not go on behind a zero.
    if !name.utf8.contains(0) { for byte in name.utf8 { text.append(CChar(bitPattern: byte)) } }
    text.append(0)
  }
  var results: [UnsafeMutablePointer<CChar>?] = unsafe Array(repeating: nil, count: names.count)
  unsafe text.withUnsafeBufferPointer { text in
    let pointers: [UnsafePointer<CChar>?] = unsafe starts.map { unsafe text.baseAddress! + $0 }
    unsafe cdemangle(pointers, &results, names.count)
  }
  return unsafe results.map { result in
    guard let result = unsafe result else { return nil }
    defer { unsafe free(result) }
    return unsafe String(cString: result)
  }
}
