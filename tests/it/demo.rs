//! `roster demo`: what it prints works as it is printed.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::commands::call;
use crate::support::{client, program, signal};

/// The running program and the lines that it greets with.
async fn start(directory: &std::path::Path) -> (Child, Vec<String>) {
    let mut command = program(&["demo", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
    command.env("TMPDIR", directory).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("/metrics")) {
        let line = tokio::time::timeout(Duration::from_mins(1), stdout.next_line()).await;
        lines.push(line.expect("the demo starts").unwrap().expect("the demo greets"));
    }
    (child, lines)
}

/// The output of a line as a reader would try it.
async fn shell(line: &str) -> String {
    let done =
        tokio::process::Command::new("sh").args(["-c", line]).kill_on_drop(true).output().await.unwrap();
    assert!(done.status.success(), "{line}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// The body, of an output that may have a head before it.
fn body(output: &str) -> &str {
    if output.starts_with("HTTP/1.1 ") { output.split_once("\r\n\r\n").unwrap().1 } else { output }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_that_it_prints_works() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, greeting) = start(directory.path()).await;
    let lines: Vec<&str> =
        greeting.iter().filter_map(|line| line.find("curl ").map(|start| &line[start..])).collect();
    assert!(lines.len() >= 9, "{greeting:?}");
    for line in &lines {
        let output = shell(line).await;
        let body = body(&output);
        assert!(!body.is_empty() && !body.contains("urn:roster:problem"), "{line}: {output}");
        if line.contains("-si") {
            let status = if line.contains("-d") { "201 Created" } else { "200 OK" };
            assert!(output.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{line}: {output}");
        }
        if line.contains("text/csv") {
            assert!(body.starts_with("id,name,email\r\n"), "{line}: {body}");
        } else if line.ends_with("/metrics") {
            assert!(body.contains("# TYPE ") && body.ends_with("# EOF\n"), "{line}");
        } else {
            let json: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{line}: {error}"));
            let found = json.as_array().map_or(1, Vec::len);
            assert!(found > 0, "{line} finds nobody");
        }
    }
    let users: Value = serde_json::from_str(&shell(lines[0]).await).unwrap();
    // The sample, and the one that a printed line made.
    assert_eq!(users.as_array().unwrap().len(), 1001);
    let address = lines[0].rsplit_once("http://").unwrap().1.strip_suffix("/users").unwrap();
    let root = client().get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!((root.status().as_u16(), &root.headers()["location"]), (307, &"/docs".parse().unwrap()));
    let docs = client().get(format!("http://{address}/docs")).send().await.unwrap();
    assert_eq!(
        (docs.status().as_u16(), &docs.headers()["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    signal(child.id().unwrap(), "INT");
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert_eq!(ended.expect("Ctrl-C ends it").unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the database goes away");
}

#[tokio::test]
async fn it_serves_no_address_but_loopback() {
    for flag in ["--listen", "--ops-listen"] {
        call(&["demo", flag, "0.0.0.0:0"], &[]).await.assert_refused("is not a loopback address");
    }
}
