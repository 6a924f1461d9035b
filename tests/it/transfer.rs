//! Users in bulk, by the program's own commands, on both databases.

mod bulk;
mod copy;
mod export;
mod full_disk;
mod http;
mod import;
mod once;
mod refused;
mod schema;
mod stopping;

use std::path::PathBuf;
use std::time::Duration;

use roster::model::change::{Change, Selection};
use roster::model::position::Position;
use roster::store::Store;
use tempfile::TempDir;

use crate::commands::{Ended, call};
use crate::support::{Database, Engine, eventually};

/// A migrated database, and a directory for files.
struct Place {
    database: Database,
    directory: TempDir,
}

impl Place {
    async fn create(engine: Engine) -> Self {
        let database = Database::create(engine).await;
        database.store().await.close().await;
        Self { database, directory: tempfile::tempdir().unwrap() }
    }

    /// Runs the program on this database.
    async fn call(&self, arguments: &[&str]) -> Ended {
        call(arguments, &[("ROSTER_DATABASE_URL", &self.database.url)]).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file; gives its path.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Imports a file that must be taken whole; gives the totals.
    async fn import(&self, file: &str) -> String {
        let ended = self.call(&["import", file, "--quiet"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    }

    /// All users as NDJSON lines.
    async fn export(&self) -> Vec<String> {
        let ended = self.call(&["export", "--format", "ndjson", "--quiet"]).await;
        assert!(ended.code == 0 && ended.stderr.is_empty(), "{ended:?}");
        ended.stdout.lines().map(str::to_owned).collect()
    }
}

/// All entries of the journal. They are settled once nothing older runs anywhere on the server.
async fn journal(store: &Store) -> Vec<Change> {
    eventually(Duration::from_secs(20), "all is settled", async || store.standing().await.unwrap().quiet)
        .await;
    let (mut all, mut after) = (Vec::new(), Position::default());
    loop {
        let (changes, more) = store.changes(&Selection::default(), after, 1000).await.unwrap();
        after = changes.last().map_or(after, |last| last.position);
        all.extend(changes);
        if !more {
            return all;
        }
    }
}

/// A file of numbered users.
fn numbered(count: usize, title: &str) -> String {
    let mut text = "name,email,external_id,profile\n".to_owned();
    for number in 0..count {
        use std::fmt::Write as _;
        let _ = writeln!(
            text,
            "user{number},user{number}@example.com,x-{number},\"{{\"\"title\"\":\"\"{title}\"\"}}\""
        );
    }
    text
}
