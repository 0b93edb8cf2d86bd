//! What people write to name a model of the hub.

use crate::error::{Error, Result};

/// A repository of the hub, and what of it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `organisation/name`
    pub repository: String,
    /// Branch, tag or commit; the default branch where absent
    pub revision: Option<String>,
    /// A quantisation, or a file's path
    pub wanted: Option<String>,
}

const HOSTS: [&str; 4] = ["huggingface.co/", "www.huggingface.co/", "hf.co/", "hf:"];
const LONGEST_NAME: usize = 96;

impl Reference {
    /// Reads `org/repo`, `org/repo:Q4_K_M`, `org/repo@revision`, `hf.co/org/repo`, or an address on the hub such as
    /// `https://huggingface.co/org/repo/resolve/main/model.gguf`. Addresses may also begin with `endpoint`.
    ///
    /// # Errors
    /// [`Error::BadName`] for anything else.
    pub fn parse(text: &str, endpoint: &str) -> Result<Self> {
        let bad = |reason: &str| Error::BadName { name: text.chars().take(200).collect(), reason: reason.into() };
        let endpoint_host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/');
        let rest = match text.split_once("://") {
            Some(("http" | "https", rest)) => {
                let of_hub = HOSTS.iter().find_map(|host| rest.strip_prefix(host));
                let of_endpoint = rest.strip_prefix(endpoint_host).and_then(|rest| rest.strip_prefix('/'));
                of_hub.or(of_endpoint).ok_or_else(|| bad("it is no address of the hub"))?
            }
            Some(_) => return Err(bad("only http and https addresses are read")),
            None => HOSTS.iter().find_map(|host| text.strip_prefix(host)).unwrap_or(text),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/');
        let mut parts = rest.splitn(5, '/');
        let (Some(owner), Some(name)) = (parts.next(), parts.next()) else {
            return Err(bad("a repository is organisation/name"));
        };
        let (revision, wanted) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => (None, None),
            (Some("resolve" | "blob" | "tree"), Some(revision), file) => (Some(revision), file),
            _ => return Err(bad("a repository is organisation/name")),
        };
        let (name, tag) = name.split_once(':').map_or((name, None), |(name, tag)| (name, Some(tag)));
        let (name, at) = name.split_once('@').map_or((name, None), |(name, at)| (name, Some(at)));
        if !is_name(owner) || !is_name(name) {
            return Err(bad("a repository is organisation/name, of letters, digits, and . _ -"));
        }
        let revision = revision.or(at).map(str::to_owned);
        if revision.as_deref().is_some_and(|revision| !is_revision(revision)) {
            return Err(bad("it has no such revision"));
        }
        let wanted = wanted.or(tag).map(str::to_owned);
        if wanted.as_deref().is_some_and(|wanted| crate::names::escapes(wanted).is_some()) {
            return Err(bad("it asks for a file outside the repository"));
        }
        Ok(Self { repository: format!("{owner}/{name}"), revision, wanted })
    }

    /// Where the hub describes it.
    pub fn metadata_url(&self, endpoint: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        let revision = self.revision.as_ref().map(|revision| format!("/revision/{revision}")).unwrap_or_default();
        format!("{endpoint}/api/models/{}{revision}?blobs=true", self.repository)
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ends_well = !name.starts_with(['.', '-']) && !name.ends_with(['.', '-']);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(plain) && ends_well && !name.contains("..")
}

fn is_revision(revision: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST_NAME).contains(&revision.len()) && revision.chars().all(plain) && !revision.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: &str = "https://huggingface.co";

    fn parse(text: &str) -> (String, Option<String>, Option<String>) {
        let Reference { repository, revision, wanted } = Reference::parse(text, HUB).expect(text);
        (repository, revision, wanted)
    }

    #[test]
    fn every_way_to_say_it() {
        let plain = ("a/b.c".to_owned(), None, None);
        for text in ["a/b.c", "hf.co/a/b.c", "hf:a/b.c", "https://huggingface.co/a/b.c/", "huggingface.co/a/b.c?x#y"] {
            assert_eq!(parse(text), plain, "{text}");
        }
        assert_eq!(parse("a/b:Q4_K_M"), ("a/b".into(), None, Some("Q4_K_M".into())));
        assert_eq!(parse("a/b@v1:Q8_0"), ("a/b".into(), Some("v1".into()), Some("Q8_0".into())));
        let file = ("a/b".into(), Some("main".into()), Some("sub/m.gguf".into()));
        assert_eq!(parse("https://hf.co/a/b/resolve/main/sub/m.gguf?download=true"), file);
        let local = Reference::parse("http://127.0.0.1:81/a/b/blob/main/m.gguf", "http://127.0.0.1:81/").expect("ours");
        assert_eq!(local.wanted.as_deref(), Some("m.gguf"));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "a",
            "/a/b",
            "a/b/c",
            "a//b",
            "../b",
            "a/..",
            "a/b/resolve",
            "https://evil.test/a/b",
            "ftp://hf.co/a/b",
            "file:///etc/passwd",
            "a b/c",
            "a/b@../x",
            "a/b:../x",
            "-a/b",
            "a/b.",
            "https://huggingface.co.evil/a/b",
            "http://127.0.0.1:811/a/b",
            "a/b\n",
        ] {
            assert!(Reference::parse(text, "http://127.0.0.1:81").is_err(), "{text:?}");
        }
    }
}
