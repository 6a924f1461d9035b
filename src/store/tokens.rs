//! Tokens: giving, changing and revoking them, each with its entry in the journal.

mod read;

use std::time::Instant;

use sqlx::AssertSqlSafe;
use tracing::Instrument as _;

use read::{ANY, COLUMNS, Row, to_token};

use super::journal::{Author, Entry, append_entry};
use super::rows::take_turns;
use super::{Either, Store, StoreError, Tx, on};
use crate::model::change::Action;
use crate::model::role::Role;
use crate::model::secret::Digest;
use crate::model::token::{Token, TokenChange, TokenDraft};

const INSERT: &str = "INSERT INTO tokens (name, hash, role, created_by, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
const UPDATE: &str =
    "UPDATE tokens SET name = $2, role = coalesce($3, role), revoked_at = $4, version = $5 WHERE id = $1";
const NOTE_USE: &str = "UPDATE tokens SET last_used_at = $2 \
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

// Any number that no other program is likely to lock in the same database.
const FIRST_TOKEN: i64 = 0x726f_7374_6573;

impl Store {
    /// Gives a token whose secret has this digest.
    pub async fn create_token(
        &self,
        author: &Author,
        draft: &TokenDraft,
        digest: Digest,
    ) -> Result<Token, StoreError> {
        let (store, author, draft) = (self.clone(), author.clone(), draft.clone());
        self.change_tokens(async move {
            let mut tx = store.begin().await?;
            let done = tx.within_limit(async |tx| insert(tx, &author, &draft, digest).await).await;
            end(tx, done).await
        })
        .await
    }

    /// Gives the first token of a database in which no token ever was; `None` in any other. Of several programs that
    /// try at once, one succeeds.
    pub async fn create_first_token(
        &self,
        author: &Author,
        draft: &TokenDraft,
        digest: Digest,
    ) -> Result<Option<Token>, StoreError> {
        if self.has_tokens().await? {
            return Ok(None);
        }
        let (store, author, draft) = (self.clone(), author.clone(), draft.clone());
        self.change_tokens(async move {
            let mut tx = store.begin().await?;
            let done = tx.within_limit(async |tx| insert_first(tx, &author, &draft, digest).await).await;
            end(tx, done).await
        })
        .await
    }

    /// Changes the name or the role of a token that is not revoked.
    pub async fn update_token(
        &self,
        author: &Author,
        id: i64,
        change: &TokenChange,
    ) -> Result<Token, StoreError> {
        let (store, author, change) = (self.clone(), author.clone(), change.clone());
        self.change_tokens(async move {
            let mut tx = store.begin().await?;
            let done = tx.within_limit(async |tx| modify(tx, &author, id, &change).await).await;
            end(tx, done).await
        })
        .await
    }

    /// Ends a token that is not revoked.
    pub async fn revoke_token(&self, author: &Author, id: i64) -> Result<Token, StoreError> {
        let (store, author) = (self.clone(), author.clone());
        self.change_tokens(async move {
            let mut tx = store.begin().await?;
            let done = tx.within_limit(async |tx| revoke(tx, &author, id).await).await;
            end(tx, done).await
        })
        .await
    }

    /// Writes down when tokens were last used: their ids and times, in microseconds since 1970-01-01 UTC. This alone
    /// has no entry in the journal: it is no change that anybody made.
    pub async fn note_token_uses(&self, mut used: Vec<(i64, i64)>) -> Result<(), StoreError> {
        // One order, so that two processes never wait for each other in a circle.
        used.sort_unstable();
        let store = self.clone();
        self.change_tokens(async move {
            let mut tx = store.begin().await?;
            let done = tx.within_limit(async |tx| note_uses(tx, &used).await).await;
            end(tx, done).await
        })
        .await
    }

    /// The work goes on when the caller goes away, as every write does.
    async fn change_tokens<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_read_only() {
            return Err(StoreError::ReadOnly("this server takes no writes now".to_owned()));
        }
        let started = Instant::now();
        let outcome = tokio::spawn(work.in_current_span())
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the write ended unexpectedly".to_owned())));
        self.observe("change_tokens", started, outcome.as_ref().err());
        outcome
    }
}

