//! `roster log`.

use std::time::Duration;

use super::{client, rows, written};
use crate::cli::complain;
use crate::client::changes::{Feed, Selection, now};
use crate::client::rows::Form;
use crate::client::{ClientError, Layout};
use crate::config::RecordConfig;

/// Time between two questions for what is new.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(config: RecordConfig) -> Result<(), ClientError> {
    let client = client(&config.connection)?;
    let after = match config.after.as_deref() {
        Some("now") => now(&client).await?,
        other => other.map(str::to_owned),
    };
    let selection = Selection { actor: config.actor, subject: config.subject };
    let mut rows = rows(config.output, |form, screen| match form {
        Form::Csv => Layout::of_changes_in_full(),
        _ => Layout::of_changes(screen.width),
    });
    let mut feed = Feed::new(&client, selection, after, config.limit);
    loop {
        let (entries, more) = feed.page().await?;
        if !written(rows.page(&entries))? {
            return Ok(());
        }
        if more {
            continue;
        }
        if !config.follow || feed.is_done() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    written(rows.end())?;
    if rows.count() == 0 {
        complain("no entries");
    }
    Ok(())
}
