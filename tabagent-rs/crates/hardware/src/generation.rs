//! x86 family and model numbers to the name of the microarchitecture.
//!
//! Sources: Intel SDM vol. 4 table 2-1 and the kernel's `intel-family.h`; AMD processor programming references. The name
//! is for people and reports: which module runs is decided by features alone.

use crate::identity::Vendor;

/// Name of the microarchitecture, `unknown` where we have none.
///
/// `family` and `model` are display values (extended parts added). `stepping` parts Skylake-SP, Cascade Lake and Cooper
/// Lake, which share one model number.
pub fn generation_of(vendor: Vendor, family: u32, model: u32, stepping: u32) -> &'static str {
    match vendor {
        Vendor::Amd => amd(family, model),
        Vendor::Intel if family == 6 => intel(model, stepping),
        Vendor::Intel if family == 18 && matches!(model, 0x01 | 0x03) => "novalake",
        Vendor::Intel if family == 19 && model == 0x01 => "diamondrapids",
        _ => "unknown",
    }
}

fn amd(family: u32, model: u32) -> &'static str {
    match (family, model) {
        (0x15, 0x00..=0x01) => "bulldozer",
        (0x15, 0x02..=0x1f) => "piledriver",
        (0x15, 0x30..=0x3f) => "steamroller",
        (0x15, 0x60..=0x7f) => "excavator",
        (0x17, 0x08 | 0x18) => "zen+",
        (0x17, 0x00..=0x2f) => "zen1",
        (0x17, 0x30..=0xaf) => "zen2",
        (0x18, _) => "zen1",
        (0x19, 0x10..=0x1f | 0x60..=0x7f | 0xa0..=0xaf) => "zen4",
        (0x19, _) => "zen3",
        (0x1a, 0x00..=0x4f | 0x60..=0x7f) => "zen5",
        (0x1a, _) => "zen6",
        _ => "unknown",
    }
}

fn intel(model: u32, stepping: u32) -> &'static str {
    match model {
        0x1a | 0x1e | 0x1f | 0x2e => "nehalem",
        0x25 | 0x2c | 0x2f => "westmere",
        0x2a | 0x2d => "sandybridge",
        0x3a | 0x3e => "ivybridge",
        0x3c | 0x3f | 0x45 | 0x46 => "haswell",
        0x3d | 0x47 | 0x4f | 0x56 => "broadwell",
        0x4e | 0x5e => "skylake",
        0x55 => match stepping {
            0..=4 => "skylakex",
            5..=9 => "cascadelake",
            _ => "cooperlake",
        },
        0x8e | 0x9e => "kabylake",
        0xa5 | 0xa6 => "cometlake",
        0x66 => "cannonlake",
        0x6a | 0x6c | 0x7d | 0x7e => "icelake",
        0x8c | 0x8d => "tigerlake",
        0xa7 => "rocketlake",
        0x97 | 0x9a | 0xbe => "alderlake",
        0xb7 | 0xba | 0xbf => "raptorlake",
        0xaa | 0xac => "meteorlake",
        0xb5 | 0xc5 | 0xc6 => "arrowlake",
        0xbd => "lunarlake",
        0xcc => "pantherlake",
        0x8f => "sapphirerapids",
        0xcf => "emeraldrapids",
        0xad | 0xae => "graniterapids",
        0xaf => "sierraforest",
        0xdd => "clearwaterforest",
        0x37 | 0x4a | 0x4c | 0x4d | 0x5a | 0x5d => "silvermont",
        0x5c | 0x5f => "goldmont",
        0x7a => "goldmontplus",
        0x86 | 0x96 | 0x9c => "tremont",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_machines() {
        for (vendor, family, model, stepping, expected) in [
            (Vendor::Amd, 0x17, 0x01, 2, "zen1"),
            (Vendor::Amd, 0x17, 0x08, 2, "zen+"),
            (Vendor::Amd, 0x17, 0x71, 0, "zen2"),
            (Vendor::Amd, 0x19, 0x01, 1, "zen3"),
            (Vendor::Amd, 0x19, 0x11, 1, "zen4"),
            (Vendor::Amd, 0x19, 0x61, 2, "zen4"),
            (Vendor::Amd, 0x1a, 0x02, 1, "zen5"),
            (Vendor::Amd, 0x1a, 0x44, 0, "zen5"),
            (Vendor::Intel, 6, 0x3c, 3, "haswell"),
            (Vendor::Intel, 6, 0x55, 4, "skylakex"),
            (Vendor::Intel, 6, 0x55, 7, "cascadelake"),
            (Vendor::Intel, 6, 0x55, 11, "cooperlake"),
            (Vendor::Intel, 6, 0x6a, 6, "icelake"),
            (Vendor::Intel, 6, 0x9a, 3, "alderlake"),
            (Vendor::Intel, 6, 0x8f, 8, "sapphirerapids"),
            (Vendor::Intel, 6, 207, 2, "emeraldrapids"),
            (Vendor::Intel, 15, 4, 0, "unknown"),
            (Vendor::Other, 6, 0x8f, 0, "unknown"),
        ] {
            assert_eq!(generation_of(vendor, family, model, stepping), expected, "{vendor} {family:#x}/{model:#x}");
        }
    }
}
