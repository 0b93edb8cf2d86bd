//! File names from strangers that are to be written to disk.

/// Names that Windows keeps for devices, whatever the extension.
const RESERVED: [&str; 8] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$", "LPT"];
const LONGEST_PART: usize = 240;

/// Why a name would lead out of its folder, on any system; `None` for one that stays.
pub fn escapes(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.starts_with('/') {
        return Some("it is absolute or empty");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':')) {
        return Some("it holds a backslash, a colon or a control character");
    }
    name.split('/').any(|part| matches!(part, "" | "." | "..")).then_some("it leads away from its folder")
}

/// Why a name cannot stand on every system; `None` for one that can.
pub fn unportable(name: &str) -> Option<&'static str> {
    if let Some(why) = escapes(name) {
        return Some(why);
    }
    for part in name.split('/') {
        if part.len() > LONGEST_PART {
            return Some("it is too long");
        }
        if part.ends_with(['.', ' ']) || part.contains(['<', '>', '"', '|', '?', '*']) {
            return Some("Windows cannot hold it");
        }
        let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
        let is_port = stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT"));
        if RESERVED.contains(&stem.as_str()) || is_port {
            return Some("Windows keeps it for a device");
        }
    }
    None
}

/// Returns true for a SHA-256 as the hub writes it: 64 lower-case hexadecimal digits.
pub(crate) fn is_sha256(text: &str) -> bool {
    is_hash(text, 64)
}

/// Returns true for git's SHA-1 of a commit or file: 40 lower-case hexadecimal digits.
pub(crate) fn is_git_sha1(text: &str) -> bool {
    is_hash(text, 40)
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_hashes_have_one_alphabet_and_length() {
        let (commit, content) = ("0a".repeat(20), "f0".repeat(32));
        assert!(is_git_sha1(&commit) && is_sha256(&content));
        for near in ["", "../x", &commit[1..], &format!("{commit}\n"), &commit.to_uppercase(), &"é".repeat(20)] {
            assert!(!is_git_sha1(near) && !is_sha256(near), "{near:?}");
        }
        assert!(!is_git_sha1(&content) && !is_sha256(&commit));
    }

    #[test]
    fn plain_names_stand() {
        for name in ["model.gguf", "onnx/model_q4.onnx", "a b.json", "Ünïcode.txt", "..a", "con-text.md", "compass.bin"]
        {
            assert_eq!(unportable(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_lead_away() {
        for name in [
            "",
            "/etc/passwd",
            "//h/s",
            "../x",
            "a/../../x",
            "..\\x",
            "C:x",
            "C:\\x",
            "\\\\h\\s",
            "a/b:stream",
            "a//b",
            "./x",
            "a/.",
            "a/",
            "x\0y",
            "x\ny",
            "..",
        ] {
            assert!(escapes(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn names_that_not_every_system_holds() {
        let long = "x".repeat(300);
        for name in ["CON", "con.txt", "a/nul.gguf", "COM1", "lpt9.json", "x.", "x ", "dir /x", "a?b", long.as_str()] {
            assert!(unportable(name).is_some(), "{name:?}");
            assert!(escapes(name).is_none(), "{name:?}");
        }
    }
}
