//! Opening the database that a URL names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool};
use thiserror::Error;
use tokio::time::timeout;

use super::encryption;
use super::lender::Lender;
use super::{Either, PgPools, SqlitePools, Store, StoreError, read};
use crate::telemetry::metrics::Metrics;

/// How long the probe waits for its connection, and then for its answer.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection that rested may take to show that it lives.
pub(super) const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// A parsed `sqlite:PATH` or `postgres://…`.
#[derive(Clone, Debug)]
pub enum Target {
    /// Path of the file.
    Sqlite(PathBuf),
    /// Where and as whom to connect.
    Postgres(Box<PgConnectOptions>),
}

/// How the store is used.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Most connections at once.
    pub connections: u32,
    /// How long to wait for a connection from the pool.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// Refuse writes.
    pub read_only: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            connections: 10,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            read_only: false,
        }
    }
}

/// Why a database can't be used.
#[derive(Clone, Debug, Error)]
pub enum OpenError {
    /// Waiting may help: nobody answers, or the server is starting.
    #[error("{0}")]
    NotYet(String),
    /// Waiting does not help.
    #[error("{0}")]
    Never(String),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(detail) | StoreError::ConnectionLost(detail) => Self::NotYet(detail),
            other => Self::Never(other.to_string()),
        }
    }
}

impl Target {
    /// Reads a URL; the error never repeats it, for it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
                return Err("a SQLite URL is sqlite:PATH, where PATH is a file".to_owned());
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options =
                PgConnectOptions::from_str(url).map_err(|_| "is not a valid postgres:// URL".to_owned())?;
            let options = encryption::secured(options, url)?;
            let options = if names_itself(url) { options } else { options.application_name("roster") };
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err("a database URL begins with sqlite: or postgres://".to_owned())
    }
}

/// Whether the URL says under which name its connections are to be seen.
fn names_itself(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "application_name")
}

impl Store {
    /// Makes the pools. For SQLite the file is created when it is missing, its directory is not;
    /// for PostgreSQL nothing is connected yet.
    pub async fn open(url: &Target, options: StoreOptions, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let pools = match url {
            Target::Sqlite(path) => Either::Sqlite(open_file(path, &options).await?),
            Target::Postgres(server) => Either::Postgres(PgPools {
                main: Lender::new(pool(server, options.connections, options.acquire_timeout, &options)),
                probe: Lender::new(pool(server, 1, PROBE_TIMEOUT, &options)),
                callers: Lender::new(pool(server, 1, options.acquire_timeout, &options)),
            }),
        };
        Ok(Self { pools, options: Arc::new(options), metrics, running: Arc::new(Mutex::new(HashSet::new())) })
    }
}

fn pool(server: &PgConnectOptions, max: u32, acquire_timeout: Duration, options: &StoreOptions) -> PgPool {
    let (limit, read_only) = (options.statement_timeout.as_millis(), options.read_only);
    PgPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(Duration::from_mins(10))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                // A connection that rested may have died, with or without a word. One in steady use was just
                // heard of: the driver pings each connection whenever it is given back.
                Ok(meta.idle_for < Duration::from_secs(1)
                    || timeout(PING_TIMEOUT, connection.ping()).await.is_ok_and(|answer| answer.is_ok()))
            })
        })
        .after_connect(move |connection, _| Box::pin(prepare(connection, limit, read_only)))
        .connect_lazy_with(server.clone().disable_statement_logging())
}

/// Connects once, outside any pool, and tells whether waiting could help.
pub(super) async fn try_connect(url: &Target, patience: Duration) -> Result<(), OpenError> {
    let Target::Postgres(server) = url else { return Ok(()) };
    match timeout(patience, server.connect()).await {
        Err(_) => Err(OpenError::NotYet("the server does not answer".to_owned())),
        Ok(Err(error)) => Err(StoreError::from(error).into()),
        Ok(Ok(connection)) => {
            let _ = connection.close().await;
            Ok(())
        }
    }
}

