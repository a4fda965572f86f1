import Demangling
import Testing

@Suite struct DemanglingTests {
  @Test(arguments: [
    ("_Z6vecAddPKfS0_Pfi", "vecAdd(float const*, float const*, float*, int)"),
    (
      "_ZN4c10d50_GLOBAL__N__5ffcc681_11_NanCheck_cu_d32bfcb6_3821911checkForNaNIdEEvPT_m",
      "void c10d::(anonymous namespace)::checkForNaN<double>(double*, unsigned long)"
    ),
  ])
  func namesAreAsCxxfiltWritesThem(_ mangled: String, _ demangled: String) {
    #expect(demangle(mangled) == demangled)
  }

  @Test(arguments: ["", "f", "main", "_Z", "_Z1", "_Z1f\0v", "_Z1fv\0", "_Znonsense", "_R1f"])
  func otherNamesStay(_ name: String) { #expect(demangle(name) == nil) }

  @Test func namesKeepTheirOrder() {
    let names = ["_Z1av", "b", "_Z1cv"]
    #expect(demangle(names) == ["a()", nil, "c()"])
    #expect(demangle([]) == [])
  }

  /// The demangler's own limit would refuse more than 1,024 bytes.
  @Test func longNamesDemangle() throws {
    let parameters = String(repeating: "1a", count: 1000)
    let demangled = try #require(demangle("_Z1f" + parameters))
    #expect(demangled == "f(" + Array(repeating: "a", count: 1000).joined(separator: ", ") + ")")
    #expect(demangle("_Z1f" + String(repeating: "1a", count: 9000)) == nil)
  }

  /// Each parameter is a type with the one before twice, so that the last one is 2^34 bytes long.
  @Test func outputIsLimited() {
    func name(depth: Int) -> String {
      "_Z1f1aIiiE" + (0..<depth).map { "S_IS\(digit($0))_S\(digit($0))_E" }.joined()
    }
    func digit(_ value: Int) -> String { String(value, radix: 36).uppercased() }
    #expect(demangle(name(depth: 1)) == "f(a<int, int>, a<a<int, int>, a<int, int> >)")
    #expect(demangle(name(depth: 32)) == nil)
  }

  /// Parsing each conversion tries two ways, so that this takes 2^1000 steps; the names around it still come.
  @Test func endlessNamesAreGivenUp() {
    let endless = "_Z" + String(repeating: "cvT_I", count: 1000)
    #expect(demangle(["_Z1av", endless, "_Z1bv"]) == ["a()", nil, "b()"])
    let given = demangle(Array(repeating: endless, count: 6) + ["_Z1bv"])
    #expect(given == Array(repeating: nil, count: 7))
  }

  @Test(arguments: [
    ("vecAdd(float const*, float const*, float*, int)", "vecAdd"),
    ("plain", "plain"),
    (
      "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, std::array<char*, 1ul> >(int, at::native::FillFunctor<int>, std::array<char*, 1ul>)",
      "at::native::vectorized_elementwise_kernel"
    ),
    ("void (anonymous namespace)::softmax<float>(float*)", "(anonymous namespace)::softmax"),
    ("void a::(anonymous namespace)::b<(c)1, (d > e)>(int)", "a::(anonymous namespace)::b"),
    ("a::b(int)::{lambda(float, int)#1}::operator()(float, int) const", "a::b::{lambda#1}::operator()"),
    ("void f<a::b(int)::{lambda(float)#1}>(int, a::b(int)::{lambda(float)#1})", "f"),
    ("bool operator< <int>(a<int> const&, a<int> const&)", "operator<"),
    ("bool a::operator<<<int>(a<int> const&)", "a::operator<<"),
    ("a::operator->()", "a::operator->"),
    ("a::operator unsigned int() const", "a::operator unsigned int"),
    ("void k<((1)<(2)), ((3)>(4)), &(a::operator->)>(int)", "k"),
    ("std::enable_if<(a)1, void>::type k<int>(int)", "k"),
    ("decltype ((fp).x) a::k<int>(int)", "a::k"),
    ("k(int) [clone .kd]", "k"),
    ("a::b(int) const::c::d()", "a::b::c::d"),
  ])
  func readableNames(_ demangled: String, _ readable: String) {
    #expect(readableKernelName(demangled) == readable)
  }

  @Test(arguments: [
    "", "(", "<", ">", "f<", "f(", "{", "f(>", " ", "operator", "operator<", "f<)>(", "(((", "a]b",
  ])
  func anyTextHasAReadableName(_ text: String) { _ = readableKernelName(text) }
}
