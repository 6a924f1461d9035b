//! Whether and how a connection to PostgreSQL is encrypted, and what is said where that fails.
//!
//! The driver by itself would try TLS and, where the server has none, go on in the clear without a word. Here, nothing
//! goes over a network in the clear unless the URL says so.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, Error as TlsError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// What a URL says of certificates, by the names that the driver knows.
#[derive(Default)]
struct Wishes {
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Wishes {
    fn of(url: &str) -> Self {
        let mut wishes = Self::default();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wish = match &*name {
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => &mut wishes.root,
                "sslcert" | "ssl-cert" => &mut wishes.certificate,
                "sslkey" | "ssl-key" => &mut wishes.key,
                _ => continue,
            };
            *wish = Some(value.into_owned());
        }
        wishes
    }
}

/// The options with the mode that is in force: what the URL says (the configuration has checked the word), or else the driver's own variable `PGSSLMODE`, or
/// else `verify-full` where there is a root certificate to verify with, plain text to this machine, and `require` to
/// any other.
///
/// # Errors
///
/// Why the URL's wishes cannot be followed; it may name a file, but repeats nothing that could be secret.
pub(super) fn secured(options: PgConnectOptions, url: &str) -> Result<PgConnectOptions, String> {
    let wishes = Wishes::of(url);
    // The brackets of an IPv6 address are no part of it, and a certificate would not have them.
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    if options.get_socket().is_some() || host.starts_with('/') {
        // Nobody stands between; PostgreSQL itself has no TLS there.
        return Ok(options.ssl_mode(PgSslMode::Disable));
    }
    let mode = match options.get_ssl_mode() {
        PgSslMode::Allow | PgSslMode::Prefer if wishes.root.is_some() => PgSslMode::VerifyFull,
        PgSslMode::Allow | PgSslMode::Prefer if is_here(&host) => PgSslMode::Disable,
        PgSslMode::Allow | PgSslMode::Prefer => PgSslMode::Require,
        PgSslMode::VerifyCa => {
            return Err("PGSSLMODE=verify-ca is not supported; write sslmode=verify-full".to_owned());
        }
        mode => mode,
    };
    if wishes.root.is_some() && !matches!(mode, PgSslMode::VerifyFull) {
        return Err("sslrootcert is looked at with sslmode=verify-full alone".to_owned());
    }
    check_files(&wishes)?;
    Ok(options.host(&host).ssl_mode(mode))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn check_files(wishes: &Wishes) -> Result<(), String> {
    for (name, wish) in [("sslrootcert", &wishes.root), ("sslcert", &wishes.certificate)] {
        let Some(wish) = wish else { continue };
        let text = pem(wish).map_err(|error| format!("{name}: the file {wish:?}: {error}"))?;
        let sound = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        if sound.map_or(true, |certificates| certificates.is_empty()) {
            return Err(format!("{name} leads to no certificate in PEM"));
        }
    }
    if wishes.certificate.is_some() != wishes.key.is_some() {
        return Err("sslcert and sslkey belong together, and there is only one of them".to_owned());
    }
    let Some(key) = &wishes.key else { return Ok(()) };
    let text = pem(key).map_err(|error| format!("sslkey: the file: {error}"))?;
    let sound = PrivateKeyDer::from_pem_slice(&text);
    sound.map(drop).map_err(|_| "sslkey leads to no private key in PEM that is not encrypted".to_owned())
}

/// The text itself, or that of the file which it names, as the driver tells them apart.
fn pem(wish: &str) -> std::io::Result<Vec<u8>> {
    if wish.trim().starts_with("-----BEGIN") { Ok(wish.into()) } else { std::fs::read(Path::new(wish)) }
}

/// Why the two could not agree on TLS, in words that tell what to do; `None` if it is something else that went wrong.
pub(super) fn refusal(error: &sqlx::Error) -> Option<String> {
    let inner = match error {
        sqlx::Error::Tls(inner) if inner.to_string() == "server does not support TLS" => {
            return Some(
                "TLS: the server has none, and nothing is sent in the clear unless sslmode=disable says so"
                    .to_owned(),
            );
        }
        sqlx::Error::Tls(inner) => inner.as_ref().downcast_ref::<TlsError>(),
        sqlx::Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()),
        _ => None,
    };
    match inner? {
        TlsError::InvalidCertificate(problem) => Some(format!("TLS: {}", of_certificate(problem))),
        other @ (TlsError::AlertReceived(_)
        | TlsError::PeerIncompatible(_)
        | TlsError::InconsistentKeys(_)
        | TlsError::General(_)) => Some(format!("TLS: {other}")),
        _ => None,
    }
}

