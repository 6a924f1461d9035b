//! Single rows of users. Each function that writes one appends to the journal in the same transaction.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::journal::{Author, append};
use super::next_schema::next_schema;
use super::users::Preconditions;
use super::{Either, StoreError, Tx, on};
use crate::model::change::Action;
use crate::model::user::{Draft, User, draft_for_create};

pub(super) const COLUMNS: &str =
    "id, name, email, active, external_id, profile, version, created_at, updated_at";

pub(super) type UserRow = (i64, String, Option<String>, bool, Option<String>, String, i64, i64, i64);

const INSERT: &str = concat!(
    "INSERT INTO users (name, name_key, email, email_key, active, external_id, profile, version, created_at, \
     updated_at",
    next_schema!(", noted_version"),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8",
    next_schema!(", 1"),
    ") RETURNING id"
);

/// Inserts a user.
pub(super) async fn create(
    tx: &mut Tx,
    author: &Author,
    body: &Map<String, Value>,
) -> Result<User, StoreError> {
    let draft = draft_for_create(body).map_err(StoreError::Invalid)?;
    let id: i64 = on!(tx, connection => sqlx::query_scalar(INSERT)
        .bind(draft.name.as_str())
        .bind(draft.name_key())
        .bind(draft.email.as_deref())
        .bind(draft.email_key())
        .bind(draft.active)
        .bind(draft.external_id.as_deref())
        .bind(draft.profile_text())
        .bind(author.now)
        .fetch_one(connection)
        .await)?;
    let user = draft.into_user(id, 1, author.now, author.now);
    append(tx, author, Action::Created, None, Some(&user)).await?;
    Ok(user)
}

const UPDATE: &str = concat!(
    "UPDATE users SET name = $2, name_key = $3, email = $4, email_key = $5, active = $6, external_id = $7, \
     profile = $8, version = $9, updated_at = $10",
    next_schema!(", noted_version = $9"),
    " WHERE id = $1"
);

/// Changes a user that is locked.
pub(super) async fn update(
    tx: &mut Tx,
    author: &Author,
    before: &User,
    draft: Draft,
) -> Result<User, StoreError> {
    let version = before.version + 1;
    on!(tx, connection => sqlx::query(UPDATE)
        .bind(before.id)
        .bind(draft.name.as_str())
        .bind(draft.name_key())
        .bind(draft.email.as_deref())
        .bind(draft.email_key())
        .bind(draft.active)
        .bind(draft.external_id.as_deref())
        .bind(draft.profile_text())
        .bind(version)
        .bind(author.now)
        .execute(connection)
        .await
        .map(drop))?;
    let after = draft.into_user(before.id, version, before.created_at, author.now);
    append(tx, author, Action::Updated, Some(before), Some(&after)).await?;
    Ok(after)
}

/// Deletes a user.
pub(super) async fn delete(
    tx: &mut Tx,
    author: &Author,
    id: i64,
    preconditions: &Preconditions,
) -> Result<(), StoreError> {
    let before = lock(tx, id, preconditions).await?;
    on!(tx, connection => sqlx::query("DELETE FROM users WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .map(drop))?;
    append(tx, author, Action::Deleted, Some(&before), None).await
}

/// How many locks all users share.
pub(super) const STRIPES: i64 = 128;

/// Takes turns with other writers of the same users, before the transaction writes anything.
///
/// PostgreSQL gives a transaction its id, by which the journal is ordered, at its first write or row lock. One
/// that had its id and then waited for a row would enter the journal before the change that it waited for, and
/// whoever follows would see version 3 before version 2. Advisory locks need no id: who holds them all gets an
/// id larger than those of all earlier writers of these users. They are taken in one order, so that two batches
/// never wait for each other, and shared by many users, so that their number is bounded.
pub(super) async fn take_turns(tx: &mut Tx, ids: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
    const TAKE: &str =
        "SELECT count(pg_advisory_xact_lock(1919906675, stripe)) FROM unnest($1::int4[]) stripe";
    let Either::Postgres(lent) = tx.lent() else { return Ok(()) };
    let stripes: BTreeSet<i32> =
        ids.into_iter().filter_map(|id| i32::try_from(id.rem_euclid(STRIPES)).ok()).collect();
    if !stripes.is_empty() {
        sqlx::query(TAKE).bind(stripes.into_iter().collect::<Vec<_>>()).execute(&mut **lent).await?;
    }
    Ok(())
}

/// Reads a user for a change, so that no other writer changes it before the commit.
pub(super) async fn lock(tx: &mut Tx, id: i64, preconditions: &Preconditions) -> Result<User, StoreError> {
    // SQLite's transaction has the whole file locked; PostgreSQL's must lock the row.
    let suffix = if matches!(tx.lent(), Either::Postgres(_)) { " FOR UPDATE" } else { "" };
    let text = format!("SELECT {COLUMNS} FROM users WHERE id = $1{suffix}");
    let row: Option<UserRow> = on!(tx, connection => sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(id)
        .fetch_optional(connection)
        .await)?;
    let user = to_user(row.ok_or(StoreError::NotFound)?)?;
    if preconditions.hold(user.version) { Ok(user) } else { Err(StoreError::PreconditionFailed) }
}

/// A row as a user.
pub(super) fn to_user(row: UserRow) -> Result<User, StoreError> {
    let (id, name, email, active, external_id, profile, version, created_at, updated_at) = row;
    let profile = if profile == "{}" {
        Map::new()
    } else {
        serde_json::from_str(&profile)
            .map_err(|error| StoreError::Internal(format!("profile of user {id}: {error}")))?
    };
    Ok(User { id, name, email, active, external_id, profile, version, created_at, updated_at })
}
