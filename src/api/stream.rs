//! The whole list as a stream. No connection and no snapshot is held while the client reads: the list is read
//! in stretches, each from behind the last user of the one before, and the next one is read while one is sent.

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::format::{Format, Writer};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::error::ApiResult;
use crate::model::listing::{After, Listing};
use crate::store::StoreError;

/// Users read at once for a stream: enough to make the cost of a statement small, little enough to hold in memory.
const STRETCH: i64 = 2000;

/// The part of a list that is still to be read.
pub(super) struct Remainder {
    pub(super) listing: Listing,
    pub(super) after: Option<After>,
}

/// A piece of a stream, and whether it is the last.
struct Piece {
    bytes: Bytes,
    last: bool,
}

/// Reads the first stretch, so that what goes wrong there still has a status, and streams the others.
pub(super) async fn stream(app: App, caller: Caller, mut rest: Remainder, format: Format) -> ApiResult<Body> {
    let mut writer = Writer::new(format, rest.listing.fields.clone());
    let mut bytes = Vec::with_capacity(16_384);
    writer.begin(&mut bytes);
    let first = rest.read(&app, &mut writer, bytes).await?;
    if first.last {
        return Ok(Body::from(first.bytes));
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(app, caller, rest, writer, first, sender).in_current_span());
    Ok(received(receiver))
}

impl Remainder {
    /// Appends the next stretch to `out`, and the end of the list when that is reached.
    async fn read(&mut self, app: &App, writer: &mut Writer, mut out: Vec<u8>) -> Result<Piece, StoreError> {
        let emit = &mut |item: crate::store::list::Item<'_>| writer.item(&mut out, &item);
        self.after = app.store.list(&self.listing, self.after.as_ref(), STRETCH, emit).await?;
        let last = self.after.is_none();
        if last {
            writer.end(&mut out);
        }
        Ok(Piece { bytes: out.into(), last })
    }
}

async fn send(
    app: App,
    caller: Caller,
    mut rest: Remainder,
    mut writer: Writer,
    first: Piece,
    sender: mpsc::Sender<Result<Piece, StoreError>>,
) {
    let mut piece = Ok(first);
    loop {
        let last = piece.as_ref().map_or(true, |piece| piece.last);
        if let Err(error) = &piece {
            tracing::error!(%error, "a stream of users was cut");
            app.metrics.stream_cut("database");
        }
        if sender.send(piece).await.is_err() || last {
            return;
        }
        // A slow reader's list may take hours: its caller must be good all the time. Where it can't be told, the read
        // meets the same trouble.
        if matches!(app.gate.still_admits(&caller).await, Ok(false)) {
            tracing::info!("a stream of users was cut: its caller's credential is not good any more");
            app.metrics.stream_cut("credential");
            return;
        }
        piece = rest.read(&app, &mut writer, Vec::with_capacity(131_072)).await;
    }
}

/// The body made of the pieces. Whoever reads must be able to tell a list that is whole from one whose writer
/// died, so without a last piece it ends in an error, which ends the connection.
fn received(mut receiver: mpsc::Receiver<Result<Piece, StoreError>>) -> Body {
    let mut complete = false;
    Body::from_stream(futures_util::stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|piece| {
            let piece = match piece {
                None if complete => return None,
                None => Err(StoreError::Internal("the list ended early".to_owned())),
                Some(piece) => piece,
            };
            complete = piece.as_ref().map_or(true, |piece| piece.last);
            Some(piece.map(|piece| piece.bytes))
        })
    }))
}
