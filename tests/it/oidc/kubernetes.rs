//! A Kubernetes cluster as issuer: one shaped like a real API server in this process, and the real one of `KUBECONFIG`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as Authority, KeyPair};
use roster::auth::oidc::{Issuers, Refusal};
use roster::clock::Clock;
use roster::config::IssuerConfig;
use roster::model::role::Role;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::issuer::Issuer;
use super::keys::{Key, with};
use super::{NOW, assert_invalid, pass};
use crate::support::metrics;

const SUBJECT: &str = "system:serviceaccount:shop:sync";
/// The host of the issuer, which only the cluster's own name server knows.
const HOST: &str = "kubernetes.default.svc.cluster.local";

/// A certificate authority, as PEM, and a server's side of TLS with a certificate of it.
pub(crate) fn authority(names: &[&str]) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&ca_key).unwrap().pem();
    let authority = Authority::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

/// An API server with its files as they are in a pod.
struct Cluster {
    issuer: Issuer,
    key: Key,
    hosts: Vec<(String, SocketAddr)>,
    files: TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let key = Key::new("k8s", "RS256");
        let (ca, acceptor) = authority(&[HOST, "127.0.0.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{HOST}:{}", listener.local_addr().unwrap().port());
        let issuer = Issuer::on(listener, url, &[&key], Some(acceptor));
        issuer.behaviour().bearer = Some("Bearer pod-token".to_owned());
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.crt"), ca).unwrap();
        std::fs::write(files.path().join("token"), "pod-token\n").unwrap();
        let hosts = vec![(HOST.to_owned(), issuer.address)];
        Self { issuer, key, hosts, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn config(&self) -> IssuerConfig {
        rules(&self.issuer.url, self.path("ca.crt"), self.path("token"))
    }

    fn issuers(&self, config: IssuerConfig, clock: &Clock) -> Issuers {
        Issuers::with_hosts(vec![config], clock, &metrics(), &self.hosts).unwrap()
    }

    /// What the API server puts into the token of a pod.
    fn claims(&self) -> Value {
        json!({
            "aud": ["roster"], "exp": NOW + 3607, "iat": NOW, "nbf": NOW, "iss": self.issuer.url, "sub": SUBJECT,
            "jti": "6f1f4a3e-3f6b-4c1c-9f62-6f1f4a3e3f6b",
            "kubernetes.io": {
                "namespace": "shop", "node": { "name": "node-1", "uid": "1" },
                "pod": { "name": "sync-0", "uid": "2" }, "serviceaccount": { "name": "sync", "uid": "3" },
                "warnafter": NOW + 3607,
            },
        })
    }

    fn token(&self, changes: &Value) -> String {
        let header = with(&self.key.header(), &json!({ "typ": null })).to_string();
        self.key.sign(&header, &with(&self.claims(), changes).to_string())
    }
}

fn rules(url: &str, ca_file: PathBuf, token_file: PathBuf) -> IssuerConfig {
    IssuerConfig {
        issuer: url.to_owned(),
        audiences: vec!["roster".to_owned()],
        ca_file: Some(ca_file),
        token_file: Some(token_file),
        role_claim: "sub".to_owned(),
        role_map: BTreeMap::from([(SUBJECT.to_owned(), Role::Writer)]),
    }
}

fn clock() -> Clock {
    Clock::fixed(NOW * 1_000_000)
}

fn is_unavailable<T>(verified: &Result<T, Refusal>, part: &str) -> bool {
    matches!(verified, Err(Refusal::Unavailable(reason)) if reason.contains(part) && !reason.contains("pod-token"))
}

#[tokio::test]
async fn a_pods_token_has_the_role_of_its_service_account() {
    let cluster = Cluster::start().await;
    let issuers = cluster.issuers(cluster.config(), &clock());
    let identity = issuers.verify(&cluster.token(&json!({}))).await.unwrap();
    assert_eq!(identity.actor.id, super::id(&cluster.issuer.url, SUBJECT));
    assert_eq!(identity.actor.name, SUBJECT);
    assert_eq!(identity.role, Some(Role::Writer));
    let other = cluster.token(&json!({ "sub": "system:serviceaccount:shop:other" }));
    assert_eq!(issuers.verify(&other).await.unwrap().role, None);
    // The token that every pod has is meant for the API server, not for us.
    let own = cluster.token(&json!({ "aud": ["https://kubernetes.default.svc.cluster.local"] }));
    assert_invalid("the API server's", &issuers.verify(&own).await);
    let asked = cluster.issuer.behaviour().asked.clone();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|(_, shown)| shown.as_deref() == Some("Bearer pod-token")), "{asked:?}");
}

