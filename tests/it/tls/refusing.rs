//! Files that cannot be used, and one that can with a warning.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Files, assert_keyless};
use crate::certificates::Authority;
use crate::commands::{Ended, call};
use crate::support::{Database, Engine};

/// What the program says of these two files.
async fn refused(directory: &Path, certificate: &str, key: &str) -> Ended {
    let [first, second] = ["tls.crt", "tls.key"].map(|name| directory.join(name));
    for (path, text) in [(&first, certificate), (&second, key)] {
        let _ = fs::remove_file(path);
        if !text.is_empty() {
            fs::write(path, text).unwrap();
        }
    }
    let url = format!("sqlite:{}/x.db", directory.display());
    let arguments =
        ["serve", "--database-url", &url, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let paths = [first.to_str().unwrap(), second.to_str().unwrap()];
    call(&arguments, &[("ROSTER_TLS_CERT", paths[0]), ("ROSTER_TLS_KEY", paths[1])]).await
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let [good, other] = [2090, 2091].map(|year| authority.issue("localhost", year));
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let no_key = good.key.replace("MI", "AA");
    let long = "x".repeat(2_000_000);
    let empty_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, causes) in [
        ("", good.key.as_str(), ["tls.crt", "No such file"]),
        (&good.certificate, "", ["tls.key", "No such file"]),
        ("hello", &good.key, ["tls.crt", "has no certificate in PEM"]),
        (&good.key, &good.key, ["tls.crt", "has no certificate in PEM"]),
        (empty_certificate, &good.key, ["tls.crt", "has one that is damaged"]),
        (&good.certificate[..300], &good.key, ["tls.crt", "is damaged PEM"]),
        (&good.certificate, "hello", ["tls.key", "has no private key in PEM"]),
        (&good.certificate, &good.certificate, ["tls.key", "has no private key in PEM"]),
        (&good.certificate, &encrypted, ["tls.key", "one that is encrypted cannot be used"]),
        (&good.certificate, &good.key[..100], ["tls.key", "is damaged PEM"]),
        (&good.certificate, &no_key, ["tls.key", "is of a kind that is not supported"]),
        (&good.certificate, &other.key, ["tls.crt", "is not that of the certificate"]),
        (&long, &good.key, ["tls.crt", "is longer than 1048576 bytes"]),
    ] {
        let ended = refused(directory.path(), certificate, key).await;
        assert_eq!(ended.code, 2, "{ended:?}");
        for cause in causes {
            ended.assert_refused(cause);
        }
        assert!(ended.stderr.starts_with("error: TLS: the "), "{ended:?}");
        assert_keyless(&format!("{}{}", ended.stdout, ended.stderr), &[&good, &other]);
    }
    assert!(!directory.path().join("x.db").exists(), "nothing was opened");
    let one = call(&["serve", "--tls-cert", "tls.crt"], &[]).await;
    one.assert_refused("ROSTER_TLS_KEY is not set, and ROSTER_TLS_CERT is; TLS needs both");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_served_with_a_warning() {
    let authority = Authority::new();
    let old = authority.issue("localhost", 2021);
    let files = Files::new(&old);
    let database = Database::create(Engine::Sqlite).await;
    let mut command =
        crate::support::program(&["serve", "--database-url", &database.url, "--drain-seconds", "0"]);
    command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]).args(files.arguments());
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut log, &mut first).await.unwrap();
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(
        (&first["level"], &first["message"]),
        (&json!("WARN"), &json!("the TLS certificate has expired"))
    );
    assert_eq!(first["not_after"], "2021-12-31T00:00:00Z");
}
