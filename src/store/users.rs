//! Writing users. One function, one transaction: the rows and the journal together, or nothing.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use tracing::Instrument as _;

use super::idempotency::{self, IdempotencyKey};
use super::journal::Author;
use super::rows::{create, delete, lock, take_turns, update};
use super::{Store, StoreError, Tx};
use crate::model::change::Action;
use crate::model::etag::{Condition, of_version};
use crate::model::user::{Draft, FieldError, User, apply_merge_patch, draft_for_create, draft_for_replace};

/// What a request demands of the user's version (RFC 9110 sections 13.1.1 and 13.1.2).
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    /// `If-Match`
    pub if_match: Option<Condition>,
    /// `If-None-Match`
    pub if_none_match: Option<Condition>,
}

impl Preconditions {
    /// Whether they hold for a user that exists with this version.
    pub fn hold(&self, version: i64) -> bool {
        let tag = of_version(version);
        self.if_match.as_ref().is_none_or(|condition| condition.matches_strongly(&tag))
            && self.if_none_match.as_ref().is_none_or(|condition| !condition.matches_weakly(&tag))
    }
}

/// One change that is asked for. Bodies are JSON objects as they came.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A new user.
    Create(Map<String, Value>),
    /// All writable attributes.
    Replace(i64, Map<String, Value>, Preconditions),
    /// A JSON merge patch (RFC 7396).
    Patch(i64, Map<String, Value>, Preconditions),
    /// The end of a user.
    Delete(i64, Preconditions),
}

impl Operation {
    /// The id of the user that it changes; a new user has none yet.
    pub fn target(&self) -> Option<i64> {
        match self {
            Self::Create(_) => None,
            Self::Replace(id, ..) | Self::Patch(id, ..) | Self::Delete(id, _) => Some(*id),
        }
    }
}

/// What became of one operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    /// Whether it was a create.
    pub created: bool,
    /// The user as it is now; `None` after a delete.
    pub user: Option<User>,
}

/// Everything about a write beside the operations themselves.
#[derive(Clone, Debug)]
pub struct WriteContext {
    /// Who writes, and when.
    pub author: Author,
    /// The key under which the answer is kept.
    pub idempotency: Option<IdempotencyKey>,
}

/// An error and the operation, counted from 0, that it belongs to.
#[derive(Clone, Debug)]
pub struct WriteError {
    /// Which operation.
    pub operation: usize,
    /// What is wrong.
    pub error: StoreError,
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self { operation: 0, error }
    }
}

impl Store {
    /// Does all operations in their order, or none of them.
    ///
    /// The work goes on when the caller goes away: a write that was begun ends in a commit or an error,
    /// never in a connection whose state nobody knows.
    pub async fn write(
        &self,
        context: WriteContext,
        operations: Vec<Operation>,
    ) -> Result<Vec<Written>, WriteError> {
        const ATTEMPTS: u32 = 5;
        const PAUSE: Duration = Duration::from_millis(20);
        if self.is_read_only() {
            return Err(StoreError::ReadOnly("this server takes no writes now".to_owned()).into());
        }
        check_creates(&operations)?;
        let store = self.clone();
        let work = async move {
            let started = Instant::now();
            let mut attempt = 0;
            let outcome = loop {
                attempt += 1;
                match store.write_once(&context, &operations).await {
                    Err(WriteError { error: StoreError::Serialization(_), .. }) if attempt < ATTEMPTS => {
                        // Time for the other one to end: at once, the two would meet again.
                        tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
                    }
                    outcome => break outcome,
                }
            };
            store.observe("write", started, outcome.as_ref().err().map(|failed| &failed.error));
            outcome
        };
        tokio::spawn(work.in_current_span()).await.unwrap_or_else(|_| {
            Err(StoreError::OutcomeUnknown("the write ended unexpectedly".to_owned()).into())
        })
    }

