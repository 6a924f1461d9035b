//! What a signal ends.

use std::process::Stdio;
use std::time::Duration;

use super::scripted::{Reply, Scripted};
use super::secrets::TOKEN;
use crate::support::{eventually, program, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_command_with_4_and_a_word_on_what_is_known() {
    for (arguments, words) in [
        (&["users", "list"][..], "error: stopped by a signal\n"),
        (&["users", "create", "--name", "x"], "look whether it was done before you repeat it"),
        (&["log"], "error: stopped by a signal\n"),
    ] {
        let server = Scripted::start(vec![Reply::Silence]).await;
        let mut command = program(arguments);
        command.env("ROSTER_URL", &server.url).env("ROSTER_TOKEN", TOKEN);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually(Duration::from_secs(10), "the request came", async || server.seen().len() == 1).await;
        signal(child.id().unwrap(), "TERM");
        let output =
            tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}
