//! What a batch reads and locks.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;

use super::plan::Wanted;
use crate::model::user::User;
use crate::store::rows::{COLUMNS, STRIPES, UserRow, take_turns, to_user};
use crate::store::{Either, StoreError, Tx};

/// The users that a batch has to know, or `None` when their profiles have more than `most` bytes.
pub(super) async fn find(tx: &mut Tx, wanted: &Wanted, most: usize) -> Result<Option<Vec<User>>, StoreError> {
    let text = |list: [&str; 4]| {
        let parts = ["id", "name_key", "email_key", "external_id"];
        let select = |(column, list)| format!("SELECT {COLUMNS} FROM users WHERE {column} {list}");
        AssertSqlSafe(parts.into_iter().zip(list).map(select).collect::<Vec<_>>().join(" UNION ALL "))
    };
    let mut users = Vec::new();
    let mut bytes = 0;
    macro_rules! collect {
        ($rows:expr) => {{
            let mut rows = $rows;
            while let Some(row) = rows.try_next().await? {
                let row: UserRow = row;
                bytes += row.5.len();
                if bytes > most {
                    return Ok(None);
                }
                users.push(to_user(row)?);
            }
        }};
    }
    match tx.lent() {
        Either::Postgres(lent) => {
            let text = text(["= ANY($1)", "= ANY($2)", "= ANY($3)", "= ANY($4)"]);
            let query = sqlx::query_as(text)
                .bind(&wanted.ids)
                .bind(&wanted.name_keys)
                .bind(&wanted.email_keys)
                .bind(&wanted.external_ids);
            collect!(query.fetch(&mut **lent));
        }
        Either::Sqlite(lent) => {
            let list = |place: u8| format!("IN (SELECT value FROM json_each(${place}))");
            let lists = [list(1), list(2), list(3), list(4)];
            let query = sqlx::query_as(text(lists.each_ref().map(String::as_str)))
                .bind(json(&wanted.ids))
                .bind(json(&wanted.name_keys))
                .bind(json(&wanted.email_keys))
                .bind(json(&wanted.external_ids));
            collect!(query.fetch(&mut **lent));
        }
    }
    Ok(Some(users))
}

fn json<T: serde::Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

/// Locks users on PostgreSQL, in the order of their ids.
pub(super) async fn lock(tx: &mut Tx, ids: &BTreeSet<i64>) -> Result<(), StoreError> {
    const LOCK: &str = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR UPDATE";
    let Either::Postgres(lent) = tx.lent() else { return Ok(()) };
    let ids: Vec<i64> = ids.iter().copied().collect();
    sqlx::query(LOCK).bind(ids).execute(&mut **lent).await?;
    Ok(())
}

/// Lets a transaction take as long as its input takes to come; it waits for others no longer than `patience`.
pub(super) async fn without_limits(tx: &mut Tx, patience: Option<Duration>) -> Result<(), StoreError> {
    let Either::Postgres(lent) = tx.lent() else { return Ok(()) };
    // Milliseconds; 0 is without end.
    let patience = patience.map_or(0, |patience| patience.as_millis().max(1));
    let limits = format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SET LOCAL lock_timeout = {patience}"
    );
    sqlx::raw_sql(AssertSqlSafe(limits)).execute(&mut **lent).await?;
    Ok(())
}

/// Keeps everybody else from writing users, new ones too, until the transaction ends. Whoever writes has taken turns
/// before, and so has this one.
pub(super) async fn lock_table(tx: &mut Tx) -> Result<(), StoreError> {
    const LOCK: &str = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE";
    let Either::Postgres(lent) = tx.lent() else { return Ok(()) };
    sqlx::raw_sql(LOCK).execute(&mut **lent).await?;
    Ok(())
}

/// Keeps everybody else from changing users that exist, until the transaction ends.
pub(super) async fn take_all_turns(tx: &mut Tx) -> Result<(), StoreError> {
    take_turns(tx, 0..STRIPES).await
}
