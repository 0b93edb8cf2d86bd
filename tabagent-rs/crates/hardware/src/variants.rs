//! ggml's CPU variants: what each needs, how ggml scores it, and which of them this CPU can run.
//!
//! The table mirrors `ggml/src/CMakeLists.txt` (`ggml_add_cpu_backend_variant`) and the scores of `cpu-feats.cpp` in the
//! pinned llama-cpp-sys-2; a test recomputes every score from the bits.

use crate::features::{Feature, FeatureSet};
use crate::library::Os;

/// A CPU module that llama.cpp can be built with.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    /// ggml's name, the last part of the module's file name
    pub name: &'static str,
    /// ggml's score: higher is tried first
    pub score: u32,
    /// What the CPU and OS must provide
    pub needs: &'static [Feature],
    /// Instruction set and operating systems it is built for
    target: Target,
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    X86,
    /// Needs intrinsics that MSVC lacks
    X86NotMsvc,
    ArmLinux,
    ArmApple,
}

/// A variant judged against a feature set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The variant
    pub variant: &'static Variant,
    /// Features it needs and the machine lacks; empty when it is supported
    pub missing: Vec<Feature>,
}

impl Candidate {
    /// Whether the machine has everything the variant needs.
    pub fn supported(&self) -> bool {
        self.missing.is_empty()
    }

    /// Why not, in words; `None` when supported.
    pub fn reason(&self) -> Option<String> {
        if self.supported() {
            return None;
        }
        let names: Vec<_> = self.missing.iter().map(|feature| feature.name()).collect();
        Some(format!("this CPU lacks {}", names.join(", ")))
    }
}

/// The variants built for `os` and this instruction set, best score first, each judged against `features`.
pub fn candidates(os: Os, features: &FeatureSet) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = TABLE
        .iter()
        .filter(|variant| variant.is_built_for(os, std::env::consts::ARCH))
        .map(|variant| Candidate {
            variant,
            missing: variant.needs.iter().copied().filter(|&need| !features.has(need)).collect(),
        })
        .collect();
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.variant.score));
    found
}

/// The variant of that name, whatever it is built for.
pub fn find(name: &str) -> Option<&'static Variant> {
    TABLE.iter().find(|variant| variant.name == name)
}

impl Variant {
    fn is_built_for(&self, os: Os, arch: &str) -> bool {
        match self.target {
            Target::X86 => matches!(arch, "x86" | "x86_64"),
            Target::X86NotMsvc => matches!(arch, "x86" | "x86_64") && os != Os::Windows,
            Target::ArmLinux => arch == "aarch64" && os == Os::Linux,
            Target::ArmApple => arch == "aarch64" && os == Os::MacOs,
        }
    }
}

macro_rules! variant {
    ($name:literal, $score:literal, $target:ident, [$($need:ident),*]) => {
        Variant { name: $name, score: $score, needs: &[$(Feature::$need),*], target: Target::$target }
    };
}

