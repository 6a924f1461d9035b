//! Getting an issuer's keys: its discovery document (`OpenID` Connect Discovery 1.0 section 4), then the set that it names.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url, header};

use super::keys::KeySet;
use crate::config::{IssuerConfig, endpoint};
use crate::model::json::parse_object;

/// How long both requests together may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer, and the longest file of certificates.
const MAX_BYTES: usize = 1024 * 1024;
/// A Kubernetes API server gives its keys as the second (RFC 7517 section 8.5), and 406 to one who names only the first.
const ACCEPTED: &str = "application/json, application/jwk-set+json";
/// The longest file with a bearer token.
const MAX_TOKEN_FILE: usize = 64 * 1024;

/// The place where one issuer's keys are.
pub(super) struct Remote {
    issuer: String,
    discovery: Url,
    ca_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    /// Addresses of names, which are then not looked up.
    hosts: Vec<(String, SocketAddr)>,
    client: Mutex<Prepared>,
}

/// A client and the certificates that it was made with.
#[derive(Clone)]
struct Prepared {
    certificates: Option<Vec<u8>>,
    client: Client,
}

impl Remote {
    /// Reads the certificates, so that a wrong file is told at start; asks nobody.
    pub(super) fn new(config: &IssuerConfig, hosts: &[(String, SocketAddr)]) -> Result<Self, String> {
        // Section 4.1: a `/` at the issuer's end is taken away first.
        let base = config.issuer.strip_suffix('/').unwrap_or(&config.issuer);
        let discovery = endpoint(&format!("{base}/.well-known/openid-configuration"))?;
        let certificates = config.ca_file.as_deref().map(|path| read(path, MAX_BYTES)).transpose()?;
        let client = client(certificates.as_deref(), hosts)?;
        Ok(Self {
            issuer: config.issuer.clone(),
            discovery,
            ca_file: config.ca_file.clone(),
            token_file: config.token_file.clone(),
            hosts: hosts.to_vec(),
            client: Mutex::new(Prepared { certificates, client }),
        })
    }

    /// Asks for the keys. The error is a reason for the log; nothing of the bearer token is in it.
    pub(super) async fn fetch(&self) -> Result<KeySet, String> {
        let seconds = TIMEOUT.as_secs();
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch_both()).await;
        fetched.unwrap_or_else(|_| Err(format!("no answer within {seconds} s")))
    }

    async fn fetch_both(&self) -> Result<KeySet, String> {
        let (client, token) = (self.client().await?, self.token().await?);
        let answer = self.get(&client, &self.discovery, token.as_deref()).await?;
        let document = parse_object(&answer).map_err(|_| "the discovery document is not a JSON object")?;
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str);
        // Section 4.3
        if text("issuer") != Some(&self.issuer) {
            return Err("the discovery document is of another issuer".to_owned());
        }
        let address = text("jwks_uri").ok_or("the discovery document has no jwks_uri")?;
        let keys = endpoint(address).map_err(|problem| format!("the jwks_uri {problem}"))?;
        if keys.scheme() != "https" && self.discovery.scheme() == "https" {
            return Err("the jwks_uri is without TLS, the issuer is not".to_owned());
        }
        let answer = self.get(&client, &keys, token.as_deref()).await?;
        Ok(KeySet::parse(&answer)?)
    }

    /// The body of an answer with the status 200. No redirect is followed: it could lead anywhere.
    async fn get(&self, client: &Client, url: &Url, token: Option<&str>) -> Result<Vec<u8>, String> {
        let failed = |error: &dyn std::error::Error| format!("{url}: {}", chain(error));
        let mut request = client.get(url.clone()).header(header::ACCEPT, ACCEPTED);
        if let Some(token) = token.filter(|_| url.origin() == self.discovery.origin()) {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(|error| failed(&error.without_url()))?;
        if response.status().as_u16() != 200 {
            return Err(format!("{url}: the answer has the status {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error.without_url()))? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(format!("{url}: the answer is longer than {MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The client for the certificates as they are now.
    async fn client(&self) -> Result<Client, String> {
        let prepared = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(path) = self.ca_file.clone() else { return Ok(prepared.client) };
        let certificates = aside(move || read(&path, MAX_BYTES)).await?;
        if prepared.certificates.as_ref() == Some(&certificates) {
            return Ok(prepared.client);
        }
        let client = client(Some(&certificates), &self.hosts)?;
        let renewed = Prepared { certificates: Some(certificates), client: client.clone() };
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(client)
    }

    /// The bearer token as it is now: a projected one is replaced every hour.
    async fn token(&self) -> Result<Option<String>, String> {
        let Some(path) = self.token_file.clone() else { return Ok(None) };
        let shown = path.display().to_string();
        let bytes = aside(move || read(&path, MAX_TOKEN_FILE)).await?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("{shown}: is not one token of printable characters"));
        }
        Ok(Some(token.to_owned()))
    }
}

/// A client that follows no redirect, uses no proxy whatever the environment says, and takes its time bounded.
fn client(certificates: Option<&[u8]>, hosts: &[(String, SocketAddr)]) -> Result<Client, String> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .user_agent(concat!("roster/", env!("CARGO_PKG_VERSION")));
    for (name, address) in hosts {
        builder = builder.resolve(name, *address);
    }
    if let Some(pem) = certificates {
        let list =
            Certificate::from_pem_bundle(pem).map_err(|error| format!("ca_file: {}", chain(&error)))?;
        if list.is_empty() {
            return Err("ca_file: there is no PEM certificate in it".to_owned());
        }
        builder = builder.tls_certs_only(list);
    }
    builder.build().map_err(|error| format!("TLS cannot be set up: {}", chain(&error)))
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let shown = path.display();
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{shown}: {error}"))?;
    if bytes.len() > most { Err(format!("{shown}: is longer than {most} bytes")) } else { Ok(bytes) }
}

/// Files may be on a network.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace(char::is_control, " ")
}
