//! Databases of a test's own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use roster::store::{Engine, Store, StoreOptions, Target};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use super::{metrics, variable};

/// An empty database that goes away with this value.
pub(crate) struct Database {
    pub(crate) url: String,
    directory: Option<TempDir>,
}

impl Database {
    /// A file in a directory of its own, or a database of its own on the test server.
    pub(crate) async fn create(engine: Engine) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if engine == Engine::Sqlite {
            let directory = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", directory.path().join("roster.db").display());
            return Self { url, directory: Some(directory) };
        }
        let name = format!("roster_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let server = variable("ROSTER_TEST_POSTGRES_URL");
        let mut admin = PgConnection::connect(&server).await.unwrap();
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{base}/{name}"), directory: None }
    }

    /// Whether it is an SQLite file.
    pub(crate) fn is_file(&self) -> bool {
        self.directory.is_some()
    }

    /// One on another PostgreSQL server.
    pub(crate) fn of_others(url: String) -> Self {
        Self { url, directory: None }
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.url.strip_prefix("sqlite:").unwrap())
    }

    /// A migrated store of its own, beside whatever else uses the database.
    pub(crate) async fn store(&self) -> Store {
        let target = Target::parse(&self.url).unwrap();
        let store = Store::open(&target, StoreOptions::default(), metrics()).await.unwrap();
        store.migrate(0).await.unwrap();
        store
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.directory.is_some() {
            return;
        }
        let url = self.url.clone();
        // A thread with a runtime of its own: drop can't wait inside the test's.
        let dropped = std::thread::spawn(move || {
            let (base, name) = url.rsplit_once('/').unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut admin) = PgConnection::connect(&format!("{base}/postgres")).await {
                    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = admin.execute(AssertSqlSafe(statement)).await;
                }
            });
        });
        let _ = dropped.join();
    }
}
