//! The commands that bring users in and out as files.

mod input;
mod watch;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use input::{Counted, open_input, refuse_same};
use watch::{Errors, Watch};

use super::signals::{interruptible, stopped, until_stopped, until_stopped_with};
use super::{Failure, REFUSED, complain, open, print};
use crate::clock::Clock;
use crate::config::{DatabaseUrl, ExportConfig, ImportConfig, ImportMode};
use crate::model::actor::Actor;
use crate::model::filter::Filter;
use crate::model::import::KeyBy;
use crate::model::listing::Listing;
use crate::store::journal::Author;
use crate::store::snapshot::Stored;
use crate::store::{OpenError, Store};
use crate::transfer::console::Console;
use crate::transfer::export::Exporter;
use crate::transfer::format::Format;
use crate::transfer::import::{self, End, Event, ImportOptions, Mode};
use crate::transfer::output::Output;
use crate::transfer::reader::ReaderOptions;

const NOT_NEEDED: &str = "nothing was imported: the directory has had users before\n";
/// Between two looks at a schema that somebody else brings up to date.
const SCHEMA_PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn import(config: ImportConfig) -> Result<(), Failure> {
    let options = import_options(&config)?;
    let (input, size) = open_input(&config.input)?;
    let read = Arc::new(AtomicU64::new(0));
    let input = Box::new(Counted { input, read: read.clone() });
    refuse_same(&config)?;
    let errors = config.errors.as_deref().map(Errors::open).transpose()?;
    let shutdown = interruptible()?;
    let Some(store) = until_stopped(&shutdown, to_fill(&config)).await? else { return Ok(()) };
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let part = || size.map(|size| read.load(Ordering::Relaxed) as f64 / size.max(1) as f64);
    let mut watch = Watch::new(Console::new(config.quiet), errors, options.mode);
    let mut observe = |event: Event<'_>| watch.hear(&event, part());
    let author = || Author::local(Clock::System.now(), Actor::command("import"));
    let stop = Box::pin(shutdown.begun());
    let (totals, outcome) = import::run(&store, &author, input, &options, stop, &mut observe).await;
    // What was given up may still wait for its answer: nobody waits for that.
    if !shutdown.is_draining() {
        store.close().await;
    }
    let kept = watch.end(outcome.is_ok());
    report(&options, &totals, outcome)?;
    kept
}

/// The store to import into; none where that is only done once, and was. The import itself looks once more, when nobody
/// else can write: this look needs no right to write, and keeps nobody from it.
async fn to_fill(config: &ImportConfig) -> Result<Option<Store>, Failure> {
    let store = open_ready(&config.url, config.wait, config.read_only).await?;
    if config.once && store.has_had_users().await? {
        store.close().await;
        print(NOT_NEEDED);
        return Ok(None);
    }
    Ok(Some(store))
}

/// Tells what was done, and maps it to an exit code.
fn report(
    options: &ImportOptions,
    totals: &import::Totals,
    outcome: Result<End, import::ImportError>,
) -> Result<(), Failure> {
    if matches!(outcome, Ok(End::NotNeeded)) {
        print(NOT_NEEDED);
        return Ok(());
    }
    let note = if options.mode == Mode::DryRun { " (dry run: nothing was changed)" } else { "" };
    print(&format!("{totals}{note}\n"));
    match outcome {
        Err(error) => Err(error.into()),
        Ok(End::Stopped) => {
            let done = if options.mode == Mode::Batches {
                "what the totals count is done; the same import may be run again"
            } else {
                "nothing was changed"
            };
            Err(stopped(done))
        }
        Ok(End::Complete) if totals.refused > 0 => Err(Failure {
            code: REFUSED,
            message: format!("{} of {} rows were refused", totals.refused, totals.rows),
        }),
        Ok(End::Complete | End::NotNeeded) => Ok(()),
    }
}

