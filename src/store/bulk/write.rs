//! The writing of a batch. The engines differ in how a statement takes many values: PostgreSQL takes arrays,
//! SQLite lists of rows.

use std::collections::HashMap;

use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::query_builder::Separated;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Sqlite};

use super::plan::{Person, Plan, Step};
use crate::model::import::Outcome;
use crate::model::user::Draft;
use crate::store::journal::{Author, Entry, append_all};
use crate::store::next_schema::next_schema;
use crate::store::{Either, StoreError, Tx, on};

/// Rows of one statement on SQLite, which takes at most 32,766 values in all.
const ROWS: usize = 200;

/// Writes a plan: the users as they are in the end, and an entry of the journal for each step.
pub(super) async fn apply(tx: &mut Tx, author: &Author, plan: &mut Plan) -> Result<(), StoreError> {
    if plan.steps.is_empty() {
        return Ok(());
    }
    set_apart(tx, &plan.entangled()).await?;
    store(tx, &plan.changed().collect::<Vec<_>>(), UPDATE).await?;
    let ids = store(tx, &plan.created().collect::<Vec<_>>(), INSERT).await?;
    plan.name_the_created(&ids);
    let entries: Vec<Entry> = plan.steps.iter().map(Step::entry).collect();
    append_all(tx, author, &entries).await?;
    for (step, entry) in plan.steps.iter().zip(entries) {
        match plan.outcomes.get_mut(step.row) {
            Some(Outcome::Created { id }) => *id = entry.subject,
            Some(Outcome::Updated { id, change }) => (*id, *change) = (entry.subject, entry.change),
            _ => {}
        }
    }
    Ok(())
}

const SET_APART: &str = "UPDATE users SET name_key = $2, email_key = NULL WHERE id = $1";

/// Gives users keys that nobody else can have, until their own are written: names have no control characters.
async fn set_apart(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    for id in ids {
        on!(tx, connection => sqlx::query(SET_APART)
            .bind(*id)
            .bind(format!("\u{1}{id}"))
            .execute(connection)
            .await
            .map(drop))?;
    }
    Ok(())
}

const NEW_VALUES: &str = "WITH n (id, name, name_key, email, email_key, active, external_id, profile, version, \
     created_at, updated_at) AS (";
const ARRAYS: &str = "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], \
     $6::boolean[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])";
const UPDATE: &str = concat!(
    ") UPDATE users SET name = n.name, name_key = n.name_key, email = n.email, email_key = n.email_key, \
     active = n.active, external_id = n.external_id, profile = n.profile, version = n.version, \
     updated_at = n.updated_at",
    next_schema!(", noted_version = n.version"),
    " FROM n WHERE users.id = n.id RETURNING users.name_key, users.id"
);
const INSERT: &str = concat!(
    ") INSERT INTO users (name, name_key, email, email_key, active, external_id, profile, version, created_at, \
     updated_at",
    next_schema!(", noted_version"),
    ") SELECT name, name_key, email, email_key, active, external_id, profile, version, created_at, updated_at",
    next_schema!(", version"),
    " FROM n WHERE TRUE RETURNING name_key, id"
);

/// Writes users as they are in the end; gives the id of each by its folded name.
async fn store(
    tx: &mut Tx,
    people: &[&Person],
    statement: &'static str,
) -> Result<HashMap<String, i64>, StoreError> {
    let mut ids: Vec<(String, i64)> = Vec::with_capacity(people.len());
    match tx.lent() {
        Either::Postgres(lent) if !people.is_empty() => {
            ids = arrays(people, statement).fetch_all(&mut **lent).await?;
        }
        Either::Postgres(_) => {}
        Either::Sqlite(lent) => {
            for people in people.chunks(ROWS) {
                ids.extend(lists(people, statement).build_query_as().fetch_all(&mut **lent).await?);
            }
        }
    }
    Ok(ids.into_iter().collect())
}

/// The new values as a list of rows before a statement.
fn lists(people: &[&Person], statement: &str) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(NEW_VALUES);
    query.push_values(people, |row, person| push(row, person));
    query.push(statement);
    query
}

fn push(mut row: Separated<'_, Sqlite, &str>, person: &Person) {
    let now = &person.now;
    row.push_bind(now.id)
        .push_bind(now.name.clone())
        .push_bind(person.name_key.clone())
        .push_bind(now.email.clone())
        .push_bind(person.email_key.clone())
        .push_bind(now.active)
        .push_bind(now.external_id.clone())
        .push_bind(Draft::from(now).profile_text())
        .push_bind(now.version)
        .push_bind(now.created_at)
        .push_bind(now.updated_at);
}

/// The new values as one array for each column.
fn arrays(people: &[&Person], statement: &str) -> QueryAs<'static, Postgres, (String, i64), PgArguments> {
    fn each<T>(people: &[&Person], column: impl Fn(&Person) -> T) -> Vec<T> {
        people.iter().map(|person| column(person)).collect()
    }
    sqlx::query_as(AssertSqlSafe(format!("{NEW_VALUES}{ARRAYS}{statement}")))
        .bind(each(people, |person| person.now.id))
        .bind(each(people, |person| person.now.name.clone()))
        .bind(each(people, |person| person.name_key.clone()))
        .bind(each(people, |person| person.now.email.clone()))
        .bind(each(people, |person| person.email_key.clone()))
        .bind(each(people, |person| person.now.active))
        .bind(each(people, |person| person.now.external_id.clone()))
        .bind(each(people, |person| Draft::from(&person.now).profile_text()))
        .bind(each(people, |person| person.now.version))
        .bind(each(people, |person| person.now.created_at))
        .bind(each(people, |person| person.now.updated_at))
}
