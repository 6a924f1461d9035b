//! Many users by their ids in one statement.

use std::collections::HashMap;

use super::rows::{COLUMNS, UserRow, to_user};
use super::{Either, Store, StoreError, read};
use crate::model::user::User;

impl Store {
    /// The users that exist among `ids`.
    pub async fn lookup(&self, ids: &[i64]) -> Result<HashMap<i64, User>, StoreError> {
        let rows: Vec<UserRow> = read!(self, "lookup", session => async {
            match &mut session {
                // The engines differ in how a statement takes an array.
                Either::Sqlite(lent) => {
                    sqlx::query_as(sqlx::AssertSqlSafe(format!(
                        "SELECT {COLUMNS} FROM users WHERE id IN (SELECT value FROM json_each($1))"
                    )))
                    .bind(format!("{ids:?}"))
                    .fetch_all(&mut **lent)
                    .await
                }
                Either::Postgres(lent) => {
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM users WHERE id = ANY($1)")))
                        .bind(ids)
                        .fetch_all(&mut **lent)
                        .await
                }
            }
            .map_err(StoreError::from)
        })?;
        rows.into_iter().map(|row| to_user(row).map(|user| (user.id, user))).collect()
    }
}