fn import_options(config: &ImportConfig) -> Result<ImportOptions, Failure> {
    let format = parse("--format", config.format.as_deref(), Format::parse)?;
    let key = parse("--key", config.key.as_deref(), KeyBy::parse)?.unwrap_or_default();
    let mut map = Vec::new();
    for pair in &config.map {
        let (column, attribute) = pair
            .rsplit_once('=')
            .ok_or_else(|| Failure::from(format!("--map: {pair:?} must be COLUMN=ATTRIBUTE")))?;
        map.push((column.to_owned(), attribute.to_owned()));
    }
    let mode = match config.mode {
        ImportMode::Batches => Mode::Batches,
        ImportMode::Strict => Mode::Strict,
        ImportMode::DryRun => Mode::DryRun,
    };
    let format = format.or_else(|| Format::of_name(&config.input));
    let reader = ReaderOptions { format, map, key, keep: config.errors.is_some() };
    Ok(ImportOptions { mode, once: config.once, patience: None, reader })
}

fn parse<T>(name: &str, text: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match parse(text) {
        Some(value) => Ok(Some(value)),
        None => Err(format!("{name}: {text:?} is none of the values that --help lists").into()),
    }
}

/// An error with the file that it concerns.
pub(super) fn named<T>(path: &Path, result: io::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| format!("{}: {error}", path.display()).into())
}

pub(super) async fn export(config: ExportConfig) -> Result<(), Failure> {
    let named_format = config.output.as_deref().and_then(Format::of_name);
    let format = parse("--format", config.format.as_deref(), Format::parse)?.or(named_format);
    let filter = config.filter.as_deref().map(Filter::parse).transpose();
    let filter = filter.map_err(|error| format!("--filter: {error}"))?;
    let shutdown = interruptible()?;
    let store = until_stopped(&shutdown, open_ready(&config.url, config.wait, true)).await?;
    let out = match &config.output {
        Some(path) => named(path, Output::file(path))?,
        None => Output::stdout(),
    };
    let place = config.output.as_deref().unwrap_or_else(|| Path::new("stdout"));
    let written = |result: io::Result<()>| -> Result<(), Failure> {
        result.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => {
                format!("{}: whoever reads it went away before all users were written", place.display())
                    .into()
            }
            _ => format!("{}: {error}", place.display()).into(),
        })
    };
    let mut console = Console::new(config.quiet);
    let mut exporter = Exporter::new(format.unwrap_or(Format::Csv), config.escape_formulas, out)?;
    let (mut count, mut failed) = (0, Ok(()));
    let listing = Listing { filter, ..Listing::default() };
    let mut take = |user: Stored<'_>| {
        failed = exporter.write(&user);
        count += 1;
        if count % 1000 == 0 {
            console.progress(count, "users", None);
        }
        failed.is_ok()
    };
    let read = async { store.snapshot(&listing, &mut take).await.map_err(Failure::from) };
    let left = if config.output.is_some() { "no file was written" } else { "stdout has a part of it" };
    let read = until_stopped_with(left, &shutdown, read).await;
    console.clear();
    written(failed)?;
    read?;
    store.close().await;
    written(exporter.finish().and_then(Output::finish))?;
    console.note(&format!("{count} users"));
    Ok(())
}

/// Opens a database whose schema is as this program needs it. Without a limit to the waiting (`wait` is `None`) that
/// includes the schema: in a cluster, nothing says that whoever migrates begins first.
pub(super) async fn open_ready(
    url: &DatabaseUrl,
    wait: Option<Duration>,
    read_only: bool,
) -> Result<Store, Failure> {
    if url.sqlite_path().is_some_and(|path| !path.exists()) {
        // A look must not create the file.
        return Err(OpenError::Never(
            "the database file does not exist; roster migrate makes one".to_owned(),
        )
        .into());
    }
    let store = open(url, wait, read_only).await?;
    let mut told = false;
    loop {
        let state = store.schema_state().await?;
        if state.pending.is_empty() {
            return Ok(store);
        }
        let pending = state.pending.join(", ");
        if wait.is_some() {
            return Err(format!("the schema is not up to date ({pending}); run roster migrate first").into());
        }
        if !std::mem::replace(&mut told, true) {
            complain(&format!("the schema is not up to date ({pending}); waiting for roster migrate"));
        }
        tokio::time::sleep(SCHEMA_PAUSE).await;
    }
}
