//! Entries of the journal.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::position::Position;
use super::user::{Field, User, timestamp};

/// What was done to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A user came to be.
    Created,
    /// At least one attribute changed.
    Updated,
    /// The user is gone, its id never used again.
    Deleted,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// The name in the journal and the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "user.created",
            Self::Updated => "user.updated",
            Self::Deleted => "user.deleted",
        }
    }
}

/// One entry as read from the journal.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "Wire")]
pub struct Change {
    /// Its place.
    pub position: Position,
    /// Microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// The action's name, see [`Action::name`].
    pub action: String,
    /// What kind of thing was changed: `user`.
    pub subject_kind: String,
    /// The id of the thing.
    pub subject_id: i64,
    /// The version that this change made; of a deletion, the last version that was.
    pub version: i64,
    /// `before` and `after` as JSON: of an update only the attributes that differ.
    pub change: Box<RawValue>,
}

/// The form in the feed.
#[derive(Serialize)]
struct Wire {
    position: String,
    at: String,
    actor: String,
    action: String,
    subject: Subject,
    version: i64,
    change: Box<RawValue>,
}

#[derive(Serialize)]
struct Subject {
    kind: String,
    id: i64,
}

impl From<Change> for Wire {
    fn from(entry: Change) -> Self {
        Self {
            position: entry.position.encode(),
            at: timestamp(entry.at),
            actor: entry.actor,
            action: entry.action,
            subject: Subject { kind: entry.subject_kind, id: entry.subject_id },
            version: entry.version,
            change: entry.change,
        }
    }
}

/// The `change` member for a step from one state to another; `None` stands for "does not exist".
pub fn difference(before: Option<&User>, after: Option<&User>) -> Value {
    let part = |user: Option<&User>, other: Option<&User>| {
        let mut map = Map::new();
        for field in Field::NAMES.iter().filter_map(|name| Field::parse(name)) {
            let value = user.and_then(|user| user.attribute(&field));
            if let Some(value) = value.filter(|_| {
                other.is_none_or(|o| o.attribute(&field) != user.and_then(|u| u.attribute(&field)))
            }) {
                map.insert(field.name().into_owned(), value);
            }
        }
        Value::Object(map)
    };
    let mut change = Map::new();
    if before.is_some() {
        change.insert("before".to_owned(), part(before, after));
    }
    if after.is_some() {
        change.insert("after".to_owned(), part(after, before));
    }
    Value::Object(change)
}
