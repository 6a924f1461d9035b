//! `roster migrate`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::signals::{interruptible, until_stopped, until_stopped_with};
use super::{Failure, NO, complain, open_telling, print};
use crate::client::text::visible;
use crate::clock::Clock;
use crate::config::MigrateConfig;
use crate::store::{OpenError, Store};

/// The end of the transaction may be on its way to the database.
const UNSURE: &str = "roster migrate --check tells whether the steps were applied";
/// After so long, somebody who looks wants to know why.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn migrate(config: MigrateConfig) -> Result<(), Failure> {
    if config.check && config.url.sqlite_path().is_some_and(|path| !path.exists()) {
        // A look must not create the file.
        return Err(OpenError::Never("the database file does not exist".to_owned()).into());
    }
    let shutdown = interruptible()?;
    let away = Mutex::new(None);
    let note = |detail: Option<&str>| *lock(&away) = detail.map(str::to_owned);
    let work = async {
        let opened = open_telling(&config.url, config.wait, false, |detail| note(Some(detail)));
        let store = until_stopped(&shutdown, opened).await?;
        note(None);
        let role = config.grant_to.as_deref();
        let outcome = if config.check {
            until_stopped(&shutdown, check_schema(&store)).await
        } else {
            until_stopped_with(UNSURE, &shutdown, apply_migrations(&store, role)).await
        };
        if !shutdown.is_draining() {
            store.close().await;
        }
        outcome
    };
    let told = async {
        tokio::time::sleep(PATIENCE).await;
        let reason = lock(&away).clone().map_or_else(
            || "a step takes its time, or waits for another process or a lock".to_owned(),
            |detail| format!("the database can't be used: {detail}"),
        );
        complain(&format!("not done yet: {reason}"));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = work => done,
        () = told => Ok(()),
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
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
    let steps = if applied.is_empty() {
        "nothing to apply".to_owned()
    } else {
        format!("applied: {}", applied.join(", "))
    };
    let rights = role.map_or(String::new(), |role| format!("; rights given to {}", visible(role)));
    print(&format!("{steps}{rights}\n"));
    Ok(())
}
