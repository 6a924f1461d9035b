//! What a role may do that serves without owning the schema.

use sqlx::AssertSqlSafe;

use super::{Either, StoreError, Tx};

/// The least with which every command but `migrate` and `copy` works. No right to change or delete entries of the
/// journal, nor to delete tokens.
const RIGHTS: [(&str, &str); 4] = [
    ("SELECT", "schema_migrations, journal_settled, journal_horizon"),
    ("SELECT, INSERT", "journal, journal_epochs"),
    ("SELECT, INSERT, UPDATE", "tokens"),
    ("SELECT, INSERT, UPDATE, DELETE", "users, idempotency_keys"),
];

/// Gives these rights to a role of PostgreSQL, within a transaction; SQLite has no roles.
pub(super) async fn give(tx: &mut Tx, role: &str) -> Result<(), StoreError> {
    let Either::Postgres(postgres) = tx.lent() else {
        return Err(StoreError::Unavailable("SQLite has no roles that rights could be given to".to_owned()));
    };
    let role = role.replace('"', "\"\"");
    for (rights, tables) in RIGHTS {
        let grant = format!("GRANT {rights} ON {tables} TO \"{role}\"");
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut **postgres).await?;
    }
    Ok(())
}
