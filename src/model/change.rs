//! Entries of the journal.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::actor::Actor;
use super::position::Position;
use super::user::timestamp;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A user came to be.
    Created,
    /// At least one attribute of a user changed.
    Updated,
    /// The user is gone, its id never used again.
    Deleted,
    /// A token was given.
    TokenCreated,
    /// A token has another name or role.
    TokenUpdated,
    /// A token is worth nothing any more.
    TokenRevoked,
}

/// What kinds of things change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A user.
    User,
    /// A token.
    Token,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Updated,
        Self::Deleted,
        Self::TokenCreated,
        Self::TokenUpdated,
        Self::TokenRevoked,
    ];

    /// The name in the journal and the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "user.created",
            Self::Updated => "user.updated",
            Self::Deleted => "user.deleted",
            Self::TokenCreated => "token.created",
            Self::TokenUpdated => "token.updated",
            Self::TokenRevoked => "token.revoked",
        }
    }

    /// What it is done to.
    pub fn subject(self) -> SubjectKind {
        match self {
            Self::Created | Self::Updated | Self::Deleted => SubjectKind::User,
            Self::TokenCreated | Self::TokenUpdated | Self::TokenRevoked => SubjectKind::Token,
        }
    }
}

impl SubjectKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::User, Self::Token];

    /// The name in the journal and the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which entries of the journal are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of one actor alone: its kind and id.
    pub actor: Option<(String, String)>,
    /// About one thing alone: its kind and id.
    pub subject: Option<(SubjectKind, i64)>,
    /// Nothing but what concerns users.
    pub users_alone: bool,
}

/// One entry as read from the journal.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "Wire")]
pub struct Change {
    /// Its place.
    pub position: Position,
    /// Microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who did it; `None` for readers who may not know.
    pub actor: Option<Actor>,
    /// The id of the HTTP request; `None` as for the actor, and for commands.
    pub request_id: Option<String>,
    /// The client's address; `None` as for the request id.
    pub address: Option<String>,
    /// The action's name, see [`Action::name`].
    pub action: String,
    /// What kind of thing was changed, see [`SubjectKind::name`].
    pub subject_kind: String,
    /// The id of the thing.
    pub subject_id: i64,
    /// The version that this change made; of a deletion, the last version that was.
    pub version: i64,
    /// `before` and `after` as JSON: of an update only the attributes that differ.
    pub change: Box<RawValue>,
}

impl Change {
    /// For readers who may know what changed, but not who did it from where.
    #[must_use]
    pub fn anonymous(self) -> Self {
        Self { actor: None, request_id: None, address: None, ..self }
    }
}

/// The form in the feed.
#[derive(Serialize)]
struct Wire {
    position: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
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
            request_id: entry.request_id,
            address: entry.address,
            action: entry.action,
            subject: Subject { kind: entry.subject_kind, id: entry.subject_id },
            version: entry.version,
            change: entry.change,
        }
    }
}

/// The `change` member for a step from one state, as its attributes, to another; `None` stands for "does not exist".
pub fn difference(before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) -> Value {
    let part = |own: &Map<String, Value>, other: Option<&Map<String, Value>>| {
        let differs = |name: &str, value: &Value| other.is_none_or(|other| other.get(name) != Some(value));
        let kept = own.iter().filter(|(name, value)| differs(name, value));
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let mut change = Map::new();
    if let Some(before) = before {
        change.insert("before".to_owned(), part(before, after));
    }
    if let Some(after) = after {
        change.insert("after".to_owned(), part(after, before));
    }
    Value::Object(change)
}
