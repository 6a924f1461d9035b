//! Servers that are spoken to by TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::assert_ended;
use super::secrets::TOKEN;
use crate::commands::call;

/// A server with a certificate of an authority of its own, which answers one user to everybody; its address, and the
/// authority's certificate.
async fn server() -> (String, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.der().clone()], private);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Who does not like the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let count = stream.read(&mut head).await.unwrap();
            let known = String::from_utf8_lossy(&head[..count]).contains(&format!("Bearer {TOKEN}"));
            let body = format!("{{\"id\":7,\"known\":{known}}}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (url, authority.pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let (url, authority) = server().await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (own, (_, other)) = (file("own.pem", &authority), server().await);
    let variables = [("ROSTER_URL", url.as_str()), ("ROSTER_TOKEN", TOKEN)];
    let get = async |more: &[&str]| call(&[&["users", "get", "7"], more].concat(), &variables).await;
    let ended = get(&["--ca-file", &own]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "{\"id\":7,\"known\":true}\n"), "{ended:?}");
    let by_variable = [&variables[..], &[("ROSTER_CA_FILE", own.as_str())]].concat();
    assert_eq!(call(&["users", "get", "7"], &by_variable).await.code, 0);

    // Another authority is none, and asking again does not help.
    let ended = get(&["--ca-file", &file("other.pem", &other)]).await;
    assert_ended(&ended, 7, "--ca-file names an authority of your own");
    // Another name is none either.
    let address = url.replace("localhost", "127.0.0.1");
    let variables =
        [("ROSTER_URL", address.as_str()), ("ROSTER_TOKEN", TOKEN), ("ROSTER_CA_FILE", own.as_str())];
    assert_ended(&call(&["users", "get", "7"], &variables).await, 7, "the connection is not secure");
    for (wrong, words) in [
        (file("empty.pem", ""), "has no certificate"),
        (file("broken.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), "--ca-file"),
        ("/nowhere.pem".to_owned(), "--ca-file: the file /nowhere.pem"),
    ] {
        assert_ended(&get(&["--ca-file", &wrong]).await, 2, words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authorities_of_the_system_do_not_know_it() {
    let (url, _) = server().await;
    let variables = [("ROSTER_URL", url.as_str()), ("ROSTER_TOKEN", TOKEN)];
    let ended = call(&["users", "get", "7"], &variables).await;
    // A system without any authority cannot even begin.
    assert!([2, 7].contains(&ended.code) && ended.stderr.contains("--ca-file"), "{ended:?}");
}