/// Every variant we know.
pub static TABLE: &[Variant] = &[
    variant!("x64", 1, X86, []),
    variant!("sse42", 5, X86, [Sse42]),
    variant!("sandybridge", 21, X86, [Sse42, Avx]),
    variant!("ivybridge", 23, X86NotMsvc, [Sse42, Avx, F16c]),
    variant!("piledriver", 24, X86NotMsvc, [Sse42, Avx, F16c, Fma]),
    variant!("haswell", 64, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2]),
    variant!("alderlake", 128, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, AvxVnni]),
    variant!("skylakex", 192, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512]),
    variant!("cannonlake", 448, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vbmi]),
    variant!("cascadelake", 1216, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vnni]),
    variant!("icelake", 1472, X86, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vbmi, Avx512Vnni]),
    variant!("cooperlake", 1728, X86NotMsvc, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vnni, Avx512Bf16]),
    variant!("zen4", 1984, X86NotMsvc, [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vbmi, Avx512Vnni, Avx512Bf16]),
    variant!(
        "sapphirerapids",
        4032,
        X86NotMsvc,
        [Sse42, Avx, F16c, Fma, Avx2, Bmi2, Avx512, Avx512Vbmi, Avx512Vnni, Avx512Bf16, AmxTile, AmxInt8]
    ),
    variant!("armv8.0_1", 1, ArmLinux, []),
    variant!("armv8.2_1", 3, ArmLinux, [Dotprod]),
    variant!("armv8.2_2", 7, ArmLinux, [Dotprod, Fp16]),
    variant!("armv8.2_3", 15, ArmLinux, [Dotprod, Fp16, Sve]),
    variant!("armv8.6_1", 31, ArmLinux, [Dotprod, Fp16, Sve, I8mm]),
    variant!("armv8.6_2", 63, ArmLinux, [Dotprod, Fp16, Sve, I8mm, Sve2]),
    variant!("armv9.2_1", 95, ArmLinux, [Dotprod, Fp16, Sve, I8mm, Sme]),
    variant!("armv9.2_2", 127, ArmLinux, [Dotprod, Fp16, Sve, I8mm, Sve2, Sme]),
    variant!("apple_m1", 3, ArmApple, [Dotprod]),
    variant!("apple_m2_m3", 19, ArmApple, [Dotprod, I8mm]),
    variant!("apple_m4", 83, ArmApple, [Dotprod, I8mm, Sme]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use Feature::*;

    fn bit(feature: Feature) -> u32 {
        match feature {
            Fma => 1,
            F16c => 2,
            Sse42 => 4,
            Bmi2 => 8,
            Avx => 16,
            Avx2 => 32,
            AvxVnni => 64,
            Avx512 => 128,
            Avx512Vbmi => 256,
            Avx512Bf16 => 512,
            Avx512Vnni => 1024,
            AmxTile => 0,
            AmxInt8 => 2048,
            Dotprod => 2,
            Fp16 => 4,
            Sve => 8,
            I8mm => 16,
            Sve2 => 32,
            Sme => 64,
        }
    }

    #[test]
    fn scores_follow_from_the_bits() {
        for variant in TABLE {
            let sum: u32 = 1 + variant.needs.iter().copied().map(bit).sum::<u32>();
            assert_eq!(variant.score, sum, "{}", variant.name);
        }
    }

    const HASWELL: [Feature; 6] = [Sse42, Avx, F16c, Fma, Avx2, Bmi2];

    #[cfg(target_arch = "x86_64")]
    fn best(os: Os, extra: &[Feature]) -> &'static str {
        let features: FeatureSet = HASWELL.iter().chain(extra).copied().collect();
        candidates(os, &features).iter().find(|c| c.supported()).expect("x64 always runs").variant.name
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn each_cpu_gets_its_variant() {
        let zen4 = [Avx512, Avx512Vbmi, Avx512Vnni, Avx512Bf16];
        assert_eq!(best(Os::Linux, &[]), "haswell");
        assert_eq!(best(Os::Linux, &[AvxVnni]), "alderlake");
        assert_eq!(best(Os::Linux, &[Avx512]), "skylakex");
        assert_eq!(best(Os::Linux, &[Avx512, Avx512Vnni]), "cascadelake");
        assert_eq!(best(Os::Linux, &zen4), "zen4");
        assert_eq!(best(Os::Windows, &zen4), "icelake");
        let with_amx: Vec<_> = zen4.into_iter().chain([AmxTile, AmxInt8]).collect();
        assert_eq!(best(Os::Linux, &with_amx), "sapphirerapids");
        assert_eq!(best(Os::Windows, &with_amx), "icelake");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_bare_cpu_still_has_one_candidate_and_the_rest_say_why() {
        let all = candidates(Os::Linux, &FeatureSet::default());
        let (yes, no): (Vec<_>, Vec<_>) = all.iter().partition(|c| c.supported());
        assert_eq!(yes.iter().map(|c| c.variant.name).collect::<Vec<_>>(), ["x64"]);
        let amx = no.iter().find(|c| c.variant.name == "sapphirerapids").expect("listed");
        assert!(amx.reason().expect("a reason").contains("amx_int8"));
        assert!(all.is_sorted_by_key(|c| std::cmp::Reverse(c.variant.score)));
    }

    #[test]
    fn names_are_found() {
        assert_eq!(find("zen4").map(|v| v.score), Some(1984));
        assert_eq!(find("zen9"), None);
    }
}
