//! The overlay for production, copied and changed as a user would, over a PostgreSQL that somebody else runs.
//!
//! It is asked through the Service. Through the Ingress, the controller would have to trust our authority, and how that is
//! said differs: Traefik checks the certificate for the pod's address, unless kinds of its own tell it a name.

use std::path::Path;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::cluster::{Namespace, apply};
use super::installation::{self, IMAGE, Installation, LIMIT, loaded};
use super::overlay::{self, host, manifests_from};
use super::pod::{ended, pod};
use super::traffic::fresh;
use crate::shell::{eventually, root};

/// TLS from the client to the pod and from there to the database, both with certificates of an authority of our own.
#[test]
fn production_speaks_tls_on_both_sides() {
    let (ours, theirs) = (Namespace::fresh("production"), Namespace::fresh("theirs"));
    let (image, authority) = (loaded(IMAGE, ""), Authority::new());
    let start = Instant::now();
    let their = Installation::secrets(&theirs.0, [image.clone(), image.clone()]);
    database(&their, &authority);
    let roster = secrets(&ours.0, &their, &image, &authority);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(directory.path(), &ours.0, &image);
    overlay::apply(directory.path());

    let least = roster.ask(&["get", "hpa", "roster"])["spec"]["minReplicas"].clone();
    let deployment = || roster.ask(&["get", "deployment", "roster"]);
    eventually(LIMIT, "the autoscaler's least number of pods", || {
        deployment()["status"]["readyReplicas"] == least
    });
    roster.settled();
    let ready = start.elapsed().as_secs_f64();
    println!("production: {least} pods are ready {ready:.1} s after the first of the database's objects");
    let host = json!(host(&ours.0));
    let ingress = roster.ask(&["get", "ingress", "roster"])["spec"].clone();
    assert_eq!((&ingress["rules"][0]["host"], &ingress["tls"][0]["hosts"][0]), (&host, &host));
    for kind in ["servicemonitor", "prometheusrule"] {
        assert!(roster.kubectl(&["get", kind, "--output", "name"]).contains("roster"), "no {kind}");
    }
    by_tls(&roster);

    let statement = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl \
                     JOIN pg_stat_activity USING (pid) WHERE usename = 'roster'";
    let connections = their.psql(statement);
    let (by_tls, clear) = connections.split_once('|').unwrap();
    assert!(by_tls != "0" && clear == "0", "{connections}");
    println!("callers come by TLS, and so do {by_tls} connections to the database");
}

/// From a pod, with our own client.
fn by_tls(roster: &Installation) {
    let url = format!("https://roster.{}", roster.namespace);
    let name = fresh("by-tls");
    let trusting = ["--ca-file", "/ca/ca.crt"];
    let (code, told) = call(roster, &url, &[&["users", "create", "--name", &name][..], &trusting].concat());
    assert_eq!(code, 0, "{told}");
    let (code, told) =
        call(roster, &url, &[&["users", "list", "--output", "ndjson"][..], &trusting].concat());
    let users: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // No examples among them: the overlay takes those away.
    assert!(code == 0 && users.len() == 1 && users[0]["name"] == *name, "{code}: {told}");
    let (code, told) = call(roster, &url, &["users", "list", "--retry-time", "0"]);
    assert!(code == 7 && told.contains("certificate"), "an unknown authority was trusted: {code}: {told}");
}

/// Runs our own image as a client; its exit code and what it said.
fn call(roster: &Installation, url: &str, arguments: &[&str]) -> (i64, String) {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let mut client = pod(&roster.namespace, &fresh("client"), None, &roster.images[0], &arguments);
    let container = &mut client["spec"]["containers"][0];
    container["env"] = json!([
        { "name": "ROSTER_URL", "value": url },
        { "name": "ROSTER_TOKEN_FILE", "value": "/token/first-token" },
    ]);
    let mount = json!({ "name": "authority", "mountPath": "/ca", "readOnly": true });
    container["volumeMounts"].as_array_mut().unwrap().push(mount);
    let volume = json!({ "name": "authority", "secret": { "secretName": CA, "defaultMode": 0o440 } });
    client["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    ended(roster, &client)
}

/// The Secret in which the overlay looks for the authority of the database's certificate.
const CA: &str = "roster-database-ca";

/// The base's PostgreSQL in a namespace of its own, with TLS.
fn database(their: &Installation, authority: &Authority) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for file in ["database.yaml", "roles.sql", "passwd"] {
        let base = root().join("deploy/kubernetes/base").join(file);
        std::fs::copy(base, directory.path().join(file)).unwrap();
    }
    let kustomization = KUSTOMIZATION.replace("NAMESPACE", &their.namespace);
    std::fs::write(directory.path().join("kustomization.yaml"), kustomization).unwrap();
    let certificate = authority.issue(&format!("roster-database.{}", their.namespace));
    apply(&secret(&their.namespace, "roster-database-tls", &certificate));
    overlay::apply(directory.path());
}

const KUSTOMIZATION: &str = r"apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: NAMESPACE
resources: [database.yaml]
configMapGenerator:
  - {name: roster-database-roles, files: [roles.sql]}
  - {name: roster-database-user, files: [passwd]}
patches:
  - target: {kind: StatefulSet}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args
        value: [-c, ssl=on, -c, ssl_cert_file=/run/secrets/tls/tls.crt, -c, ssl_key_file=/run/secrets/tls/tls.key]
      - op: add
        path: /spec/template/spec/containers/0/volumeMounts/-
        value: {name: tls, mountPath: /run/secrets/tls, readOnly: true}
      - op: add
        path: /spec/template/spec/volumes/-
        value: {name: tls, secret: {secretName: roster-database-tls, defaultMode: 0440}}
";

/// All Secrets of the overlay: where the database is, whom to believe, and who we are.
fn secrets(namespace: &str, their: &Installation, image: &str, authority: &Authority) -> Installation {
    let roster = Installation::secrets(namespace, [image.to_owned(), image.to_owned()]);
    for name in ["roster-owner", "roster"] {
        let url = installation::secret(&their.namespace, name, "database-url");
        let (credentials, _) = url.split_once('@').unwrap();
        let url = format!(
            "{credentials}@roster-database.{}:5432/roster?sslmode=verify-full&sslrootcert=/run/secrets/database/ca.crt",
            their.namespace
        );
        apply(&secret(namespace, name, &json!({ "database-url": url })));
    }
    apply(&secret(namespace, CA, &json!({ "ca.crt": authority.0.pem() })));
    apply(&secret(namespace, "roster-tls", &authority.issue(&format!("roster.{namespace}"))));
    roster
}

fn secret(namespace: &str, name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": namespace }, "stringData": data,
    })
}

/// The overlay's files with our own names in them.
fn copy(directory: &Path, namespace: &str, image: &str) {
    let (name, tag) = image.split_once(':').unwrap();
    let host = host(namespace);
    let digest = "digest: sha256:0000000000000000000000000000000000000000000000000000000000000000";
    for entry in std::fs::read_dir(root().join("deploy/kubernetes/overlays/production")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text
            .replace("../..", &manifests_from(directory))
            .replace("namespace: roster\n", &format!("namespace: {namespace}\n"))
            .replace("registry.example.com/roster", name)
            .replace(digest, &format!("newTag: {tag}"))
            .replace("roster.example.com", &host);
        std::fs::write(directory.join(path.file_name().unwrap()), text).unwrap();
    }
}

/// Who issues the certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name and its key, as a Secret has them.
    fn issue(&self, name: &str) -> Value {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        json!({ "tls.crt": certificate.pem(), "tls.key": key.serialize_pem() })
    }
}
