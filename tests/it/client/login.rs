//! `roster login` and `roster logout`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::scripted::{PROBLEM, Reply, Scripted, problem, user};
use super::secrets::TOKEN;
use super::{Place, assert_ended};
use crate::commands::{Ended, end};
use crate::support::{ADMIN, both, program};

const ME: &str = r#"{"actor":{"kind":"token","id":"3","name":"ci"},"role":"reader","permissions":["users:read"],"expires_at":null}"#;

fn me() -> Reply {
    Reply::Answer(200, "Content-Type: application/json\r\n", ME.to_owned())
}

/// Runs the program with its stdin from a pipe, in this home.
async fn with_stdin(home: &Path, arguments: &[&str], stdin: &str) -> Ended {
    let mut command = program(arguments);
    command.env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

async fn in_home(home: &TempDir, arguments: &[&str]) -> Ended {
    let mut command = program(arguments);
    command.env("HOME", home.path());
    end(command).await
}

fn file(home: &TempDir) -> PathBuf {
    home.path().join(".config/roster/profiles.toml")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

both! {
    async fn a_real_server_says_who_logs_in(engine) {
        let place = Place::start(engine).await;
        let (home, url) = (place.home.path(), place.server.url.as_str());
        let login = with_stdin(home, &["login", "--url", url, "--profile", "reading"], &place.token("reader").await).await;
        assert!(login.code == 0 && login.stderr.contains("as token ci, role reader; saved"), "{login:?}");
        let login = with_stdin(home, &["login", "--url", url], &format!("{ADMIN}\n")).await;
        assert!(login.code == 0 && login.stderr.contains(", role admin; saved as the profile default"), "{login:?}");
        let create = in_home(&place.home, &["users", "create", "--name", "Ana", "--output", "csv"]).await;
        assert!(create.code == 0 && create.stdout.contains("\r\n1,Ana,"), "{create:?}");
        let reading = ["--use-profile", "reading"];
        let list = in_home(&place.home, &[&["users", "list"], &reading[..]].concat()).await;
        assert_eq!((list.code, list.stdout.lines().count()), (0, 1), "{list:?}");
        let refused = in_home(&place.home, &[&["users", "delete", "1"], &reading[..]].concat()).await;
        assert_ended(&refused, 5, "users:write");

        let wrong = with_stdin(home, &["login", "--url", url], "rst_nobody-was-ever-given-this-0123456789").await;
        assert_ended(&wrong, 5, "the token is not accepted");
        assert_eq!(in_home(&place.home, &["users", "get", "1"]).await.code, 0, "the profile is as it was");
        assert_eq!(place.server.delete("/tokens/2").await.status(), 204);
        assert_ended(&in_home(&place.home, &[&["log"], &reading[..]].concat()).await, 5, "the token is not accepted");
        place.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_at_the_same_time_are_all_saved() {
    let home = tempfile::tempdir().unwrap();
    let server = Scripted::start(vec![me()]).await;
    let login = |profile| vec!["login", "--url", &server.url, "--profile", profile];
    assert_eq!(with_stdin(home.path(), &login("old"), TOKEN).await.code, 0);
    // Asks for its token, and gets it only after the others are done.
    let mut command = program(&login("slow"));
    command.env("HOME", home.path()).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut slow = command.spawn().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(with_stdin(home.path(), &login("quick"), TOKEN).await.code, 0);
    assert_eq!(in_home(&home, &["logout", "--profile", "old"]).await.code, 0);
    slow.stdin.take().unwrap().write_all(TOKEN.as_bytes()).await.unwrap();
    assert!(slow.wait().await.unwrap().success());
    let saved = std::fs::read_to_string(file(&home)).unwrap();
    let names: Vec<&str> = saved.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(names, ["[profiles.quick]", "[profiles.slow]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_checked_saved_and_used_for_its_own_address_alone() {
    let home = tempfile::tempdir().unwrap();
    let server = Scripted::start(vec![me(), user(200)]).await;
    let ended = with_stdin(home.path(), &["login", "--url", &server.url], &format!("{TOKEN}\n")).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    assert!(ended.stderr.contains("as token ci, role reader; saved as the profile default"), "{ended:?}");
    assert_eq!((mode(&file(&home)), mode(file(&home).parent().unwrap())), (0o600, 0o700));
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("GET /me "), "{seen:?}");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));

    assert_eq!(in_home(&home, &["users", "get", "7"]).await.code, 0);
    assert_eq!(server.seen()[1].header("authorization"), seen.header("authorization"));
    let other = Scripted::start(vec![user(200)]).await;
    assert_eq!(in_home(&home, &["users", "get", "7", "--url", &other.url]).await.code, 0);
    assert_eq!(other.seen()[0].header("authorization"), None);

    let second = ["login", "--url", &other.url, "--profile", "second"];
    let none = with_stdin(home.path(), &second, TOKEN).await;
    // This server answers everything with a user: no caller is in it, but it takes the token.
    assert_eq!(none.code, 0, "{none:?}");
    let mixed = in_home(&home, &["users", "get", "7", "--url", &server.url, "--use-profile", "second"]).await;
    assert_ended(&mixed, 2, "goes to no other address");
    assert_eq!(in_home(&home, &["users", "get", "7", "--use-profile", "second"]).await.code, 0);

    let out = in_home(&home, &["logout"]).await;
    assert!(out.code == 0 && out.stderr.contains("until it ends or is revoked"), "{out:?}");
    assert_ended(&in_home(&home, &["logout"]).await, 1, "there is no profile default");
    assert_ended(&in_home(&home, &["users", "list"]).await, 2, "no server is named");
    let text = std::fs::read_to_string(file(&home)).unwrap();
    assert!(text.contains("[profiles.second]") && !text.contains(&server.url), "{text}");
    assert_eq!(mode(&file(&home)), 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_saved_that_the_server_does_not_take() {
    let home = tempfile::tempdir().unwrap();
    for (reply, code, words) in [
        (problem(401, PROBLEM, "unauthorized"), 5, "the token is not accepted"),
        (problem(403, PROBLEM, "forbidden"), 5, "it is forbidden"),
        (problem(404, PROBLEM, "not-found"), 2, "has no /me"),
        (Reply::Answer(404, "Content-Type: text/html\r\n", "<h1>no</h1>".to_owned()), 2, "has no /me"),
        (Reply::Answer(200, "Content-Type: text/html\r\n", "<h1>hi</h1>".to_owned()), 2, "not Roster"),
    ] {
        let server = Scripted::start(vec![reply]).await;
        let ended = with_stdin(home.path(), &["login", "--url", &server.url], TOKEN).await;
        assert_ended(&ended, code, words);
        assert!(!ended.stderr.contains(TOKEN) && !file(&home).exists(), "{ended:?}");
    }
    for (stdin, words) in
        [("", "is empty"), ("\n", "is empty"), ("two words", "is no token"), ("\u{e9}", "is no token")]
    {
        let server = Scripted::start(vec![me()]).await;
        let ended = with_stdin(home.path(), &["login", "--url", &server.url], stdin).await;
        assert_ended(&ended, 2, words);
        assert!(server.seen().is_empty());
    }
    assert_ended(&with_stdin(home.path(), &["login"], TOKEN).await, 2, "no server is named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_others_can_read_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let server = Scripted::start(vec![me()]).await;
    assert_eq!(with_stdin(home.path(), &["login", "--url", &server.url], TOKEN).await.code, 0);
    std::fs::set_permissions(file(&home), std::fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["users", "list"][..], &["log"], &["logout"], &["login", "--url", &server.url]] {
        let ended = with_stdin(home.path(), arguments, TOKEN).await;
        assert_ended(&ended, 2, "mode 0644): chmod 600");
    }
    assert_eq!(server.seen().len(), 1);
    std::fs::set_permissions(file(&home), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(file(&home), format!("[profiles.default]\nurl = 7\ntoken = \"{TOKEN}\"\n")).unwrap();
    let ended = in_home(&home, &["users", "list"]).await;
    assert_ended(&ended, 2, "line 2 is not as roster login writes it");
    assert!(!ended.stderr.contains(TOKEN));
}
