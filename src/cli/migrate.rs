//! `roster migrate`.

use std::time::Duration;

use super::signals::{interruptible, until_stopped};
use super::{Failure, NO, complain, open, print};
use crate::clock::Clock;
use crate::config::MigrateConfig;
use crate::store::{OpenError, Store};

/// After so long, somebody who looks wants to know why.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn migrate(config: MigrateConfig) -> Result<(), Failure> {
    if config.check && config.url.sqlite_path().is_some_and(|path| !path.exists()) {
        // A look must not create the file.
        return Err(OpenError::Never("the database file does not exist".to_owned()).into());
    }
    let shutdown = interruptible()?;
    let work = async {
        let store = open(&config.url, config.wait, false).await?;
        let role = config.grant_to.as_deref();
        let outcome =
            if config.check { check_schema(&store).await } else { apply_migrations(&store, role).await };
        store.close().await;
        outcome
    };
    let told = async {
        tokio::time::sleep(PATIENCE).await;
        complain("not done yet: a step takes its time, or waits for the database, another process or a lock");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = until_stopped(&shutdown, work) => done,
        () = told => Ok(()),
    }
}

async fn check_schema(store: &Store) -> Result<(), Failure> {
    let state = store.schema_state().await?;
    if !state.pending.is_empty() {
        print(&format!("pending: {}\n", state.pending.join(", ")));
        return Err(Failure { code: NO, message: String::new() });
    }
    let newer =
        if state.newer > 0 { format!(", and has {} newer steps", state.newer) } else { String::new() };
    print(&format!("the schema is up to date{newer}\n"));
    Ok(())
}

async fn apply_migrations(store: &Store, role: Option<&str>) -> Result<(), Failure> {
    let applied = store.migrate_for(Clock::System.now(), role).await?;
    if applied.is_empty() {
        print("nothing to apply\n");
    } else {
        print(&format!("applied: {}\n", applied.join(", ")));
    }
    Ok(())
}
