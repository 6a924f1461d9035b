//! Copying an SQLite file while it is in use.

use std::path::Path;

use super::{Either, Store, StoreError};

impl Store {
    /// Writes the database, as it is at one moment, into an empty file. It is one read, beside which everybody else
    /// reads and writes. PostgreSQL has its own tools for that: there it is refused.
    pub async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        let Either::Sqlite(pools) = &self.pools else {
            return Err(StoreError::Internal("a backup of this kind is for SQLite".to_owned()));
        };
        let Some(path) = path.to_str() else {
            return Err(StoreError::Internal("the path is not valid UTF-8".to_owned()));
        };
        // Not a connection for reading, which SQLite would not let write into any file. This one takes no lock
        // of writers as long as it does not write into the database itself.
        let mut connection = pools.write.lend(self.options.statement_timeout).await?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *connection).await?;
        Ok(())
    }
}
