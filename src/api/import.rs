//! `POST /users/import`: many users in one request, whose body is read while it comes and whose answer tells what
//! became of it, line by line.

mod report;

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

pub use report::LISTED_MAX;
use report::{Report, ended, line};

use super::body;
use super::format::{Format, negotiate};
use super::query::Query;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::import::KeyBy;
use crate::store::StoreError;
use crate::transfer::import::{self, End, Event, ImportError, ImportOptions, Mode, Totals};
use crate::transfer::reader::{ReadError, ReaderOptions};

/// Most bytes that are read and thrown away after an import ended early, so that the client gets to its answer.
const DISCARDED_MAX: usize = 64 << 20;

/// `POST /users/import`
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    let started = Instant::now();
    negotiate(&headers, &[Format::Ndjson])?;
    let options = options(&Query::of(&uri), &headers)?;
    // Whoever waits for another import has a connection for it, which others wait for.
    let options = ImportOptions { patience: Some(app.limits.timeout / 4), ..options };
    if app.store.is_read_only() {
        return Err(StoreError::ReadOnly("this server takes no writes now".to_owned()).into());
    }
    let input: Box<dyn Read + Send> = if options.mode == Mode::Batches {
        Box::new(follow(body, app.limits.timeout))
    } else {
        // It holds locks to its end, so it must not wait for a client.
        let types = Format::ALL.map(Format::essence);
        Box::new(Cursor::new(body::read(&app, &headers, body, &types).await?))
    };
    // Its body was on its way for some time.
    app.author(&caller).await?;
    let patience = status_within(app.limits.timeout, started.elapsed());
    let (report, mut lines) = Report::new();
    let work = tokio::spawn(run(app, caller, input, options, report).in_current_span());
    // What is wrong at once still has a status.
    let first = tokio::time::timeout(patience, lines.recv()).await;
    if let Ok(None) = first {
        return Err(failure(work).await.map_or_else(|| unexpected().into(), |failed| failed.error));
    }
    let mut first = first.ok().flatten();
    let told = futures_util::stream::poll_fn(move |context| match first.take() {
        Some(line) => std::task::Poll::Ready(Some(line)),
        None => lines.poll_recv(context),
    });
    let last = async {
        let failed = failure(work).await?;
        // The request's own line of the log has gone with its status.
        note(&failed.error);
        Some(line("end", failed.end))
    };
    let last = last.in_current_span();
    let last = futures_util::stream::once(last).filter_map(std::future::ready);
    let stream = told.chain(last).map(Ok::<_, io::Error>);
    let kind = [(header::CONTENT_TYPE, Format::Ndjson.content_type()), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, Body::from_stream(stream)).into_response())
}

/// How long to wait for what is wrong at once: the answer must begin in time, and a strict import has read its body by
/// now.
fn status_within(limit: Duration, spent: Duration) -> Duration {
    (limit * 19 / 20).saturating_sub(spent)
}

/// An import that did nothing, and has not said so.
struct Failed {
    error: ApiError,
    /// The same as the last line of an answer, for one that has begun.
    end: Value,
}

impl Failed {
    fn new(error: ApiError, totals: &Totals) -> Self {
        let end = ended(totals, false, Some(error.body()));
        Self { error, end }
    }
}

/// Has the log tell what went wrong here.
fn note(error: &ApiError) {
    if let Some(reason) = error.reason() {
        tracing::error!(error = reason, "an import failed");
    }
}

fn unexpected() -> StoreError {
    StoreError::Internal("an import ended unexpectedly".to_owned())
}

/// What an import that has ended leaves to be said.
async fn failure(work: JoinHandle<Option<Failed>>) -> Option<Failed> {
    work.await.unwrap_or_else(|_| Some(Failed::new(unexpected().into(), &Totals::default())))
}

