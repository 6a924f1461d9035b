//! The commands that copy whole databases.

use std::io;

use super::signals::{interruptible, stopped, until_stopped, until_stopped_with};
use super::transfer::{named, open_ready};
use super::{Failure, open, print};
use crate::clock::Clock;
use crate::config::{BackupConfig, CopyConfig};
use crate::store::copy::CopyError;
use crate::transfer::console::Console;
use crate::transfer::output::sync_directory;

/// What a copy leaves behind that is given up.
const NOTHING: &str = "nothing was copied";

pub(super) async fn backup(config: BackupConfig) -> Result<(), Failure> {
    let path = &config.output;
    if config.url.sqlite_path().is_none() {
        return Err("backup is for SQLite; for PostgreSQL, use pg_dump (docs/operations.md shows how)".into());
    }
    if path.exists() {
        return Err(format!("{}: exists already; a backup overwrites nothing", path.display()).into());
    }
    let shutdown = interruptible()?;
    let store = until_stopped(&shutdown, open_ready(&config.url, config.wait, true)).await?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new();
    let file = file.prefix(".roster-").suffix(".part");
    let file = named(path, file.tempfile_in(directory.unwrap_or_else(|| ".".as_ref())))?;
    let write = async { store.backup(file.path()).await.map_err(Failure::from) };
    until_stopped_with("no file was written", &shutdown, write).await?;
    store.close().await;
    let finish = || -> io::Result<()> {
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|failed| failed.error)?;
        sync_directory(path)
    };
    named(path, finish())
}

pub(super) async fn copy(config: CopyConfig) -> Result<(), Failure> {
    if config.from == config.to {
        return Err("FROM_URL and TO_URL are the same database".into());
    }
    let shutdown = interruptible()?;
    let open = async {
        let source = open_ready(&config.from, config.wait, true).await?;
        if source.schema_state().await?.newer > 0 {
            return Err("the source has the schema of a later release; use that release to copy it".into());
        }
        let target = open(&config.to, config.wait, false).await?;
        target.migrate(Clock::System.now()).await?;
        Ok((source, target))
    };
    let (source, target) = until_stopped_with(NOTHING, &shutdown, open).await?;
    let mut console = Console::new(config.quiet);
    let mut progress = |table: &str, rows| console.progress(rows, &format!("rows of {table}"), None);
    let outcome = source.copy_to(&target, Clock::System.now(), shutdown.begun(), &mut progress).await;
    console.clear();
    let copied = match outcome {
        // What was given up may still wait for its answer: nobody waits for that.
        Err(CopyError::Stopped) => return Err(stopped(NOTHING)),
        other => other,
    };
    source.close().await;
    target.close().await;
    let copied = copied?;
    for (table, sum) in &copied.tables {
        print(&format!("{table}: {} rows, checksum {sum}, equal in both\n", sum.rows));
    }
    console.say(&match copied.missed {
        None => "whether the source was changed meanwhile is not known: it does not answer any more".to_owned(),
        Some(0) => "nothing was changed in the source meanwhile".to_owned(),
        Some(missed) => format!(
            "{missed} changes were made in the source meanwhile and are not in the copy; serve the source with \
             ROSTER_READ_ONLY=true while it is copied, and copy it into an empty database again"
        ),
    });
    Ok(())
}
