//! Prints the CPU variants that this machine supports, one per line, best first. `build_wheel.py` builds these.

use std::io::{self, Write};

use hardware::{FeatureSet, Os, candidates};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for candidate in candidates(Os::current(), &FeatureSet::detect()) {
        if candidate.supported() {
            writeln!(out, "{}", candidate.variant.name)?;
        }
    }
    Ok(())
}