#[tokio::test]
async fn the_token_file_is_read_anew() {
    let cluster = Cluster::start().await;
    let clock = clock();
    let issuers = cluster.issuers(cluster.config(), &clock);
    issuers.verify(&cluster.token(&json!({}))).await.unwrap();
    cluster.issuer.behaviour().bearer = Some("Bearer renewed".to_owned());
    std::fs::write(cluster.path("token"), "renewed").unwrap();
    pass(&clock, std::time::Duration::from_mins(5));
    issuers.verify(&cluster.token(&json!({ "jti": "2" }))).await.unwrap();
    assert_eq!(cluster.issuer.asked("jwks"), 2);
}

#[tokio::test]
async fn the_token_is_shown_to_the_issuers_origin_alone() {
    // The same host on another port is another origin (RFC 6454 section 4); its keys are asked for without the token.
    let (cluster, elsewhere) = (Cluster::start().await, Cluster::start().await);
    elsewhere.issuer.behaviour().bearer = None;
    cluster.issuer.behaviour().jwks_uri = format!("{}/openid/v1/jwks", elsewhere.issuer.url);
    let both: Vec<u8> =
        [&cluster, &elsewhere].iter().flat_map(|one| std::fs::read(one.path("ca.crt")).unwrap()).collect();
    std::fs::write(cluster.path("ca.crt"), both).unwrap();
    let issuers = cluster.issuers(cluster.config(), &clock());
    let claims = with(&elsewhere.claims(), &json!({ "iss": cluster.issuer.url }));
    issuers.verify(&elsewhere.key.token(&claims)).await.unwrap();
    assert_eq!(cluster.issuer.behaviour().asked[0].1.as_deref(), Some("Bearer pod-token"));
    let asked = elsewhere.issuer.behaviour().asked.clone();
    assert_eq!(asked, [("/openid/v1/jwks".to_owned(), None)]);
    // So is the same server by its address: there, it wants a token that it does not get.
    let uri = format!("https://127.0.0.1:{}/openid/v1/jwks", cluster.issuer.address.port());
    cluster.issuer.behaviour().jwks_uri = uri;
    let refused = cluster.issuers(cluster.config(), &clock()).verify(&cluster.token(&json!({}))).await;
    assert!(is_unavailable(&refused, "status 401"), "{refused:?}");
    // Nor may an issuer with TLS send Roster to keys without.
    cluster.issuer.behaviour().jwks_uri = "http://127.0.0.1:1/jwks".to_owned();
    let refused = cluster.issuers(cluster.config(), &clock()).verify(&cluster.token(&json!({}))).await;
    assert!(is_unavailable(&refused, "without TLS"), "{refused:?}");
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let (cluster, other) = (Cluster::start().await, Cluster::start().await);
    let wrong = IssuerConfig { ca_file: Some(other.path("ca.crt")), ..cluster.config() };
    let clock = clock();
    let issuers = cluster.issuers(wrong, &clock);
    let token = cluster.token(&json!({}));
    assert!(is_unavailable(&issuers.verify(&token).await, "certificate"));
    let system = IssuerConfig { ca_file: None, ..cluster.config() };
    assert!(is_unavailable(&cluster.issuers(system, &clock).verify(&token).await, "certificate"));
    assert!(cluster.issuer.behaviour().asked.is_empty());
    // A renewed file of authorities counts without a restart.
    std::fs::write(other.path("ca.crt"), std::fs::read(cluster.path("ca.crt")).unwrap()).unwrap();
    pass(&clock, std::time::Duration::from_secs(10));
    issuers.verify(&token).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told() {
    let cluster = Cluster::start().await;
    let token = cluster.token(&json!({}));
    for content in ["", " \n", "two words", "café", "a\nb"] {
        std::fs::write(cluster.path("token"), content).unwrap();
        let issuers = cluster.issuers(cluster.config(), &clock());
        assert!(is_unavailable(&issuers.verify(&token).await, "token: is not one token"), "{content:?}");
    }
    std::fs::remove_file(cluster.path("token")).unwrap();
    assert!(is_unavailable(
        &cluster.issuers(cluster.config(), &clock()).verify(&token).await,
        "No such file"
    ));
    assert!(cluster.issuer.behaviour().asked.is_empty());
    // Wrong authorities are told at start, those of all issuers at once.
    std::fs::write(cluster.path("ca.crt"), "no certificate").unwrap();
    let absent = IssuerConfig { ca_file: Some("/nowhere".into()), ..cluster.config() };
    let problem = Issuers::new(vec![cluster.config(), absent], &clock(), &metrics()).unwrap_err();
    assert!(
        problem.contains("no PEM certificate") && problem.contains("/nowhere: No such file"),
        "{problem}"
    );
    assert_eq!(problem.matches(&format!("issuer {}", cluster.issuer.url)).count(), 2, "{problem}");
}

/// What `kubectl` prints.
async fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Where the issuer of the cluster is from here: by its name, or at the address of its API server.
async fn hosts(host: &str, port: u16) -> Vec<(String, SocketAddr)> {
    if (host, port).to_socket_addrs().is_ok_and(|mut found| found.next().is_some()) {
        return Vec::new();
    }
    let path = ["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"];
    let server = reqwest::Url::parse(&kubectl(&path).await).unwrap();
    let address = (server.host_str().unwrap(), server.port_or_known_default().unwrap());
    vec![(host.to_owned(), address.to_socket_addrs().unwrap().next().unwrap())]
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
async fn tokens_of_a_real_cluster() {
    if std::env::var_os("KUBECONFIG").is_none_or(|path| path.is_empty()) {
        println!("skipped: KUBECONFIG names no cluster");
        return;
    }
    let namespace = format!("roster-oidc-{}", std::process::id());
    kubectl(&["create", "namespace", &namespace]).await;
    let verified = real_cluster(&namespace).await;
    kubectl(&["delete", "namespace", &namespace, "--wait=false"]).await;
    assert_eq!(verified, Ok((format!("system:serviceaccount:{namespace}:sync"), Some(Role::Writer))));
}

async fn real_cluster(namespace: &str) -> Result<(String, Option<Role>), Refusal> {
    kubectl(&["create", "serviceaccount", "sync", "-n", namespace]).await;
    let files = tempfile::tempdir().unwrap();
    let (ca, token) = (files.path().join("ca.crt"), files.path().join("token"));
    let map =
        ["get", "configmap", "kube-root-ca.crt", "-n", "kube-system", "-o", "jsonpath={.data.ca\\.crt}"];
    std::fs::write(&ca, kubectl(&map).await).unwrap();
    // Each service account may read the discovery documents by a binding that every cluster has.
    std::fs::write(&token, kubectl(&["create", "token", "sync", "-n", namespace]).await).unwrap();
    let discovery: Value =
        serde_json::from_str(&kubectl(&["get", "--raw", "/.well-known/openid-configuration"]).await).unwrap();
    let url = discovery["issuer"].as_str().unwrap();
    let parsed = reqwest::Url::parse(url).unwrap();
    let hosts = hosts(parsed.host_str().unwrap(), parsed.port_or_known_default().unwrap()).await;
    let subject = format!("system:serviceaccount:{namespace}:sync");
    let config = IssuerConfig { role_map: [(subject, Role::Writer)].into(), ..rules(url, ca, token) };
    let issuers = Issuers::with_hosts(vec![config], &Clock::System, &metrics(), &hosts).unwrap();
    let foreign = kubectl(&["create", "token", "sync", "-n", namespace, "--audience", "other"]).await;
    assert_invalid("another audience", &issuers.verify(&foreign).await);
    let own = kubectl(&["create", "token", "sync", "-n", namespace, "--audience", "roster"]).await;
    let identity = issuers.verify(&own).await?;
    Ok((identity.actor.name.clone(), identity.role))
}
