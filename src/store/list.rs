//! Lists of users: one page or one stretch of a stream, keyed on a unique place, never on an offset.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _};

pub use super::filter::Arg;
use super::filter::compile;
use super::rows::{COLUMNS, UserRow, to_user};
use super::{Engine, Store, StoreError, on, read};
use crate::model::listing::{After, Key, Listing, SortBy};
use crate::model::user::{Field, User};

/// One user of a list. The three attributes of the first version are borrowed from the database's buffer.
pub struct Item<'a> {
    /// See [`User::id`].
    pub id: i64,
    /// See [`User::name`].
    pub name: &'a str,
    /// See [`User::email`].
    pub email: Option<&'a str>,
    /// All attributes, when the listing asks for more than the three.
    pub user: Option<User>,
}

/// Most bytes of profiles that are read at once; the other attributes are small.
const BYTES_MAX: usize = 1 << 20;

/// A statement and its arguments.
pub struct Statement {
    /// The SQL.
    pub text: String,
    /// What stands for `$1`, `$2`, …
    pub args: Vec<Arg>,
}

/// A query with its arguments bound, whichever type of query and engine it is for.
macro_rules! bound {
    ($query:expr, $args:expr) => {
        $args.iter().fold($query, |query, arg| match arg {
            $crate::store::list::Arg::Text(text) => query.bind(text.as_str()),
            $crate::store::list::Arg::Int(number) => query.bind(*number),
            $crate::store::list::Arg::Real(number) => query.bind(*number),
        })
    };
}
pub(super) use bound;

impl Store {
    /// Hands the first `limit` users of a list after a place to `emit`, fewer when they are large: what is
    /// read at once stays below a few MiB. Gives the place after the last of them when there are more.
    pub async fn list(
        &self,
        listing: &Listing,
        after: Option<&After>,
        limit: i64,
        emit: &mut (dyn FnMut(Item<'_>) + Send),
    ) -> Result<Option<After>, StoreError> {
        let extended = listing.needs_all_columns();
        if self.engine() == Engine::Sqlite && !extended {
            return self.list_packed(listing, after, limit, emit).await;
        }
        let statement = page(listing, after, limit.saturating_add(1), self.engine());
        let (mut emitted, mut bytes, mut next) = (0, 0, None);
        read!(self, "list", session => async {
            on!(&mut session, connection => {
                let query = bound!(sqlx::query(AssertSqlSafe(statement.text.clone())), statement.args);
                let mut rows = query.fetch(connection);
                let mut last = None;
                while let Some(row) = rows.try_next().await.map_err(|error| interrupted(error, emitted))? {
                    if last.is_some() {
                        next = last;
                        break;
                    }
                    emitted += 1;
                    let id: i64 = row.try_get(0)?;
                    let mut user = None;
                    if extended {
                        let row: UserRow = sqlx::FromRow::from_row(&row)?;
                        bytes += row.5.len();
                        user = Some(to_user(row)?);
                    }
                    if emitted == limit || bytes >= BYTES_MAX {
                        let (text, number) = (|| row.try_get("sort_key"), || row.try_get("sort_key"));
                        last = Some(After::read(listing.sort.by, id, text, number)?);
                    }
                    emit(Item { id, name: row.try_get(1)?, email: row.try_get(2)?, user });
                }
                Ok::<_, StoreError>(())
            })?;
            if next.is_some() && emitted < limit {
                session.leave_running();
            }
            Ok(())
        })?;
        Ok(next)
    }

    /// How many users a list has in all.
    pub async fn count(&self, listing: &Listing) -> Result<i64, StoreError> {
        let mut args = Vec::new();
        let conditions = conditions(listing, self.engine(), &mut args);
        let text = format!("SELECT count(*) FROM users{}", where_clause(&conditions));
        read!(self, "count", session => async {
            on!(&mut session, connection => {
                let query = bound!(sqlx::query_scalar(AssertSqlSafe(text.clone())), args);
                query.fetch_one(connection).await.map_err(StoreError::from)
            })
        })
    }
}

impl Listing {
    /// Whether more than the three attributes of the first version are read.
    fn needs_all_columns(&self) -> bool {
        self.fields.iter().any(|field| !Field::V1.contains(field))
    }
}

/// After the first row, a lost connection can't be mended by asking again.
fn interrupted(error: sqlx::Error, emitted: i64) -> StoreError {
    match StoreError::from(error) {
        StoreError::ConnectionLost(detail) if emitted > 0 => StoreError::Unavailable(detail),
        other => other,
    }
}

fn where_clause(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

fn conditions(listing: &Listing, engine: Engine, args: &mut Vec<Arg>) -> Vec<String> {
    listing.conditions().iter().map(|filter| compile(filter, engine, args)).collect()
}

/// The statement for a whole list with all attributes, by id.
pub(super) fn all(listing: &Listing, engine: Engine) -> Statement {
    let mut args = Vec::new();
    let conditions = conditions(listing, engine, &mut args);
    Statement { text: format!("SELECT {COLUMNS} FROM users{} ORDER BY id", where_clause(&conditions)), args }
}

/// The statement for one page. Public so that a test can ask each engine how it would run it.
pub fn page(listing: &Listing, after: Option<&After>, rows: i64, engine: Engine) -> Statement {
    let mut args = Vec::new();
    let mut conditions = conditions(listing, engine, &mut args);
    // Ids and names are unique by themselves; other keys need the id to make the order total.
    let (key, unique) = match listing.sort.by {
        SortBy::Id => ("id", true),
        SortBy::Name => ("name_key", true),
        SortBy::Email => ("coalesce(email_key, '')", false),
        SortBy::CreatedAt => ("created_at", false),
        SortBy::UpdatedAt => ("updated_at", false),
    };
    let (beyond, direction) = if listing.sort.descending { ("<", " DESC") } else { (">", "") };
    if let Some(after) = after {
        args.push(match &after.key {
            Key::Text(text) => Arg::Text(text.clone()),
            Key::Number(number) => Arg::Int(*number),
        });
        let place = args.len();
        if unique {
            conditions.push(format!("{key} {beyond} ${place}"));
        } else {
            args.push(Arg::Int(after.id));
            // SQLite finds the place of a row of values in an index on an expression only by its first value.
            conditions.push(format!("{key} {beyond}= ${place}"));
            conditions.push(format!("({key}, id) {beyond} (${place}, ${})", place + 1));
        }
    }
    args.push(Arg::Int(rows));
    let columns = if listing.needs_all_columns() { COLUMNS } else { "id, name, email" };
    let tie = if unique { String::new() } else { format!(", id{direction}") };
    let text = format!(
        "SELECT {columns}, {key} AS sort_key FROM users{} ORDER BY {key}{direction}{tie} LIMIT ${}",
        where_clause(&conditions),
        args.len(),
    );
    Statement { text, args }
}