/// Readies a fresh connection: limits (compiling a filter to machine code takes longer than running it), and the
/// journal's epoch if this server is new to the journal.
async fn prepare(
    connection: &mut PgConnection,
    statement_limit_ms: u128,
    read_only: bool,
) -> Result<(), sqlx::Error> {
    let limits = format!(
        "SET statement_timeout = {statement_limit_ms}; SET jit = off; \
         SET idle_in_transaction_session_timeout = {statement_limit_ms}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(limits)).execute(&mut *connection).await?;
    if read_only || !is_writable(connection).await? {
        return Ok(());
    }
    // Asked first: PostgreSQL wants the privilege to insert even where there is nothing to insert.
    if sqlx::query_scalar(IS_NEW_SERVER).fetch_optional(&mut *connection).await?.unwrap_or(false) {
        sqlx::query(NEW_EPOCH).execute(connection).await?;
    }
    Ok(())
}

impl Store {
    /// Whether the journal does not know the PostgreSQL server that it is on, and nobody has begun an epoch: then
    /// transaction ids of another server are taken for this one's, and what is settled may seem not to be.
    pub async fn is_on_unknown_server(&self) -> Result<bool, StoreError> {
        read!(self, "is_on_unknown_server", session => async {
            let Either::Postgres(postgres) = session.lent() else { return Ok(false) };
            let new: Option<bool> = sqlx::query_scalar(IS_NEW_SERVER).fetch_optional(&mut **postgres).await?;
            Ok(new.unwrap_or(false))
        })
    }
}

/// Whether there is a journal, and this server takes writes.
async fn is_writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT to_regclass('journal_epochs') IS NOT NULL AND NOT pg_is_in_recovery() \
         AND NOT current_setting('transaction_read_only')::boolean",
    )
    .fetch_one(connection)
    .await
}

const IS_NEW_SERVER: &str = "SELECT last.server <> control.system_identifier::text \
     FROM pg_control_system() control, \
          (SELECT server FROM journal_epochs ORDER BY epoch DESC LIMIT 1) last";

const NEW_EPOCH: &str = "INSERT INTO journal_epochs (epoch, server, started_at) \
     SELECT last.epoch + 1, control.system_identifier::text, (extract(epoch FROM now()) * 1000000)::bigint \
     FROM pg_control_system() control, \
          (SELECT epoch, server FROM journal_epochs ORDER BY epoch DESC LIMIT 1) last \
     WHERE last.server <> control.system_identifier::text \
     ON CONFLICT (epoch) DO NOTHING";

async fn open_file(path: &Path, options: &StoreOptions) -> Result<SqlitePools, OpenError> {
    let shown = path.display();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        return Err(OpenError::Never(format!(
            "{shown}: the directory {} does not exist",
            directory.display()
        )));
    }
    if path.is_dir() {
        return Err(OpenError::Never(format!("{shown}: is a directory, not a file")));
    }
    let file = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what was acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.acquire_timeout)
        .pragma("cache_size", "-8192")
        .pragma("journal_size_limit", "67108864")
        .statement_cache_capacity(64)
        .disable_statement_logging();
    let open = |max: u32, acquire_timeout: Duration| {
        SqlitePoolOptions::new()
            .max_connections(max)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(false)
    };
    let unusable = |error: sqlx::Error| OpenError::Never(format!("{shown}: {}", plain(&error)));
    let write = open(1, options.acquire_timeout).connect_with(file.clone()).await.map_err(unusable)?;
    let reader = file.pragma("query_only", "ON");
    let read = open(options.connections, options.acquire_timeout)
        .connect_with(reader.clone())
        .await
        .map_err(unusable)?;
    let callers = Lender::new(open(1, options.acquire_timeout).connect_lazy_with(reader.clone()));
    let probe = Lender::new(open(1, PROBE_TIMEOUT).connect_lazy_with(reader.busy_timeout(PROBE_TIMEOUT)));
    Ok(SqlitePools { read: Lender::new(read), write: Lender::new(write), probe, callers })
}

/// The engine's own words, without the driver's around them.
fn plain(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |inner| inner.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_the_name_that_the_url_gives_them() {
        for (url, name) in [
            ("postgres://ana@localhost/people", "roster"),
            ("postgres://ana@localhost/people?sslmode=disable", "roster"),
            ("postgres://ana@localhost/people?application_name=people%20eu&sslmode=disable", "people eu"),
        ] {
            let Ok(Target::Postgres(options)) = Target::parse(url) else { panic!("{url}") };
            assert_eq!(options.get_application_name(), Some(name), "{url}");
        }
    }
}
