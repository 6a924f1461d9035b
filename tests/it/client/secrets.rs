//! Where a token goes, and where it does not.

use std::process::Stdio;
use std::time::Duration;

use super::assert_ended;
use super::scripted::{PROBLEM, Reply, Scripted, problem, user};
use crate::commands::{call, end};
use crate::support::program;

/// A token that must be seen nowhere but in `Authorization`.
pub(super) const TOKEN: &str = "rst_correct-battery-0123456789abcdef";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed_and_no_token_leaks_by_one() {
    let other = Scripted::start(vec![user(200)]).await;
    for status in [301, 302, 303, 307, 308] {
        let location: &'static str = format!("Location: {}/users/7\r\n", other.url).leak();
        let server = Scripted::start(vec![Reply::Answer(status, location, String::new())]).await;
        for arguments in [&["users", "get", "7"][..], &["users", "create", "--name", "x"], &["log"]] {
            let ended = server.call(arguments).await;
            assert_ended(&ended, 2, &other.url);
        }
        assert_eq!(server.seen().len(), 3);
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_page_is_asked_of_the_same_server() {
    let other = Scripted::start(vec![user(200)]).await;
    let link: &'static str =
        format!("Content-Type: application/json\r\nLink: <{}/steal?cursor=c>; rel=\"next\"\r\n", other.url)
            .leak();
    let last = Reply::Answer(200, "Content-Type: application/json\r\n", "[]".to_owned());
    let server = Scripted::start(vec![Reply::Answer(200, link, "[{\"id\":1}]".to_owned()), last]).await;
    assert_eq!(server.call(&["users", "list"]).await.code, 0);
    assert!(server.seen()[1].head.starts_with("GET /users?cursor=c "), "{:?}", server.seen());
    assert!(other.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_of_the_environment_sees_a_token() {
    let proxy = Scripted::start(vec![user(200)]).await;
    let server = Scripted::start(vec![user(200)]).await;
    let variables = [
        ("ROSTER_URL", server.url.as_str()),
        ("ROSTER_TOKEN", TOKEN),
        ("http_proxy", &proxy.url),
        ("HTTP_PROXY", &proxy.url),
        ("ALL_PROXY", &proxy.url),
    ];
    assert_eq!(call(&["users", "get", "7"], &variables).await.code, 0);
    assert!(proxy.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_not_sent_in_the_clear_to_another_machine() {
    let variables = [("ROSTER_URL", "http://192.0.2.1"), ("ROSTER_TOKEN", TOKEN)];
    for arguments in [&["users", "list"][..], &["log"]] {
        let ended = call(arguments, &variables).await;
        assert_ended(&ended, 2, "everybody on the way could read the token");
    }
    let mut login = program(&["login", "--url", "http://192.0.2.1"]);
    login.env("HOME", "/nowhere");
    assert_ended(&end(login).await, 2, "--insecure-http");
    // Whoever insists is allowed to: there is nobody at this address.
    let insisting = ["users", "list", "--insecure-http", "--timeout", "100ms", "--retry-time", "0"];
    assert_eq!(call(&insisting, &variables).await.code, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_a_token_on_the_command_line_or_on_stderr() {
    let server = Scripted::start(vec![Reply::Silence]).await;
    let mut command = program(&["users", "list", "--timeout", "20s"]);
    command.env("ROSTER_URL", &server.url).env("ROSTER_TOKEN", TOKEN);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    crate::support::eventually(Duration::from_secs(10), "the request came", async || {
        server.seen().len() == 1
    })
    .await;
    let id = child.id().unwrap();
    let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap();
    assert!(line.contains("users") && !line.contains(TOKEN), "{line}");
    crate::support::signal(id, "INT");
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(!String::from_utf8(output.stderr).unwrap().contains(TOKEN));

    // What a server repeats of what it was sent is not repeated in its turn.
    for reply in [problem(401, PROBLEM, TOKEN), problem(403, PROBLEM, TOKEN), problem(503, PROBLEM, TOKEN)] {
        let server = Scripted::start(vec![reply]).await;
        let ended = server.call(&["users", "list", "--retry-time", "300ms"]).await;
        assert!(ended.code == 5 || ended.code == 7, "{ended:?}");
        assert!(!ended.stderr.contains(TOKEN) && ended.stderr.contains("it is ***"), "{ended:?}");
    }
    let server = Scripted::start(vec![problem(401, PROBLEM, "unauthorized")]).await;
    let none = call(&["users", "list", "--url", &server.url], &[]).await;
    assert_eq!((none.code, server.seen()[0].header("authorization")), (5, None), "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_roster_is_told_in_one_line() {
    let page =
        |status| Reply::Answer(status, "Content-Type: text/html\r\n", "<h1>\u{1b}[2JHello</h1>".to_owned());
    for (reply, code) in [(page(200), 2), (page(404), 2), (page(401), 5), (page(500), 7), (page(418), 2)] {
        let server = Scripted::start(vec![reply.clone()]).await;
        for arguments in [&["users", "list"][..], &["users", "get", "7"], &["log"]] {
            let ended = server.call(arguments).await;
            assert_eq!((ended.code, ended.stderr.lines().count()), (code, 1), "{reply:?}: {ended:?}");
            assert!(!ended.stderr.contains('\u{1b}') && ended.stdout.is_empty(), "{ended:?}");
        }
    }
    let hostile = r#"{"type":"x","detail":"\u001b[2J\u009b","errors":[{"pointer":"\n\u0007"}]}"#;
    let server = Scripted::start(vec![Reply::Answer(422, PROBLEM, hostile.to_owned())]).await;
    let ended = server.call(&["users", "list"]).await;
    assert_eq!(ended.stderr, "error: \\u001b[2J\\u009b (\\n\\u0007)\n");
}
