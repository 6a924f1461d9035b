//! The settings about TLS.

use std::path::PathBuf;

use super::args::ServeArgs;
use super::settings::field;
use super::sources::Sources;

/// Where the server's certificate and key are, in PEM (RFC 7468).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and after it those of the authorities between it and one that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `None` when the port is to speak plain HTTP; an error when a setting is wrong, which `sources` then knows.
pub(super) fn tls(sources: &mut Sources<'_>, args: &ServeArgs) -> Result<Option<TlsFiles>, ()> {
    let args = &args.tls;
    let certificate = sources.written(field!(args.tls_cert), path).ok_or(())?;
    let key = sources.written(field!(args.tls_key), path).ok_or(())?;
    let problem = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => return Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => "ROSTER_TLS_KEY is not set, and ROSTER_TLS_CERT is; TLS needs both",
        (None, Some(_)) => "ROSTER_TLS_CERT is not set, and ROSTER_TLS_KEY is; TLS needs both",
    };
    sources.problem(problem.to_owned());
    Err(())
}

fn path(text: &str) -> Result<Option<PathBuf>, String> {
    if text.contains(char::is_control) {
        return Err("has a control character".to_owned());
    }
    Ok(Some(PathBuf::from(text)).filter(|_| !text.is_empty()))
}
