//! The instruction-set extensions that ggml's CPU variants ask for.

use std::collections::BTreeSet;
use std::fmt;

/// One extension, or the group of extensions that ggml treats as one (`Avx512` is F, CD, VL, DQ and BW).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// SSE4.2
    Sse42,
    /// AVX
    Avx,
    /// Half-precision conversion
    F16c,
    /// Fused multiply-add
    Fma,
    /// AVX2
    Avx2,
    /// Bit manipulation 2
    Bmi2,
    /// AVX-VNNI, the 256-bit dot product
    AvxVnni,
    /// AVX-512 F, CD, VL, DQ and BW together
    Avx512,
    /// AVX-512 VBMI
    Avx512Vbmi,
    /// AVX-512 VNNI
    Avx512Vnni,
    /// AVX-512 BF16
    Avx512Bf16,
    /// AMX tiles
    AmxTile,
    /// AMX 8-bit integer products
    AmxInt8,
    /// ARM 8-bit dot product
    Dotprod,
    /// ARM half-precision arithmetic
    Fp16,
    /// ARM scalable vectors
    Sve,
    /// ARM 8-bit matrix multiply
    I8mm,
    /// ARM scalable vectors 2
    Sve2,
    /// ARM scalable matrices
    Sme,
}

impl Feature {
    /// Every feature, in the order of the table above.
    pub const ALL: [Feature; 19] = [
        Feature::Sse42,
        Feature::Avx,
        Feature::F16c,
        Feature::Fma,
        Feature::Avx2,
        Feature::Bmi2,
        Feature::AvxVnni,
        Feature::Avx512,
        Feature::Avx512Vbmi,
        Feature::Avx512Vnni,
        Feature::Avx512Bf16,
        Feature::AmxTile,
        Feature::AmxInt8,
        Feature::Dotprod,
        Feature::Fp16,
        Feature::Sve,
        Feature::I8mm,
        Feature::Sve2,
        Feature::Sme,
    ];

    /// The name as Linux writes it in `/proc/cpuinfo`, which is also what we print.
    pub const fn name(self) -> &'static str {
        match self {
            Feature::Sse42 => "sse4_2",
            Feature::Avx => "avx",
            Feature::F16c => "f16c",
            Feature::Fma => "fma",
            Feature::Avx2 => "avx2",
            Feature::Bmi2 => "bmi2",
            Feature::AvxVnni => "avx_vnni",
            Feature::Avx512 => "avx512",
            Feature::Avx512Vbmi => "avx512_vbmi",
            Feature::Avx512Vnni => "avx512_vnni",
            Feature::Avx512Bf16 => "avx512_bf16",
            Feature::AmxTile => "amx_tile",
            Feature::AmxInt8 => "amx_int8",
            Feature::Dotprod => "asimddp",
            Feature::Fp16 => "asimdhp",
            Feature::Sve => "sve",
            Feature::I8mm => "i8mm",
            Feature::Sve2 => "sve2",
            Feature::Sme => "sme",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The features a CPU has *and* the operating system lets programs use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSet(BTreeSet<Feature>);

impl FeatureSet {
    /// Features of the running CPU. `is_*_feature_detected!` also checks that the OS saves the registers (XCR0), which
    /// ggml's own scoring does not.
    pub fn detect() -> Self {
        let mut set = detect_stable();
        set.extend(detect_from_os());
        Self(set)
    }

    /// Whether the feature is usable.
    pub fn has(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }

    /// The features in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Feature> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        Self(features.into_iter().collect())
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn detect_stable() -> BTreeSet<Feature> {
    use std::arch::is_x86_feature_detected as has;
    let avx512 = has!("avx512f") && has!("avx512cd") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw");
    [
        (Feature::Sse42, has!("sse4.2")),
        (Feature::Avx, has!("avx")),
        (Feature::F16c, has!("f16c")),
        (Feature::Fma, has!("fma")),
        (Feature::Avx2, has!("avx2")),
        (Feature::Bmi2, has!("bmi2")),
        (Feature::AvxVnni, has!("avxvnni")),
        (Feature::Avx512, avx512),
        (Feature::Avx512Vbmi, has!("avx512vbmi")),
        (Feature::Avx512Vnni, has!("avx512vnni")),
        (Feature::Avx512Bf16, has!("avx512bf16")),
    ]
    .into_iter()
    .filter_map(|(feature, present)| present.then_some(feature))
    .collect()
}

#[cfg(target_arch = "aarch64")]
fn detect_stable() -> BTreeSet<Feature> {
    use std::arch::is_aarch64_feature_detected as has;
    [
        (Feature::Dotprod, has!("dotprod")),
        (Feature::Fp16, has!("fp16")),
        (Feature::Sve, has!("sve")),
        (Feature::I8mm, has!("i8mm")),
        (Feature::Sve2, has!("sve2")),
    ]
    .into_iter()
    .filter_map(|(feature, present)| present.then_some(feature))
    .collect()
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn detect_stable() -> BTreeSet<Feature> {
    BTreeSet::new()
}

/// AMX and SME have no stable detection in std; the Linux kernel lists them only when it also saves their registers.
/// Elsewhere they count as absent: no module that needs them is built there.
#[cfg(target_os = "linux")]
fn detect_from_os() -> BTreeSet<Feature> {
    std::fs::read_to_string("/proc/cpuinfo").map(|text| features_in_cpuinfo(&text)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn detect_from_os() -> BTreeSet<Feature> {
    BTreeSet::new()
}

#[cfg(any(target_os = "linux", test))]
fn features_in_cpuinfo(text: &str) -> BTreeSet<Feature> {
    let Some((_, flags)) = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| matches!(key.trim(), "flags" | "Features"))
    else {
        return BTreeSet::new();
    };
    let flags: BTreeSet<&str> = flags.split_whitespace().collect();
    [Feature::AmxTile, Feature::AmxInt8, Feature::Sme]
        .into_iter()
        .filter(|feature| flags.contains(feature.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amx_is_read_from_the_kernels_list() {
        let text = "processor\t: 0\nflags\t\t: fpu avx amx_bf16 amx_tile amx_int8\nbugs: x\n";
        assert_eq!(features_in_cpuinfo(text), BTreeSet::from([Feature::AmxTile, Feature::AmxInt8]));
        assert!(features_in_cpuinfo("flags : fpu avx").is_empty());
        assert!(features_in_cpuinfo("").is_empty());
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = Feature::ALL.iter().map(|f| f.name()).collect();
        assert_eq!(names.len(), Feature::ALL.len());
    }
}
