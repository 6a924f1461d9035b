//! The commands that talk to a server: the program against a real server, and against small servers that misbehave.

mod interrupted;
mod login;
mod record;
mod retries;
mod scripted;
mod secrets;
mod terminal;
mod tls;
mod users;

use serde_json::json;
use tempfile::TempDir;

use crate::commands::{Ended, end};
use crate::support::{Engine, Server, program, token_file};
use crate::tokens::give;

/// A server, and a home for profiles.
struct Place {
    server: Server,
    home: TempDir,
}

impl Place {
    async fn start(engine: Engine) -> Self {
        Self { server: Server::start(engine).await, home: tempfile::tempdir().unwrap() }
    }

    /// Runs the program for this server to its end.
    async fn call(&self, arguments: &[&str]) -> Ended {
        end(self.command(arguments)).await
    }

    /// The program for this server.
    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = program(arguments);
        command.env("ROSTER_URL", &self.server.url).env("ROSTER_TOKEN_FILE", token_file());
        command.env("HOME", self.home.path());
        command
    }

    /// Gives a token with this role.
    async fn token(&self, role: &str) -> String {
        let given = give(&self.server, json!({ "name": "ci", "role": role })).await;
        given["token"].as_str().unwrap().to_owned()
    }

    /// What goes to stdout of a command that must succeed and has nothing else to say.
    async fn output(&self, arguments: &[&str]) -> String {
        let ended = self.call(arguments).await;
        assert!(ended.code == 0 && ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
        ended.stdout
    }
}

/// It ended with this code and one line on stderr that has these words.
fn assert_ended(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, code, "{ended:?}");
    assert!(ended.stderr.contains(words) && ended.stderr.lines().count() == 1, "{words} in {ended:?}");
    assert!(ended.stderr.starts_with("error: "), "{ended:?}");
}
