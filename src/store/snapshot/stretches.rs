//! All users out of SQLite, many of them in one value, for the reason that [`crate::store::packed`] gives. It is no
//! JSON: profiles are JSON themselves, and would be full of escapes.

use std::task::Poll;

use futures_util::poll;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::Stored;
use crate::store::StoreError;
use crate::store::rows::COLUMNS;

/// How many users are read at once: with the largest profiles, 4 MiB.
const STRETCH: usize = 64;

/// One user: numbers with a space behind each, the lengths of the texts (-1 of one that is missing) among them; then
/// the texts.
const PACKED: &str = "concat(id, ' ', active, ' ', version, ' ', created_at, ' ', updated_at, ' ', \
     octet_length(name), ' ', coalesce(octet_length(email), -1), ' ', \
     coalesce(octet_length(external_id), -1), ' ', octet_length(profile), ' ', \
     name, email, external_id, profile)";

/// Hands all users, by id, to `emit`, until that returns false. They are of one moment in a transaction.
pub(super) async fn each(
    connection: &mut SqliteConnection,
    emit: &mut (dyn FnMut(Stored<'_>) -> bool + Send),
) -> Result<(), StoreError> {
    let inner = format!("SELECT {COLUMNS} FROM users WHERE id > $1 ORDER BY id LIMIT {STRETCH}");
    let text = format!("SELECT coalesce(group_concat({PACKED}, ''), '') FROM ({inner})");
    let mut stretch = read(connection, &text, i64::MIN).await?;
    loop {
        let users = unpack(&stretch)?;
        let Some(last) = users.last() else { return Ok(()) };
        // SQLite promises no order within an aggregate; the next stretch begins behind the last user of this one.
        if !users.is_sorted_by(|one, other| one.id < other.id) {
            return Err(StoreError::Internal("packed users in another order than asked for".to_owned()));
        }
        let mut next = Box::pin(read(connection, &text, last.id));
        // The thread that reads goes on while this one writes.
        let begun = poll!(&mut next);
        if !users.into_iter().all(&mut *emit) {
            return Ok(());
        }
        stretch = match begun {
            Poll::Ready(read) => read?,
            Poll::Pending => next.await?,
        };
    }
}

async fn read(connection: &mut SqliteConnection, text: &str, after: i64) -> Result<String, StoreError> {
    let query = sqlx::query_scalar(AssertSqlSafe(text.to_owned())).bind(after);
    Ok(query.fetch_one(connection).await?)
}

fn unpack(stretch: &str) -> Result<Vec<Stored<'_>>, StoreError> {
    let (mut rest, mut users) = (Rest(stretch), Vec::with_capacity(STRETCH));
    while !rest.0.is_empty() {
        let user = rest.user();
        users.push(user.ok_or_else(|| StoreError::Internal("packed users that cannot be read".to_owned()))?);
    }
    Ok(users)
}

/// What is left of a stretch.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn user(&mut self) -> Option<Stored<'a>> {
        let [id, active, version, created_at, updated_at] = self.numbers()?;
        let [name, email, external_id, profile] = self.numbers()?;
        Some(Stored {
            id,
            name: self.text(name)?,
            email: if email < 0 { None } else { Some(self.text(email)?) },
            active: active != 0,
            external_id: if external_id < 0 { None } else { Some(self.text(external_id)?) },
            profile: self.text(profile)?,
            version,
            created_at,
            updated_at,
        })
    }

    fn numbers<const N: usize>(&mut self) -> Option<[i64; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            let (digits, rest) = self.0.split_once(' ')?;
            *number = digits.parse().ok()?;
            self.0 = rest;
        }
        Some(numbers)
    }

    /// The text of this length.
    fn text(&mut self, length: i64) -> Option<&'a str> {
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_taken_apart_as_they_were_packed() {
        let users = unpack("7 1 2 30 40 3 -1 0 2  é{}8 0 1 5 6 1 2 -1 4 ab {\"\"}").unwrap();
        let [one, two] = &users[..] else { panic!("{users:?}") };
        assert_eq!(
            (one.id, one.name, one.email, one.external_id, one.profile),
            (7, " é", None, Some(""), "{}")
        );
        assert_eq!((one.active, one.version, one.created_at, one.updated_at), (true, 2, 30, 40));
        assert_eq!((two.name, two.email, two.active, two.profile), ("a", Some("b "), false, "{\"\"}"));
        for broken in
            ["7", "7 1 2 30 40 9 -1 0 2 x{}", "7 1 2 30 40 1 -1 0 2 é{}", "x 1 2 30 40 1 -1 0 2 x{}"]
        {
            assert!(unpack(broken).is_err(), "{broken}");
        }
    }
}
