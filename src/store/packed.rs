//! Lists from SQLite in one value. The driver copies each value of each row and hands each row from the thread that
//! reads the file to the one that asked, which takes several times as long as the reading: here SQLite packs all
//! rows into one JSON text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::AssertSqlSafe;

use super::list::{Item, Statement, bound, page};
use super::{Engine, Store, StoreError, on, read};
use crate::model::listing::{After, Listing};

/// One user of a list as [`pack`] writes it.
#[derive(Deserialize)]
struct Row<'a>(
    i64,
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Option<Text<'a>>,
    /// The sort key, of which only the last one is read.
    #[serde(borrow)]
    &'a RawValue,
);

/// A text that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The order of the inner statement is that of the array: a subquery with a limit is run as it stands, and the
/// aggregate takes its rows as they come.
fn pack(statement: &Statement) -> String {
    format!("SELECT json_group_array(json_array(id, name, email, sort_key)) FROM ({})", statement.text)
}

impl Store {
    /// [`Store::list`] for SQLite and the attributes of the first version.
    pub(super) async fn list_packed(
        &self,
        listing: &Listing,
        after: Option<&After>,
        limit: i64,
        emit: &mut (dyn FnMut(Item<'_>) + Send),
    ) -> Result<Option<After>, StoreError> {
        let statement = page(listing, after, limit.saturating_add(1), Engine::Sqlite);
        let text = pack(&statement);
        let packed: String = read!(self, "list", session => async {
            on!(&mut session, connection => {
                let query = bound!(sqlx::query_scalar(AssertSqlSafe(text.clone())), statement.args);
                query.fetch_one(connection).await.map_err(StoreError::from)
            })
        })?;
        let rows: Vec<Row<'_>> = unpack(&packed)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for Row(id, name, email, _) in rows.iter().take(limit) {
            emit(Item { id: *id, name: &name.0, email: email.as_ref().map(|email| &*email.0), user: None });
        }
        if rows.len() <= limit {
            return Ok(None);
        }
        let last = limit.checked_sub(1).and_then(|last| rows.get(last));
        last.map(|Row(id, _, _, key)| {
            After::read(listing.sort.by, *id, || unpack(key.get()), || unpack(key.get()))
        })
        .transpose()
    }
}

fn unpack<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Internal(format!("a packed list: {error}")))
}
