//! The program on a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;

use super::Place;
use super::scripted::{Reply, Scripted};
use super::secrets::TOKEN;
use crate::support::{Engine, eventually, program, signal};

/// A terminal of so many columns: the side of who looks at it, and the side of the program.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let outside = openpt(flags).unwrap();
    grantpt(&outside).unwrap();
    unlockpt(&outside).unwrap();
    let inside = ioctl_tiocgptpeer(&outside, flags).unwrap();
    tcsetwinsize(&inside, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (outside, inside)
}

/// All that the program sends to its terminal.
fn shown(outside: OwnedFd) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of the other side is an error here.
        let _ = File::from(outside).read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_fit_the_terminal_and_hold_nothing_that_it_obeys() {
    let place = Place::start(Engine::Sqlite).await;
    let long = "a very long name ".repeat(7);
    place.server.create(&json!({ "name": long.trim(), "email": "long@example.com" })).await;
    let profile = json!({ "x": "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}" });
    place.server.create(&json!({ "name": "hostile", "profile": profile })).await;
    for (arguments, columns) in [
        (&["users", "list", "--fields", "profile.x"][..], 70),
        (&["users", "list", "--fields", "profile.x", "--output", "json"], 60),
        (&["users", "list", "--fields", "profile.x", "--output", "ndjson"], 60),
        (&["users", "list", "--fields", "profile.x", "--output", "csv"], 60),
        (&["users", "get", "2"], 60),
        (&["log", "--subject", "user:2"], 180),
        (&["log"], 80),
    ] {
        let (outside, inside) = terminal(columns);
        let mut command = place.command(arguments);
        command.stdout(Stdio::from(inside)).stderr(Stdio::null());
        let status = command.status().await.unwrap();
        // The command holds the other side open until it goes.
        drop(command);
        let text = tokio::task::spawn_blocking(move || shown(outside).join().unwrap()).await.unwrap();
        // Where it is narrow, words are broken.
        let told = columns == 80 || (text.contains("hostile") && text.contains("u001b]0;owned"));
        assert!(status.success() && told, "{arguments:?}: {text}");
        assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\r'), "{arguments:?}: {text:?}");
        assert!(!text.contains('\u{202e}'), "{arguments:?}");
        if !arguments.contains(&"--output") {
            let most = text.lines().map(|line| line.trim_end().chars().count()).max();
            assert!(most <= Some(usize::from(columns)), "{arguments:?}: {text}");
        }
    }
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_typed_without_being_shown() {
    const ME: &str = r#"{"actor":{"kind":"token","id":"3","name":"ci"},"role":"reader"}"#;
    let home = tempfile::tempdir().unwrap();
    let me = Reply::Answer(200, "Content-Type: application/json\r\n", ME.to_owned());
    let server = Scripted::start(vec![me]).await;
    let (outside, inside) = terminal(60);
    let mut command = program(&["login", "--url", &server.url]);
    command.env("HOME", home.path()).stdin(Stdio::from(inside.try_clone().unwrap()));
    command.stdout(Stdio::null()).stderr(Stdio::from(inside.try_clone().unwrap()));
    let echoes = || tcgetattr(&inside).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(echoes());
    let mut child = command.spawn().unwrap();
    eventually(Duration::from_secs(10), "the terminal shows nothing", async || !echoes()).await;
    // What is typed before the terminal is quiet is thrown away, so type when it is.
    File::from(outside.try_clone().unwrap()).write_all(format!("{TOKEN}\n").as_bytes()).unwrap();
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert!(status.success() && echoes());
    drop((command, inside));
    let text = tokio::task::spawn_blocking(move || shown(outside).join().unwrap()).await.unwrap();
    assert!(text.contains("Token for http://127.0.0.1") && text.contains("logged in to"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
    assert_eq!(server.seen()[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_while_a_token_is_typed_leaves_the_terminal_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (outside, inside) = terminal(60);
    let mut command = program(&["login", "--url", "http://127.0.0.1:1"]);
    command.env("HOME", home.path()).stdin(Stdio::from(inside.try_clone().unwrap()));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let echoes = || tcgetattr(&inside).unwrap().local_modes.contains(LocalModes::ECHO);
    let mut child = command.spawn().unwrap();
    eventually(Duration::from_secs(10), "the terminal shows nothing", async || !echoes()).await;
    signal(child.id().unwrap(), "INT");
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(4));
    assert!(echoes());
    drop(outside);
}
