//! Reading everything at one moment, for as long as that takes.

mod stretches;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _};

use super::list::all;
use super::{Either, Session, Store, StoreError, on};
use crate::model::listing::Listing;

/// A user as it stands in the database, borrowed from the driver's buffer.
#[derive(Debug)]
pub struct Stored<'a> {
    /// See [`crate::model::user::User`], also for the others.
    pub id: i64,
    /// The name.
    pub name: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// False when suspended.
    pub active: bool,
    /// The id that another system gave.
    pub external_id: Option<&'a str>,
    /// JSON without spaces.
    pub profile: &'a str,
    /// The version.
    pub version: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

impl Store {
    /// Hands all users of a list, as they are at one moment, by id, to `emit`, until that returns false.
    /// It keeps a connection, and the moment's rows in use, for as long as that takes.
    pub async fn snapshot(
        &self,
        listing: &Listing,
        emit: &mut (dyn FnMut(Stored<'_>) -> bool + Send),
    ) -> Result<(), StoreError> {
        let mut session = self.session_without_limit().await?;
        // With conditions each stretch might have to look for its users from the start.
        if let Either::Sqlite(lent) = &mut session
            && listing.conditions().is_empty()
        {
            sqlx::raw_sql("BEGIN").execute(&mut **lent).await?;
            return stretches::each(lent, emit).await;
        }
        let statement = all(listing, self.engine());
        on!(&mut session, connection => {
            let query = super::list::bound!(sqlx::query(AssertSqlSafe(statement.text)), statement.args);
            let mut rows = query.fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let user = Stored {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    email: row.try_get(2)?,
                    active: row.try_get(3)?,
                    external_id: row.try_get(4)?,
                    profile: row.try_get(5)?,
                    version: row.try_get(6)?,
                    created_at: row.try_get(7)?,
                    updated_at: row.try_get(8)?,
                };
                if !emit(user) {
                    break;
                }
            }
            Ok::<_, StoreError>(())
        })
    }

    /// Lends a connection for reading as long as it takes. It is closed afterwards: its limits are gone.
    pub(super) async fn session_without_limit(&self) -> Result<Session, StoreError> {
        const NO_LIMITS: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
        let mut session = self.session().await?;
        session.set_sound(false);
        match &mut session {
            Either::Sqlite(lent) => lent.lock_handle().await?.remove_progress_handler(),
            Either::Postgres(lent) => {
                sqlx::raw_sql(NO_LIMITS).execute(&mut **lent).await?;
            }
        }
        Ok(session)
    }
}
