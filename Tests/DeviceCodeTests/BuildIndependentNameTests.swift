import Demangling
import DeviceCode
import Testing

/// Names of kernels in PyTorch, cuBLAS, bitsandbytes and cuFFT.
@Suite struct BuildIndependentNameTests {
  @Test(
    arguments: [
      // CUB's and Thrust's inline namespaces: the version, and the targets of the build.
      (
        "_ZN3cub42_V_300200_SM_750_800_860_890_900_1000_12006detail11EmptyKernelIvEEvv",
        "_ZN3cub2_V6detail11EmptyKernelIvEEvv", "void cub::_V::detail::EmptyKernel<void>()"
      ),
      (
        "_ZN3cub43CUB_300001_SM_750_800_860_890_900_1000_12006detail11EmptyKernelIvEEvv",
        "_ZN3cub2_V6detail11EmptyKernelIvEEvv", "void cub::_V::detail::EmptyKernel<void>()"
      ),
      (
        "_ZN6thrust23THRUST_200302_700_80_NS8cuda_cub4coreEv", "_ZN6thrust2_V8cuda_cub4coreEv",
        "thrust::_V::cuda_cub::core()"
      ),
      // Anonymous namespaces: the hashes of the file.
      (
        "_ZN2at6native44_GLOBAL__N__a1b2c3d4_11_Indexing_cu_898629f26kernelEv",
        "_ZN2at6native23_GLOBAL__N__Indexing_cu6kernelEv", "at::native::(anonymous namespace)::kernel()"
      ),
      // A length that does not fit.
      ("_ZN2at6native43_GLOBAL__N__a1b2c3d4_11_Indexing_cu_898629f26kernelEv", nil, nil),
      // A name that ends with a digit before the length, and a number behind the hash.
      (
        "_ZN3__443_GLOBAL__N__3a4d9763_6_RNN_cu_2a8e2ea2_58031kEv", "_ZN3__418_GLOBAL__N__RNN_cu1kEv",
        "__4::(anonymous namespace)::k()"
      ),
      // Internal linkage, twice in one name.
      (
        "_Z1kIZN39_INTERNAL_ad704282_9_Unique_cu_285fecc22at6uniqueEvEUlvE_N39_INTERNAL_ad704282_9_Unique_cu_285fecc21xEEvv",
        "_Z1kIZN19_INTERNAL_Unique_cu2at6uniqueEvEUlvE_N19_INTERNAL_Unique_cu1xEEvv",
        "void k<_INTERNAL_Unique_cu::at::unique()::{lambda()#1}, _INTERNAL_Unique_cu::x>()"
      ),
      // Static functions of relocatable code.
      (
        "__nv_static_41__47404b09_14_RealComplex_cu_037523ef_5440__Z14packR2C_kernelIyfEvT_T0_",
        "_Z14packR2C_kernelIyfEvT_T0_",
        "void packR2C_kernel<unsigned long long, float>(unsigned long long, float)"
      ),
      ("__nv_static_41__47404b09_14_RealComplex_cu_037523ef_5440_scale", "scale", nil),
      // Nothing to change.
      ("_Z5scalePfi", nil, nil), ("scale", nil, nil), ("", nil, nil), ("__nv_static_", nil, nil),
      ("__nv_static_99__a", nil, nil), ("__nv_static_1", nil, nil), ("__nv_static_1_ab", nil, nil),
      ("_Z4_V_x", nil, nil), ("_ZN3_V_1aEv", nil, nil), ("_ZN11_GLOBAL__N_1kEv", nil, nil),
      ("_ZN99_V_300200_SM_750", nil, nil), ("9_GLOBAL__N__", nil, nil),
      ("_ZN12_GLOBAL__N_16kernelEv", nil, nil),
      ("_ZN99999999999999999999_GLOBAL__N__a1b2c3d4_1_a_898629f2", nil, nil),
      ("_ZN43_GLOBAL__N__a1b2c3d4_99999999999999999999_Indexing", nil, nil),
    ] as [(String, String?, String?)])
  func name(mangled: String, expected: String?, demangled: String?) {
    let name = buildIndependentName(mangled)
    #expect(name == expected ?? mangled)
    if let demangled { #expect(demangle(name) == demangled) }
    // What is left has nothing more to leave out.
    #expect(buildIndependentName(name) == name)
  }

  /// Two builds of one source, the second with other hashes and targets.
  @Test func twoBuilds() {
    let names = [("a1b2c3d4", "750_800"), ("00ff00ff", "750_800_900")].map { hash, targets in
      let file = "_GLOBAL__N__\(hash)_9_Unique_cu_\(hash)"
      let version = "_V_300200_SM_\(targets)"
      return "_ZN3cub\(version.utf8.count)\(version)1kINS\(file.utf8.count)\(file)1xEEEvv"
    }
    #expect(names[0] != names[1])
    #expect(buildIndependentName(names[0]) == buildIndependentName(names[1]))
  }
}
