//! The `Authorization` field of a request (RFC 9110, section 11.6.2; RFC 6750, section 2.1).

/// Longest credential, in bytes: JWTs with many groups in them are some thousand.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why there is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCredential {
    /// None was sent, or one of another scheme.
    Missing,
    /// What was sent can't be one; the reason is for the log.
    Malformed(&'static str),
}

/// The credential in the lines of the field. RFC 6750 allows fewer characters than are taken here, where a secret
/// may have been made elsewhere.
pub fn credential<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, NoCredential> {
    let line = lines.next().ok_or(NoCredential::Missing)?;
    if lines.next().is_some() {
        return Err(NoCredential::Malformed("several Authorization fields"));
    }
    let (scheme, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(NoCredential::Missing);
    }
    let credential = rest.trim_ascii();
    if credential.is_empty() || !credential.iter().all(u8::is_ascii_graphic) {
        return Err(NoCredential::Malformed("no token of visible ASCII characters"));
    }
    if credential.len() > MAX_BYTES {
        return Err(NoCredential::Malformed("the token is too long"));
    }
    std::str::from_utf8(credential)
        .map_err(|_| NoCredential::Malformed("no token of visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_taken_and_nothing_else() {
        let read = |lines: &[&'static [u8]]| credential(lines.iter().copied());
        for line in [&b"Bearer rst_abc"[..], b"bearer rst_abc", b"BEARER   rst_abc  "] {
            assert_eq!(read(&[line]), Ok("rst_abc"));
        }
        assert_eq!(read(&[]), Err(NoCredential::Missing));
        for line in [&b""[..], b"Basic cm9vdDpyb290", b"Bearerrst_abc", b" Bearer rst_abc", b"DPoP x"] {
            assert_eq!(read(&[line]), Err(NoCredential::Missing), "{}", String::from_utf8_lossy(line));
        }
        for lines in [
            &[&b"Bearer"[..]][..],
            &[b"Bearer "],
            &[b"Bearer a b"],
            &[b"Bearer \xff"],
            &[b"Bearer a", b"Bearer a"],
        ] {
            assert!(matches!(read(lines), Err(NoCredential::Malformed(_))), "{lines:?}");
        }
        let long = [&b"Bearer "[..], &vec![b'x'; MAX_BYTES + 1]].concat();
        assert!(matches!(credential(std::iter::once(long.as_slice())), Err(NoCredential::Malformed(_))));
    }

    /// What fuzzing has tried before.
    #[test]
    fn the_corpus_is_read_without_harm() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/bearer");
        let mut seen = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            if let Ok(found) = credential(bytes.split(|byte| *byte == b'\n')) {
                assert!(!found.is_empty() && found.len() <= MAX_BYTES);
            }
            seen += 1;
        }
        assert!(seen > 5, "{corpus}");
    }
}
