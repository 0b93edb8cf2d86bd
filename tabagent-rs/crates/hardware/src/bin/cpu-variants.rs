//! Prints the CPU variants that this machine supports, one per line, best first; with `--all`, those of this platform.
//! `build_wheel.py` builds from this list.

use std::io::{self, Write};

use hardware::{FeatureSet, Os, candidates};

fn main() -> io::Result<()> {
    let all = std::env::args().any(|argument| argument == "--all");
    let mut out = io::stdout().lock();
    for candidate in candidates(Os::current(), &FeatureSet::detect()) {
        if all || candidate.supported() {
            writeln!(out, "{}", candidate.variant.name)?;
        }
    }
    Ok(())
}
