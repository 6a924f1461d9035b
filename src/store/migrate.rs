//! Bringing the schema up to date: each step once, whoever asks first, in one transaction.
//!
//! The schema of a release serves the code of that release and of the one before, so an unknown newer
//! step is no obstacle to starting: it is what a rollback finds.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::error::DatabaseError;
use thiserror::Error;

use super::connect::{PROBE_TIMEOUT, try_connect};
use super::{Either, Engine, OpenError, Session, Store, StoreError, Target, Tx, on, rights};
use crate::model::hex::hex;

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Counts from 1.
    pub version: i64,
    /// The name of its file.
    pub name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal $directory:literal $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/", $directory, "sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/", $directory, "postgres/", $name, ".sql")),
        }
    };
}

/// All steps, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1 "" "0001_directory"),
    migration!(2 "" "0002_callers"),
    #[cfg(feature = "next-schema")]
    migration!(3 "next/" "0003_noted_version"),
];

/// The number of the last step: the schema that this program is made for.
pub const SCHEMA: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Why the schema can't be brought up to date.
#[derive(Clone, Debug, Error)]
pub enum MigrateError {
    /// A step that was applied is not the one that this program knows.
    #[error("migration {0} was changed after it was applied; this program does not fit this database")]
    Changed(String),
    /// The database does not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Why the steps were not applied.
enum Halt {
    /// Somebody else keeps a lock that one of them needs.
    Locked,
    Failed(MigrateError),
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        // lock_not_available
        if error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "55P03") {
            return Self::Locked;
        }
        Self::Failed(error.into())
    }
}

/// How the schema compares with what this program needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// Names of the steps that are still to be applied.
    pub pending: Vec<&'static str>,
    /// How many steps of a later release are there.
    pub newer: usize,
}

// Any number that no other program is likely to lock in the same database.
const LOCK: i64 = 0x726f_7374_6572;

/// A schema change may take longer than a request may, but it must not wait long for its locks: whoever wants one of
/// those tables afterwards, if only to write a row, waits behind it.
const PATIENCE: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '2s'";

/// Time between two attempts, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

const CREATE_LIST: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
     (version bigint NOT NULL PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)";

impl Migration {
    fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    fn checksum(&self, engine: Engine) -> String {
        hex(&Sha256::digest(self.text(engine)))
    }
}

impl Store {
    /// Waits until the database answers, at most `patience` (`None`: for ever). What waiting can't mend is
    /// returned at once.
    pub async fn wait_for(url: &Target, patience: Option<Duration>) -> Result<(), OpenError> {
        Self::wait_for_telling(url, patience, |_| {}).await
    }

