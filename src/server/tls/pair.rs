//! A certificate and its key, as read from two files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, InconsistentKeys, ServerConfig};
use sha2::{Digest as _, Sha256};

use super::validity::Validity;
use crate::config::TlsFiles;

/// Anything longer is no certificate or key but a wrong path.
const MAX_BYTES: u64 = 1 << 20;

/// The contents of the two files. Never shown.
pub(super) struct Pair<'a> {
    files: &'a TlsFiles,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl<'a> Pair<'a> {
    pub(super) fn read(files: &'a TlsFiles) -> Result<Self, String> {
        let read = |what, path: &Path| {
            bytes(path).map_err(|error| format!("the {what} {}: {error}", path.display()))
        };
        let certificate = read("certificate", &files.certificate)?;
        Ok(Self { files, certificate, key: read("key", &files.key)? })
    }

    /// What tells one pair from another.
    pub(super) fn digest(&self) -> [u8; 32] {
        let lengths = [self.certificate.len().to_be_bytes(), self.key.len().to_be_bytes()].concat();
        Sha256::new()
            .chain_update(lengths)
            .chain_update(&self.certificate)
            .chain_update(&self.key)
            .finalize()
            .into()
    }

    /// What serves with them: TLS 1.2 and 1.3 and HTTP/1.1, by the one provider of cryptography that is built in.
    pub(super) fn into_config(self) -> Result<(Arc<ServerConfig>, Validity), String> {
        let (certificate_path, key_path) = (self.files.certificate.display(), self.files.key.display());
        let in_certificate = |problem: &str| format!("the certificate {certificate_path} {problem}");
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| in_certificate("is damaged PEM"))?;
        let first = chain.first().ok_or_else(|| in_certificate("has no certificate in PEM"))?;
        let validity = Validity::of(first).ok_or_else(|| in_certificate("has one that is damaged"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            // The error itself may quote the file.
            let problem = match error {
                pem::Error::NoItemsFound => "has no private key in PEM; one that is encrypted cannot be used",
                _ => "is damaged PEM",
            };
            format!("the key {key_path} {problem}")
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    format!("the key {key_path} is not that of the certificate {certificate_path}")
                }
                Error::InvalidCertificate(_) => in_certificate("has one that is damaged"),
                _ => format!("the key {key_path} is of a kind that is not supported"),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((Arc::new(config), validity))
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is longer than {MAX_BYTES} bytes"));
    }
    Ok(bytes)
}
