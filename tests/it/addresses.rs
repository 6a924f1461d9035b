//! The address of the client, through real sockets and as the log tells it.

use serde_json::Value;

use crate::support::{Database, Engine, Program, client};

/// Runs the program with these arguments, sends requests with these lines of `X-Forwarded-For`, and gives the
/// address of the client in the line of each.
async fn told(arguments: &[&str], requests: &[&[&str]]) -> Vec<Value> {
    let database = Database::create(Engine::Sqlite).await;
    let mut all = vec!["--drain-seconds", "0"];
    all.extend(arguments);
    let mut program = Program::serve(&database.url, &all).await;
    let log = program.drain_log();
    let client = client();
    for lines in requests {
        let mut request = client.get(format!("{}/users", program.url));
        for line in *lines {
            request = request.header("x-forwarded-for", *line);
        }
        request.send().await.unwrap().bytes().await.unwrap();
    }
    program.signal("TERM");
    assert_eq!(program.child.wait().await.unwrap().code(), Some(0));
    let lines = log.await.unwrap();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut of_requests: Vec<Value> = lines.filter(|line| line["target"] == "roster::request").collect();
    assert_eq!(of_requests.len(), requests.len());
    of_requests.iter_mut().map(|line| line["client_address"].take()).collect()
}

#[tokio::test]
async fn a_bare_header_is_not_believed() {
    let claims: [&[&str]; 3] = [&[], &["198.51.100.1"], &["127.0.0.1, 198.51.100.1"]];
    assert_eq!(told(&[], &claims).await, ["127.0.0.1"; 3]);
    assert_eq!(told(&["--trusted-proxies", "10.0.0.0/8"], &claims).await, ["127.0.0.1"; 3]);
}

#[tokio::test]
async fn a_trusted_proxy_tells_who_its_client_is() {
    let claims: [&[&str]; 5] = [
        &[],
        &["198.51.100.1"],
        &["203.0.113.5, 198.51.100.1:4711, 10.0.0.7"],
        &["203.0.113.5", "[2001:db8::1]:80", "10.0.0.7"],
        &["203.0.113.5, unknown, 10.0.0.7"],
    ];
    let expected = ["127.0.0.1", "198.51.100.1", "198.51.100.1", "2001:db8::1", "10.0.0.7"];
    assert_eq!(told(&["--trusted-proxies", "127.0.0.1, 10.0.0.0/8"], &claims).await, expected);
}
