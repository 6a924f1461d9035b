//! Where it listens, and how callers come to it.

use reqwest::{Certificate, Client};
use serde_json::Value;
use tokio::net::TcpStream;

use super::Serving;
use crate::certificates::Authority;
use crate::commands::call;
use crate::fd_store;
use crate::postgres_server::free_port;
use crate::support::{ADMIN, client, client_of, credentials};

async fn status(client: &Client, url: &str) -> u16 {
    client.get(url).send().await.unwrap().status().as_u16()
}

pub(super) async fn listen(name: &str) {
    let address = format!("127.0.0.1:{}", free_port());
    let _serving = Serving::with(&[(name, &address)]).await;
    assert_eq!(status(&client(), &format!("http://{address}/users")).await, 200);
}

pub(super) async fn ops_listen(name: &str) {
    let address = format!("127.0.0.1:{}", free_port());
    let _serving = Serving::with(&[(name, &address)]).await;
    assert_eq!(status(&client(), &format!("http://{address}/livez")).await, 200);
}

/// Of a server that is killed, the port stays.
pub(super) async fn fd_store(name: &str) {
    let store = fd_store::name();
    let _holder = fd_store::store(&store).await;
    let mut serving = Serving::with(&[(name, &store)]).await;
    serving.program.child.kill().await.unwrap();
    let url = serving.at("");
    TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
}

pub(super) async fn trusted_proxies(name: &str) {
    for (proxies, address) in [("127.0.0.0/8", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let mut serving = Serving::with(&[(name, proxies)]).await;
        let request = client().get(serving.at("/users")).header("x-forwarded-for", "203.0.113.7");
        assert_eq!(request.send().await.unwrap().status(), 200);
        let line = serving.program.log.next_line().await.unwrap().unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["client_address"], address, "{line}");
    }
}

/// The server's certificate, and what a client of the program trusts it by.
pub(super) async fn tls(certificate: &str, key: &str, ca_file: &str) {
    let authority = Authority::new();
    let issued = authority.issue("localhost", 2090);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (own, private) = (file("tls.crt", &issued.certificate), file("tls.key", &issued.key));
    let serving = Serving::with(&[(certificate, &own), (key, &private)]).await;
    let url = serving.at("").replace("http://127.0.0.1", "https://localhost");
    let trusting = Client::builder().no_proxy().default_headers(credentials(Some(ADMIN)));
    let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let trusting = trusting.tls_certs_only([root]).build().unwrap();
    assert_eq!(status(&trusting, &format!("{url}/users")).await, 200);

    let list = async |ca: &str| {
        let variables = [("ROSTER_URL", url.as_str()), ("ROSTER_TOKEN", ADMIN), (ca_file, ca)];
        call(&["users", "list"], &[&variables[..], &[("ROSTER_RETRY_TIME", "0")]].concat()).await.code
    };
    assert_eq!(list(&file("ca.pem", &authority.pem())).await, 0);
    assert!(list(&file("other.pem", &Authority::new().pem())).await > 2);
}

pub(super) async fn bootstrap_token_file(name: &str) {
    const TOKEN: &str = "another-first-token-0123456789-0123456789";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let serving = Serving::with(&[(name, file.to_str().unwrap())]).await;
    assert_eq!(status(&client_of(Some(TOKEN)), &serving.at("/users")).await, 200);
    assert_eq!(status(&client(), &serving.at("/users")).await, 401);
}