    async fn write_once(
        &self,
        context: &WriteContext,
        operations: &[Operation],
    ) -> Result<Vec<Written>, WriteError> {
        let _running = context.idempotency.as_ref().map(|key| self.enter(key)).transpose()?;
        let mut tx = self.begin().await?;
        match tx.within_limit(async |tx| perform(tx, context, operations).await).await {
            Ok(Performed::Now(done)) => {
                tx.commit().await?;
                for action in done.iter().filter_map(|(action, _)| *action) {
                    self.metrics.write(action.name());
                }
                Ok(done.into_iter().map(|(_, written)| written).collect())
            }
            // Dropped, the transaction would end a little after the answer, and until then hold its locks:
            // the next request with the same idempotency key would be told that this one still runs.
            Ok(Performed::Before(results)) => {
                tx.rollback().await;
                Ok(results)
            }
            Err(failed) => {
                tx.rollback().await;
                Err(failed)
            }
        }
    }
}

/// Most bytes of profiles in the results of one batch: the answer is held in memory, and kept under the key.
const RESULTS_BYTES_MAX: usize = 8 << 20;

/// What a transaction came to before its end.
enum Performed {
    /// All is done and waits for the commit.
    Now(Vec<(Option<Action>, Written)>),
    /// All was done by an earlier request with the same idempotency key.
    Before(Vec<Written>),
}

async fn perform(
    tx: &mut Tx,
    context: &WriteContext,
    operations: &[Operation],
) -> Result<Performed, WriteError> {
    if let Some(key) = &context.idempotency
        && let Some(results) = idempotency::recall(tx, key, context.author.now).await?
    {
        return Ok(Performed::Before(results));
    }
    take_turns(tx, operations.iter().filter_map(Operation::target)).await?;
    let mut done = Vec::with_capacity(operations.len());
    let mut bytes = 0;
    for (index, operation) in operations.iter().enumerate() {
        let failed = |error| WriteError { operation: index, error };
        let applied = apply(tx, &context.author, operation).await.map_err(failed)?;
        bytes += applied.1.user.as_ref().map_or(0, |user| Draft::from(user).profile_text().len());
        if bytes > RESULTS_BYTES_MAX && operations.len() > 1 {
            let detail =
                format!("the users of one batch may have {RESULTS_BYTES_MAX} bytes of profiles in all");
            return Err(failed(StoreError::Invalid(vec![FieldError::new("", detail)])));
        }
        done.push(applied);
    }
    if let Some(key) = &context.idempotency {
        let results: Vec<&Written> = done.iter().map(|(_, written)| written).collect();
        idempotency::remember(tx, key, &results, context.author.now).await?;
    }
    Ok(Performed::Now(done))
}

/// Creates need no look at the database to be refused.
fn check_creates(operations: &[Operation]) -> Result<(), WriteError> {
    for (index, operation) in operations.iter().enumerate() {
        if let Operation::Create(body) = operation {
            draft_for_create(body)
                .map_err(|errors| WriteError { operation: index, error: StoreError::Invalid(errors) })?;
        }
    }
    Ok(())
}

async fn apply(
    tx: &mut Tx,
    author: &Author,
    operation: &Operation,
) -> Result<(Option<Action>, Written), StoreError> {
    type Change = fn(&Map<String, Value>, &User) -> Result<Draft, Vec<FieldError>>;
    let (id, body, preconditions, change): (_, _, _, Change) = match operation {
        Operation::Create(body) => {
            let user = create(tx, author, body).await?;
            return Ok((Some(Action::Created), Written { created: true, user: Some(user) }));
        }
        Operation::Delete(id, preconditions) => {
            delete(tx, author, *id, preconditions).await?;
            return Ok((Some(Action::Deleted), Written { created: false, user: None }));
        }
        Operation::Replace(id, body, preconditions) => (*id, body, preconditions, draft_for_replace),
        Operation::Patch(id, body, preconditions) => (*id, body, preconditions, apply_merge_patch),
    };
    let before = lock(tx, id, preconditions).await?;
    let draft = change(body, &before).map_err(StoreError::Invalid)?;
    if draft == Draft::from(&before) {
        return Ok((None, Written { created: false, user: Some(before) }));
    }
    let after = update(tx, author, &before, draft).await?;
    Ok((Some(Action::Updated), Written { created: false, user: Some(after) }))
}