async fn end<T>(tx: Tx, done: Result<T, StoreError>) -> Result<T, StoreError> {
    match done {
        Ok(done) => tx.commit().await.map(|()| done),
        Err(error) => {
            tx.rollback().await;
            Err(error)
        }
    }
}

async fn insert_first(
    tx: &mut Tx,
    author: &Author,
    draft: &TokenDraft,
    digest: Digest,
) -> Result<Option<Token>, StoreError> {
    if let Either::Postgres(lent) = tx.lent() {
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(FIRST_TOKEN);
        lock.execute(&mut **lent).await?;
    }
    let any: bool = on!(tx, connection => sqlx::query_scalar(ANY).fetch_one(connection).await)?;
    if any { Ok(None) } else { insert(tx, author, draft, digest).await.map(Some) }
}

async fn insert(
    tx: &mut Tx,
    author: &Author,
    draft: &TokenDraft,
    digest: Digest,
) -> Result<Token, StoreError> {
    let created_by = author.actor.key();
    let id: i64 = on!(tx, connection => sqlx::query_scalar(INSERT)
        .bind(draft.name.as_str())
        .bind(digest.hex())
        .bind(draft.role.name())
        .bind(created_by.as_str())
        .bind(author.now)
        .bind(draft.expires_at)
        .fetch_one(connection)
        .await)?;
    let token = Token {
        id,
        name: draft.name.clone(),
        role: Some(draft.role),
        created_by,
        version: 1,
        created_at: author.now,
        expires_at: draft.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    append_entry(tx, author, &Entry::of_token(Action::TokenCreated, None, &token)).await?;
    Ok(token)
}

async fn modify(tx: &mut Tx, author: &Author, id: i64, change: &TokenChange) -> Result<Token, StoreError> {
    let before = lock(tx, id).await?;
    let after = change.apply(&before);
    if after == before {
        return Ok(before);
    }
    update(tx, author, Action::TokenUpdated, &before, after).await
}

async fn revoke(tx: &mut Tx, author: &Author, id: i64) -> Result<Token, StoreError> {
    let before = lock(tx, id).await?;
    let after = Token { revoked_at: Some(author.now), ..before.clone() };
    update(tx, author, Action::TokenRevoked, &before, after).await
}

async fn note_uses(tx: &mut Tx, used: &[(i64, i64)]) -> Result<(), StoreError> {
    for (id, time) in used {
        on!(tx, connection => sqlx::query(NOTE_USE)
            .bind(*id)
            .bind(*time)
            .execute(connection)
            .await
            .map(drop))?;
    }
    Ok(())
}

async fn lock(tx: &mut Tx, id: i64) -> Result<Token, StoreError> {
    take_turns(tx, [id]).await?;
    let suffix = if matches!(tx.lent(), Either::Postgres(_)) { " FOR UPDATE" } else { "" };
    let text = format!("SELECT {COLUMNS} FROM tokens WHERE id = $1{suffix}");
    let row: Option<Row> = on!(tx, connection => sqlx::query_as(AssertSqlSafe(text))
        .bind(id)
        .fetch_optional(connection)
        .await)?;
    let token = row.map(|row| to_token(row).1).filter(|token| token.revoked_at.is_none());
    token.ok_or(StoreError::NotFound)
}

async fn update(
    tx: &mut Tx,
    author: &Author,
    action: Action,
    before: &Token,
    mut after: Token,
) -> Result<Token, StoreError> {
    after.version = before.version + 1;
    on!(tx, connection => sqlx::query(UPDATE)
        .bind(after.id)
        .bind(after.name.as_str())
        .bind(after.role.map(Role::name))
        .bind(after.revoked_at)
        .bind(after.version)
        .execute(connection)
        .await
        .map(drop))?;
    append_entry(tx, author, &Entry::of_token(action, Some(before), &after)).await?;
    Ok(after)
}
