//! Who made this CPU and which one it is.

use crate::generation::generation_of;
use std::fmt;

/// CPU maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Intel
    Intel,
    /// AMD, and Hygon's licensed Zen
    Amd,
    /// Apple
    Apple,
    /// An ARM design of any other maker
    Arm,
    /// Anyone else
    Other,
}

impl Vendor {
    /// Lower-case name used in variant names such as `amd-zen4`.
    pub const fn name(self) -> &'static str {
        match self {
            Vendor::Intel => "intel",
            Vendor::Amd => "amd",
            Vendor::Apple => "apple",
            Vendor::Arm => "arm",
            Vendor::Other => "other",
        }
    }

    /// From the vendor string of CPUID leaf 0.
    pub fn from_cpuid(text: &str) -> Self {
        match text {
            "GenuineIntel" => Vendor::Intel,
            "AuthenticAMD" | "HygonGenuine" => Vendor::Amd,
            _ => Vendor::Other,
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Identity of the running CPU.
#[derive(Clone, Debug)]
pub struct CpuIdentity {
    /// Maker
    pub vendor: Vendor,
    /// Marketing name, empty where the CPU or hypervisor gives none
    pub brand: String,
    /// Display family (extended family included); 0 outside x86
    pub family: u32,
    /// Display model (extended model included); 0 outside x86
    pub model: u32,
    /// Microarchitecture such as `zen4` or `sapphirerapids`, `unknown` where the table has no entry
    pub generation: &'static str,
}

impl CpuIdentity {
    /// Identity of the CPU this process runs on.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    pub fn detect() -> Self {
        let cpuid = raw_cpuid::CpuId::new();
        let vendor = cpuid.get_vendor_info().map_or(Vendor::Other, |info| Vendor::from_cpuid(info.as_str()));
        let brand =
            cpuid.get_processor_brand_string().map(|brand| brand.as_str().trim().to_owned()).unwrap_or_default();
        let (family, model, stepping) = cpuid.get_feature_info().map_or((0, 0, 0), |info| {
            (u32::from(info.family_id()), u32::from(info.model_id()), u32::from(info.stepping_id()))
        });
        Self { vendor, brand, family, model, generation: generation_of(vendor, family, model, stepping) }
    }

    /// Identity of the CPU this process runs on.
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    pub fn detect() -> Self {
        let brand = sysinfo::System::new()
            .ok()
            .and_then(|mut system| {
                system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
                system.cpus().first().map(|cpu| cpu.brand().trim().to_owned())
            })
            .unwrap_or_default();
        let vendor = match () {
            () if brand.starts_with("Apple") => Vendor::Apple,
            () if cfg!(target_arch = "aarch64") => Vendor::Arm,
            () => Vendor::Other,
        };
        let generation = ["M1", "M2", "M3", "M4"]
            .into_iter()
            .zip(["m1", "m2", "m3", "m4"])
            .find_map(|(mark, name)| brand.contains(mark).then_some(name))
            .filter(|_| vendor == Vendor::Apple)
            .unwrap_or("unknown");
        Self { vendor, brand, family: 0, model: 0, generation }
    }
}
