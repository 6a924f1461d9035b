//! Commands whose stdout takes nothing more.

use std::process::Stdio;

use crate::support::{Database, Engine, program};

#[tokio::test]
async fn output_that_is_lost_is_told() {
    let database = Database::create(Engine::Sqlite).await;
    database.store().await.close().await;
    let create = ["token", "create", "--name", "x", "--role", "reader", "--database-url", &database.url];
    for arguments in [&["--help"][..], &["openapi"], &["version"], &create] {
        let mut command = program(arguments);
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        let revoked = if arguments == create { "; token 1 is revoked again" } else { "" };
        let expected = format!("error: stdout: No space left on device (os error 28){revoked}\n");
        assert!(told.ends_with(&expected), "{told}");
    }
    let tokens = database.store().await.tokens(0, 10).await.unwrap();
    assert!(tokens.len() == 1 && tokens[0].revoked_at.is_some(), "{tokens:?}");
}