fn of_certificate(problem: &CertificateError) -> String {
    use CertificateError as Error;
    match problem {
        // A bad signature is that of an authority with the name, but not the key, of one that is trusted.
        Error::UnknownIssuer | Error::BadSignature => {
            "the server's certificate is from an authority that is not trusted; sslrootcert names one that is"
                .to_owned()
        }
        Error::NotValidForName | Error::NotValidForNameContext { .. } => {
            "the server's certificate is not for the host name in the URL".to_owned()
        }
        Error::Expired | Error::ExpiredContext { .. } => "the server's certificate has expired".to_owned(),
        Error::NotValidYet | Error::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".to_owned()
        }
        other => format!("the server's certificate cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn mode(url: &str) -> Result<PgSslMode, String> {
        secured(PgConnectOptions::from_str(url).unwrap(), url).map(|options| options.get_ssl_mode())
    }

    fn ca() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        file
    }

    #[test]
    fn nothing_leaves_this_machine_in_the_clear_unless_the_url_says_so() {
        for here in [
            "postgres://h@127.0.0.1/d",
            "postgres://localhost/d",
            "postgres://u@[::1]:5/d",
            "postgres:///d?host=/run",
        ] {
            assert!(matches!(mode(here), Ok(PgSslMode::Disable)), "{here}");
        }
        for away in [
            "postgres://db/d",
            "postgres://u:p@192.0.2.1/d",
            "postgres://u@[2001:db8::1]/d",
            "postgres://localhost.example/d",
        ] {
            assert!(matches!(mode(away), Ok(PgSslMode::Require)), "{away}");
            assert!(matches!(mode(&format!("{away}?sslmode=disable")), Ok(PgSslMode::Disable)), "{away}");
            assert!(
                matches!(mode(&format!("{away}?ssl-mode=verify-full")), Ok(PgSslMode::VerifyFull)),
                "{away}"
            );
        }
        let ca = ca();
        let verified = format!("postgres://localhost/d?sslrootcert={}", ca.path().display());
        assert!(matches!(mode(&verified), Ok(PgSslMode::VerifyFull)));
    }

    #[test]
    fn wishes_that_cannot_be_followed_are_refused() {
        let ca = ca();
        let path = ca.path().display();
        for (query, cause) in [
            (format!("sslmode=require&sslrootcert={path}"), "verify-full alone"),
            (format!("sslmode=disable&ssl-ca={path}"), "verify-full alone"),
            ("sslrootcert=/nowhere".to_owned(), "sslrootcert: the file \"/nowhere\": No such file"),
            ("sslrootcert=Cargo.toml".to_owned(), "sslrootcert leads to no certificate"),
            (format!("sslcert={path}"), "belong together"),
            ("sslkey=/nowhere".to_owned(), "belong together"),
            (format!("sslcert={path}&sslkey=/hunter2"), "sslkey: the file: No such file"),
            (format!("sslcert={path}&sslkey={path}"), "sslkey leads to no private key"),
        ] {
            let problem = mode(&format!("postgres://u:hunter2@h/d?{query}")).expect_err(&query);
            assert!(problem.contains(cause) && !problem.contains("hunter2"), "{query}: {problem}");
        }
    }
}
