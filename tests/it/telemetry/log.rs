//! Log lines: JSON, with the ids of their request, whatever the request holds, and nothing that is secret.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{end, requests, start};
use crate::support::{ADMIN, Database, Program, both, client, client_of, program};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Sends bytes as they are; gives all that comes back until the connection ends.
async fn raw(url: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    // A request that is refused early may be answered by a reset.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_has_one_line_with_its_ids() {
    let (program, _database) = start(&[]).await;
    let client = client();
    let sent = [("x-request-id", "abc-123_x.Y"), ("traceparent", &format!("00-{TRACE}-{SPAN}-01"))];
    let mut named = client.get(format!("{}/users/7", program.url));
    for (name, value) in sent {
        named = named.header(name, value);
    }
    let named = named.send().await.unwrap();
    assert_eq!(named.headers()["x-request-id"], "abc-123_x.Y");
    let parent = named.headers()["traceparent"].to_str().unwrap();
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && !parent.contains(SPAN), "{parent}");
    let own = client.get(format!("{}/users", program.url)).send().await.unwrap();
    let header = |name: &str| own.headers()[name].to_str().unwrap().to_owned();
    let (id, trace) = (header("x-request-id"), header("traceparent")[3..35].to_owned());

    let lines = end(program).await;
    let requests = requests(&lines);
    assert_eq!(requests.len(), 2);
    let told = |line: &Value| {
        json!([
            line["method"],
            line["route"],
            line["path"],
            line["status"],
            line["request_id"],
            line["trace_id"]
        ])
    };
    assert_eq!(told(requests[0]), json!(["GET", "/users/{id}", "/users/7", 404, "abc-123_x.Y", TRACE]));
    assert_eq!(told(requests[1]), json!(["GET", "/users", "/users", 200, id, trace]));
    assert!(requests.iter().all(|line| line["duration_ms"].is_number()));
    assert!(is_hex(&requests[1]["request_id"], 32) && is_hex(&requests[1]["trace_id"], 32));
}

