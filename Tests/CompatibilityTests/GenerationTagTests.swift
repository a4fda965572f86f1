import FuzzSupport
import Testing

@testable import Compatibility

/// What kernels' names say about the GPUs that they are for. The names are from published libraries.
struct GenerationTagTests {
  private func tags(_ name: String) -> [String] {
    GenerationTagReader(.shipped).read(MangledName(name)).tags.map {
      "\($0.computeCapability)\($0.isMinimum ? "+" : "")"
    }.sorted()
  }

  @Test(arguments: [
    // cuBLASLt, cuDNN, cuSPARSELt
    (
      "sm80_xmma_gemm_f64f64_f64f64_f64_nt_n_tilesize32x32x16_stage5_warpsize2x2x1_tensor8x8x4_execute_split_k_kernel__5x_cublas",
      ["8.0"]
    ),
    ("sm89_xmma_gemm_e4m3e5m2e4m3_e4m3e5m2f32_f32_tn_n_tilesize32x64x64_stage5_kernel__5x_cublas", ["8.9"]),
    (
      "sm70_xmma_depthwise_convolution_fprop_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_g32_execute_kernel__5x_cudnn",
      ["7.0"]
    ),
    ("cublasLt_fused_imma_dgemm_splitk_kernel_sm80", ["8.0"]),
    ("cutlass3x_sm100_sparse_compression_8_4_pairwise_e2m1_4bits_t", ["10.0"]),
    ("ampere_cgemm_int8_32x32_cc", ["8.0"]),
    ("turing_gcgemm_int8_64x32_upper_nt", ["7.5"]),
    ("volta_first_layer_filter7x7_wgrad_execute_RSKC_to_KRSC_betaTrue_kernel__5x_cudnn", ["7.0"]),
    ("Volta_scale_bias_add_relu_hmma_implicit_gemm_fprop_fp32_nhwc_128x128x32_1x1", ["7.0"]),
    ("_5x_cudnn_ampere_fp16_i8816cudnn_int8_128x128_ldg16_relu_interior_nt_v1", ["8.0"]),
    ("maxwell_sgemm_128x64_nn", ["5.0"]),
    // In mangled names, behind the lengths of the identifiers.
    (
      "_ZN7cutlass7Kernel2I67cutlass_80_tensorop_bf16_s16816gemm_bf16_grouped_128x64_64x3_align8EEvNT_6ParamsE",
      ["8.0"]
    ),
    ("_ZN7cutlass6KernelI46cutlass_70_simt_dgemm_grouped_64x64_8x2_align1EEvNT_6ParamsE", ["7.0"]),
    (
      "_ZN9fused_moe10run_globalINS_21Fused_Moe_Kernel_sm80IN7cutlass10bfloat16_tES3_S3_Li128ELi128ELi64ELi4ELNS_15Activation_TypeE4EEEEEvNT_6ParamsE",
      ["8.0"]
    ),
    ("_ZN5cudnn6fusion14matmul_dq_sm80ILb0ELi128EEEvPKvS3_PvjjjjjjjjjjjjjjbS4_S4_S4_S4_", ["8.0"]),
    ("_Z37cuds_symv_alg6_stage1_lower_sm90_sm80IifLi5ELi2EEvT_", ["8.0", "9.0"]),
    (
      "_ZN4xmma4gemm13kernel_blasl3INS0_31Kernel_triangular_output_traitsINS_23Ampere_ffma_fp32_traitsENS_8Cta_tileINS_6AmpereELi128ELi128EEEEEEvNT_6ParamsE",
      ["8.0"]
    ),
    // CUTLASS defines these types by their minimum.
    (
      "_ZN11onnxruntime7contrib4cuda43attention_kernel_batched_impl_right_paddingI15AttentionKernelIfN7cutlass4arch4Sm80ELb0ELi32ELi128ELi1024ELb0ELb1E18DefaultToBatchHookELi32EEEvNT_6ParamsE",
      ["8.0+"]
    ),
  ])
  func tagged(_ name: String, _ expected: [String]) { #expect(tags(name) == expected) }

  @Test(arguments: [
    // The namespace of CUB names every target of the build, times ten.
    "_ZN3cub38CUB_300001_SM_750_800_860_890_900_12006detail11EmptyKernelIvEEvv",
    "_ZN3cub20CUB_300001_SM_500_606detail11EmptyKernelIvEEvv",
    "_ZN14at_cuda_detail3cub30DeviceRadixSortDownsweepKernelINS0_21DeviceRadixSortPolicyI6__halfNS0_8NullTypeEiE9Policy800ELb1ELb0ES3_S4_iEEvPKT2_",
    // Digits that begin the next identifier's length, or are template arguments.
    "_ZN5my_sm80kernel_of_some_length_that_is_exactly_eighty_characters_long_abcdefghijklmnopqrstuvwEvv",
    "_ZN5cudss18gemm_kernel_launchI7double2liLi0ELi1ELi80ELi3ELi128EEEvT1_",
    "_ZN7example6kernelILi90EEEvv",
    // Anonymous namespaces carry hashes.
    "_ZN56_GLOBAL__N__804fcc09_19_deform_conv_impl_cu_bf3146e2_sm911KernelEvv",
    "_ZN45_GLOBAL__N__e1928ab6_12_fpgeneric_cu_69b3876718CopyVectorBFloat16EPKiS1_ii",
    // Words that only look like tags.
    "num_sms_80_kernel", "prism80_kernel", "sm_count", "sm8_kernel", "sm800_kernel", "sm42_kernel",
    "sm80x_kernel",
    "_Z13AdaGradKernelIfEvPT_i", "adagrad_kernel", "_Z8adaptivei", "voltage_kernel", "ampereMeter",
    "not_cutlass80", "mycutlass_80_gemm", "", "_Z", "_ZN", "_ZN99short", "_Z99999999999999999999foo", "_ZL",
    "_ZLN", "_ZLi", "_ZLN3fooI",
  ])
  func untagged(_ name: String) { #expect(tags(name) == []) }

  @Test func numbersStayWithTheirIdentifier() {
    // `fused_sm80` and `gemm`, not `fused_sm804`.
    #expect(tags("_ZN10fused_sm804gemmEvv") == ["8.0"])
    #expect(tags("_ZN10fused_sm904gemmILi128ELN3lib4EnumE15EEEvv") == ["9.0"])
    // The value of an enumeration is no length.
    #expect(tags("_Z1fILN3c1010ScalarTypeE4E12kernel_sm100EvT_") == ["10.0"])
    #expect(tags("_Z1fILN1a1bE9EE9sm90_testv") == ["9.0"])
    #expect(tags("_Z1fI8Arr_sm75A16_fS0_T_Dv4_fE10turing_fooi") == ["7.5"])
    #expect(tags("kernel_sm90a") == ["9.0"])
    #expect(tags("kernel_Sm90TmaWarpSpecialized") == ["9.0"])
    #expect(tags("SM_89") == ["8.9"])
  }

  @Test(arguments: [
    ("8.0", false, ["8.0", "8.6", "8.9"]), ("8.6", false, ["8.6", "8.9"]), ("7.0", false, ["7.5"]),
    ("9.0", false, ["9.0"]), ("10.0", false, ["10.0", "10.3"]), ("5.0", false, []),
    ("8.0", true, ["8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0"]),
  ])
  func includes(_ name: String, _ isMinimum: Bool, _ expected: [String]) throws {
    let tag = GenerationTag(try #require(ComputeCapability(name)), isMinimum: isMinimum)
    let all = ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0"]
    #expect(all.filter { tag.includes(device($0).computeCapability) } == expected)
  }

  @Test func architecturesOfSeveralMajorVersions() {
    #expect(tags("blackwell_gemm") == ["10.0", "11.0", "12.0"])
    #expect(tags("rubin_gemm") == ["10.7"])
  }

  /// Names from files may be anything, of any length.
  @Test func hostileNames() {
    for part in [
      "LN", "LNI", "S", "T", "SM", "E1", "1", "99999", "L1aLN", "sm80", "sm_", "Li1", "N1a", "cutlass_",
    ] {
      let text = String(repeating: part, count: 20_000)
      _ = tags("_Z" + text)
      _ = tags(text)
    }
    #expect(tags("_Z" + String(repeating: "LN", count: 20_000) + "4sm80") == ["8.0"])
    var generator = SeededGenerator(seed: 1)
    let name = Array(
      "_ZN7cutlass6KernelIN3c1010ScalarTypeELNS_4EnumE15EJLi0ELin1EES1_A16_Dv4_fZ1fEUlvE0_E9foo_sm90aEvNT_6ParamsE"
        .utf8
    )
    for _ in 0..<2_000 {
      var mutated = name
      for _ in 0..<3 {
        mutated[Int.random(in: 0..<name.count, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      mutated.removeLast(Int.random(in: 0..<name.count, using: &generator))
      _ = tags(String(decoding: mutated, as: UTF8.self))
    }
  }
}
