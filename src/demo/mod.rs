//! `roster demo`: a thousand people who do not exist, and what to ask about them.

mod names;
pub mod people;

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::model::actor::Actor;
use crate::store::journal::Author;
use crate::store::users::{Operation, WriteContext};

/// Whom the journal names for the sample users. `now` in microseconds since 1970-01-01 UTC.
pub fn context(now: i64) -> WriteContext {
    WriteContext { author: Author::local(now, Actor::sole("demo")), idempotency: None }
}

/// Creates of all sample users.
pub fn operations() -> Vec<Operation> {
    people::people()
        .map(|person| {
            let mut body = Map::new();
            body.insert("name".to_owned(), person.name.into());
            body.insert("email".to_owned(), person.email.into());
            body.insert("external_id".to_owned(), person.external_id.into());
            body.insert("active".to_owned(), person.active.into());
            body.insert("profile".to_owned(), Value::Object(person.profile));
            Operation::Create(body)
        })
        .collect()
}

/// What to try, as commands that work as they are printed.
pub fn welcome(public: SocketAddr, ops: SocketAddr) -> String {
    let new = json!({ "name": "Ada", "email": "ada@example.com" });
    format!(
        "Roster is running on http://{public} with sample users; Ctrl-C ends it and forgets them.\n\
         \n\
         All users             curl -s http://{public}/users\n\
         A page of five        curl -si 'http://{public}/users?limit=5&fields=active,profile.title'\n\
         One user              curl -si http://{public}/users/1\n\
         Search                curl -s 'http://{public}/users?q=ma&limit=5'\n\
         Filter                curl -s --get http://{public}/users -d limit=5 --data-urlencode 'filter=active eq false'\n\
         A new user            curl -si http://{public}/users -H 'content-type: application/json' -d '{new}'\n\
         What changed          curl -s 'http://{public}/changes?limit=3'\n\
         As a spreadsheet      curl -s http://{public}/users -H 'accept: text/csv'\n\
         The reference         http://{public}/docs\n\
         Metrics               curl -s http://{ops}/metrics\n"
    )
}