#[tokio::test]
async fn ids_that_are_not_harmless_are_replaced() {
    let (program, _database) = start(&[]).await;
    let long = "x".repeat(129);
    let zeros = format!("00-{}-{SPAN}-01", "0".repeat(32));
    let upper = format!("00-{}-{SPAN}-01", TRACE.to_uppercase());
    let refused =
        [("", ""), ("a b", "00"), ("a\"b", &zeros), ("{\"a\":1}", &upper), ("a\tb", "\u{e9}"), (&long, "-")];
    for (id, parent) in refused {
        let request = client().get(format!("{}/users", program.url));
        let response = request.header("x-request-id", id).header("traceparent", parent).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(is_hex(&response.headers()["x-request-id"].to_str().unwrap().into(), 32), "{id}");
        let own = response.headers()["traceparent"].to_str().unwrap();
        assert!(
            is_hex(&own[3..35].into(), 32) && !own.contains(&"0".repeat(32)) && !own.contains(TRACE),
            "{own}"
        );
    }
    // Of two, none is to be believed.
    let two = format!(
        "GET /users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\nX-Request-Id: one\r\nX-Request-Id: two\r\nConnection: close\r\n\r\n"
    );
    assert!(raw(&program.url, two.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    let lines = end(program).await;
    let requests = requests(&lines);
    assert_eq!(requests.len(), refused.len() + 1);
    assert!(requests.iter().all(|line| is_hex(&line["request_id"], 32) && is_hex(&line["trace_id"], 32)));
}

/// Request lines and fields that would start a line of their own, end a string, or steer a terminal.
const HOSTILE: [&[u8]; 12] = [
    b"GET /users/%0A{\"message\":\"forged\"} HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /%0d%0a%7B%22message%22%3A%22forged%22%7D HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /\",\"message\":\"forged\",\"x\":\" HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /\\n{} HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /\xe2\x80\xa8\xe2\x80\xae\xc2\x9b31m HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /%1b[2J%1b]0;forged%07 HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /\x1b[2J HTTP/1.1\r\nHost: localhost\r\n",
    b"FORGED\"METHOD /users HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /users HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\r\n {\"message\":\"forged\"}\r\n",
    b"GET /users HTTP/1.1\r\nHost: localhost\r\nTraceparent: \"}\x0b{\"message\":\"forged\"}\r\n",
    b"GET /users HTTP/1.1\r\nHost: \"}{\"message\":\"forged\"\r\nUser-Agent: \xe2\x80\xa8\x1b[31m\r\n",
];

#[tokio::test]
async fn hostile_requests_forge_no_line() {
    let (program, _database) = start(&["--log", "debug"]).await;
    let mut answered = 0;
    for head in HOSTILE {
        let answer = raw(&program.url, &[head, b"Connection: close\r\n\r\n"].concat()).await;
        // What is not HTTP is answered below the routes, with no line.
        answered += usize::from(answer.contains("\r\nx-request-id: "));
    }
    assert!(answered >= 5, "{answered}");
    let lines = end(program).await;
    assert_eq!(requests(&lines).len(), answered);
    for line in &lines {
        assert_ne!(line["message"], "forged", "{line}");
    }
}

both! {
    async fn nothing_secret_is_logged(engine) {
        let mut database = Database::create(engine).await;
        if engine == Engine::Postgres {
            // The test's server believes every password.
            database.url = database.url.replacen("postgres@", "postgres:hunter2-url@", 1);
            assert!(database.url.contains("hunter2-url"), "{}", database.url);
        }
        let program = Program::serve(&database.url, &["--drain-seconds", "0", "--log", "debug"]).await;
        let client = client();
        let url = |path: &str| format!("{}{path}", program.url);
        let list = client.get(url("/users?q=hunter2-query&filter=name%20eq%20%22hunter2-filter%22"));
        let list = list.header("cookie", "s=hunter2-cookie");
        assert_eq!(list.send().await.unwrap().status(), 200);
        let wrong = client_of(Some("hunter2-bearer-hunter2-bearer-hunter2")).get(url("/users"));
        assert_eq!(wrong.send().await.unwrap().status(), 401);
        let body = json!({ "name": "hunter2-name", "email": "hunter2@example.com", "profile": { "x": "hunter2-profile" } });
        for status in [201, 409] {
            let create = client.post(url("/users")).json(&body).header("idempotency-key", format!("hunter2-{status}"));
            assert_eq!(create.send().await.unwrap().status(), status);
        }
        let wrong = json!({ "name": "hunter2\n", "hunter2-attribute": "hunter2-value" });
        assert_eq!(client.post(url("/users")).json(&wrong).send().await.unwrap().status(), 422);
        let text = client.patch(url("/users/1")).header("content-type", "application/json").body("{hunter2");
        assert_eq!(text.send().await.unwrap().status(), 400);
        let unknown = client.get(url("/users?hunter2-parameter=1")).send().await.unwrap();
        assert_eq!(unknown.status(), 422);
        let lines = end(program).await;
        assert_eq!(requests(&lines).len(), 7);
        for line in lines {
            assert!(!line.to_string().contains("hunter2") && !line.to_string().contains(ADMIN), "{line}");
        }
        // The directory of the name without a password is what gets dropped.
        database.url = database.url.replacen(":hunter2-url@", "@", 1);
    }
}

#[tokio::test]
async fn a_start_that_fails_keeps_the_password() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://roster:hunter2@{unused}/roster?sslmode=disable");
    let mut command =
        program(&["serve", "--database-wait", "0.2", "--listen", "127.0.0.1:0", "--log", "debug"]);
    command.args(["--ops-listen", "127.0.0.1:0"]).env("ROSTER_DATABASE_URL", url);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    for line in out.lines() {
        super::parse(line);
    }
}