    /// The same; tells why each attempt failed after which it goes on waiting.
    pub async fn wait_for_telling(
        url: &Target,
        patience: Option<Duration>,
        mut tell: impl FnMut(&str),
    ) -> Result<(), OpenError> {
        let mut last = "the server does not answer".to_owned();
        let waiting = async {
            let mut pause = Duration::from_millis(50);
            loop {
                match try_connect(url, Duration::from_secs(5)).await {
                    Err(OpenError::NotYet(detail)) => {
                        tracing::info!(detail, "waiting for the database");
                        tell(&detail);
                        last = detail;
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_secs(1));
                    }
                    outcome => return outcome,
                }
            }
        };
        let Some(patience) = patience else { return waiting.await };
        let outcome = tokio::time::timeout(patience, waiting).await;
        outcome.unwrap_or_else(|_| {
            let seconds = patience.as_secs_f64();
            Err(OpenError::NotYet(format!("the database could not be used within {seconds} s: {last}")))
        })
    }

    /// Compares the schema with what this program needs, changing nothing.
    pub async fn schema_state(&self) -> Result<SchemaState, MigrateError> {
        let mut session = self.session().await?;
        compare(&applied(&mut session).await?, self.engine())
    }

    /// The same on the probe's own connection, within about two seconds.
    pub async fn probe(&self) -> Result<SchemaState, MigrateError> {
        match self.probe_once().await {
            // The connection was dead, which does not mean that the server is.
            Err(MigrateError::Store(StoreError::ConnectionLost(_))) => self.probe_once().await,
            outcome => outcome,
        }
    }

    async fn probe_once(&self) -> Result<SchemaState, MigrateError> {
        let mut session = self.probe_session().await?;
        let Ok(applied) = tokio::time::timeout(PROBE_TIMEOUT, applied(&mut session)).await else {
            session.abandon();
            return Err(StoreError::Unavailable("the database does not answer".to_owned()).into());
        };
        compare(&applied?, self.engine())
    }

    /// Applies what is missing; gives the names of what was applied. `now` in microseconds since 1970-01-01 UTC.
    /// Several programs may call this at the same time: one works, the others wait.
    pub async fn migrate(&self, now: i64) -> Result<Vec<&'static str>, MigrateError> {
        self.migrate_for(now, None).await
    }

    /// The same, and in the same transaction gives a role of PostgreSQL the rights that `serve` takes.
    pub async fn migrate_for(&self, now: i64, role: Option<&str>) -> Result<Vec<&'static str>, MigrateError> {
        if role.is_none() && self.schema_state().await?.pending.is_empty() {
            return Ok(Vec::new());
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let mut tx = self.begin_alone().await?;
            match self.apply(&mut tx, now, role).await {
                Ok(applied) => {
                    tx.commit().await?;
                    return Ok(applied);
                }
                Err(Halt::Locked) => {
                    tx.rollback().await;
                    tracing::info!("waiting for a transaction that keeps a table which a migration changes");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    async fn apply(&self, tx: &mut Tx, now: i64, role: Option<&str>) -> Result<Vec<&'static str>, Halt> {
        on!(tx, connection => sqlx::query(CREATE_LIST).execute(connection).await.map(drop))?;
        let applied: Applied = on!(tx, connection => sqlx::query_as(APPLIED).fetch_all(connection).await)?;
        let state = compare(&applied, self.engine()).map_err(Halt::Failed)?;
        for step in MIGRATIONS.iter().filter(|step| state.pending.contains(&step.name)) {
            let text = step.text(self.engine());
            on!(tx, connection => sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop))?;
            on!(tx, connection => sqlx::query(
                    "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)")
                .bind(step.version)
                .bind(step.name)
                .bind(step.checksum(self.engine()))
                .bind(now)
                .execute(connection)
                .await
                .map(drop))?;
        }
        if let Some(role) = role {
            rights::give(tx, role).await.map_err(|error| Halt::Failed(error.into()))?;
        }
        Ok(state.pending)
    }

    /// Begins a transaction that no other migrating program has beside it. PostgreSQL's lock is tried again
    /// and again instead of waited for: a waiting statement would hold up CREATE INDEX CONCURRENTLY elsewhere.
    async fn begin_alone(&self) -> Result<Tx, StoreError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut tx = self.begin().await?;
            let Either::Postgres(postgres) = tx.lent() else { return Ok(tx.unlimited()) };
            let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
                .bind(LOCK)
                .fetch_one(&mut **postgres)
                .await?;
            if free {
                sqlx::raw_sql(PATIENCE).execute(&mut **postgres).await?;
                return Ok(tx.unlimited());
            }
            tx.rollback().await;
            tracing::info!("waiting for another process to migrate");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

type Applied = Vec<(i64, String, String)>;

const APPLIED: &str = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";

async fn applied(session: &mut Session) -> Result<Applied, StoreError> {
    let listed: Result<Applied, sqlx::Error> =
        on!(session, connection => sqlx::query_as(APPLIED).fetch_all(connection).await);
    match listed.map_err(StoreError::from) {
        // There is no list before the first step.
        Err(StoreError::Unavailable(detail)) if detail.contains("schema_migrations") => Ok(Vec::new()),
        listed => listed,
    }
}

fn compare(applied: &[(i64, String, String)], engine: Engine) -> Result<SchemaState, MigrateError> {
    let mut state = SchemaState::default();
    for step in MIGRATIONS {
        match applied.iter().find(|(version, ..)| *version == step.version) {
            None => state.pending.push(step.name),
            Some((_, name, checksum)) if *name != step.name || *checksum != step.checksum(engine) => {
                return Err(MigrateError::Changed(step.name.to_owned()));
            }
            Some(_) => {}
        }
    }
    state.newer =
        applied.iter().filter(|(version, ..)| MIGRATIONS.iter().all(|step| step.version != *version)).count();
    Ok(state)
}