fn options(query: &Query, headers: &HeaderMap) -> ApiResult<ImportOptions> {
    let wrong = |name, detail| ApiError::parameter(Kind::Invalid, name, detail);
    let flag = |name| match query.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong(name, "must be true or false")),
    };
    let mode = match (flag("dry_run")?, flag("strict")?) {
        (true, true) => return Err(wrong("strict", "does not go with dry_run")),
        (true, false) => Mode::DryRun,
        (false, true) => Mode::Strict,
        (false, false) => Mode::Batches,
    };
    let key = match query.get("key") {
        None => KeyBy::default(),
        Some(text) => {
            KeyBy::parse(text).ok_or_else(|| wrong("key", "must be name, email, external_id or id"))?
        }
    };
    let mut map = Vec::new();
    for pair in query.get("map").into_iter().flat_map(|text| text.split(',')) {
        let pair = pair.rsplit_once('=').ok_or_else(|| wrong("map", "must be COLUMN=ATTRIBUTE,…"))?;
        map.push((pair.0.to_owned(), pair.1.to_owned()));
    }
    let types = Format::ALL.map(Format::essence);
    let essence = body::media_type(headers, &types)?;
    let format = Format::ALL.into_iter().find(|format| format.essence() == essence);
    let reader = ReaderOptions { format, map, key, keep: false };
    Ok(ImportOptions { mode, reader, ..ImportOptions::default() })
}

/// Imports, and tells of it; gives an error that came before anything was done.
async fn run(
    app: App,
    caller: Caller,
    input: Box<dyn Read + Send>,
    options: ImportOptions,
    mut report: Report,
) -> Option<Failed> {
    let mode = options.mode;
    let shutdown = app.shutdown.clone();
    let author = || caller.author(app.clock.now());
    let lost = AtomicBool::new(false);
    let stop = Box::pin(async {
        tokio::select! {
            () = shutdown.begun() => {}
            // An import may take hours: its caller must be good all the time.
            () = app.gate.loses(&caller) => lost.store(true, Ordering::Relaxed),
        }
    });
    let mut observe = |event: Event<'_>| report.hear(&event, mode);
    let (totals, outcome) = import::run(&app.store, &author, input, &options, stop, &mut observe).await;
    let (problem, complete) = match outcome {
        Ok(End::Complete | End::NotNeeded) => (None, true),
        Ok(End::Stopped) => {
            let error = if lost.load(Ordering::Relaxed) {
                ApiError::new(Kind::InvalidToken, "the access token is not good any more")
            } else {
                ApiError::new(Kind::Unavailable, "the server is ending; send the same import again")
            };
            (Some(error.body()), false)
        }
        Err(error) => {
            let error = problem(error);
            if totals.commits == 0 {
                return Some(Failed::new(error, &totals));
            }
            note(&error);
            (Some(error.body()), false)
        }
    };
    report.tell("end", ended(&totals, complete, problem));
    None
}

fn problem(error: ImportError) -> ApiError {
    match error {
        ImportError::Read(ReadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
            ApiError::new(Kind::RequestTimeout, format!("the body came too slowly: {error}"))
        }
        ImportError::Read(ReadError::Io(error)) => {
            ApiError::new(Kind::Malformed, format!("the body ended early: {error}"))
        }
        ImportError::Read(error) => ApiError::new(Kind::Malformed, error.to_string()),
        ImportError::Refused(refusal) => {
            ApiError::new(Kind::Invalid, format!("{refusal}; nothing was changed"))
        }
        ImportError::Store(error) => error.into(),
    }
}

/// A body for a thread to read. `patience` is how long the client may send nothing.
fn follow(mut body: Body, patience: Duration) -> impl Read + Send {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(2);
    let work = async move {
        let mut discarded = 0;
        while discarded < DISCARDED_MAX {
            let piece = match tokio::time::timeout(patience, body.frame()).await {
                Ok(None) => return,
                Ok(Some(Ok(frame))) => frame.into_data().map_err(|_| ()),
                Ok(Some(Err(_))) => {
                    let _ = sender.send(Err(io::Error::other("the client went away"))).await;
                    return;
                }
                Err(_) => {
                    let _ = sender
                        .send(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long")))
                        .await;
                    return;
                }
            };
            let Ok(bytes) = piece else { continue };
            let length = bytes.len();
            if sender.send(Ok(bytes)).await.is_err() {
                discarded += length;
            }
        }
    };
    tokio::spawn(work);
    Followed { receiver, piece: Bytes::new() }
}

struct Followed {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Followed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.piece = piece?,
            }
        }
        let count = out.len().min(self.piece.len());
        out[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
