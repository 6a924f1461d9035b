//! What a build with the feature `next-schema` has in its statements beyond this release: the column
//! `users.noted_version`, the version of a user that such a program wrote last. Where it is not the user's version, a
//! program of this release has written since, which knows no such column.

/// Text of a statement that only the next schema has a place for.
#[cfg(feature = "next-schema")]
macro_rules! next_schema {
    ($text:literal) => {
        $text
    };
}
#[cfg(not(feature = "next-schema"))]
macro_rules! next_schema {
    ($text:literal) => {
        ""
    };
}
pub(super) use next_schema;

#[cfg(feature = "next-schema")]
impl super::Store {
    /// The schema of the program that wrote a user last, if there is that user.
    pub async fn writer_schema(&self, id: i64) -> Result<Option<i64>, super::StoreError> {
        use super::migrate::SCHEMA;
        let row: Option<(i64, i64)> = super::read!(self, "writer_schema", session => async {
            super::on!(session, connection =>
                sqlx::query_as("SELECT version, noted_version FROM users WHERE id = $1")
                    .bind(id)
                    .fetch_optional(connection)
                    .await)
            .map_err(super::StoreError::from)
        })?;
        Ok(row.map(|(version, noted)| if version == noted { SCHEMA } else { SCHEMA - 1 }))
    }
}
