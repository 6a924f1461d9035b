//! Tokens: what Roster itself gives to callers.

use serde_json::{Map, Value, json};

use super::fold::is_visible;
use super::json::kind;
use super::place::{ERRORS_MAX, Place};
use super::role::Role;
use super::user::{FieldError, timestamp};

/// Longest name of a token, in characters.
pub const NAME_MAX: usize = 100;
/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Never used again.
    pub id: i64,
    /// What people call it; two may have the same.
    pub name: String,
    /// What it may do; `None` for a role of another release, which this one can't grant.
    pub role: Option<Role>,
    /// Who made it, as [`super::actor::Actor::key`] gives it.
    pub created_by: String,
    /// Grows by one with every change, but for uses.
    pub version: i64,
    /// Microseconds since 1970-01-01 UTC, as all times here.
    pub created_at: i64,
    /// From when on it is worth nothing.
    pub expires_at: Option<i64>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl Token {
    /// Whether it opens anything at this time.
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// The form in the API.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "role": self.role.map(Role::name),
            "created_by": self.created_by,
            "created_at": timestamp(self.created_at),
            "expires_at": self.expires_at.map(timestamp),
            "last_used_at": self.last_used_at.map(timestamp),
            "revoked_at": self.revoked_at.map(timestamp),
        })
    }

    /// What the journal tells of it.
    pub fn recorded(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("name".to_owned(), self.name.as_str().into());
        map.insert("role".to_owned(), self.role.map(Role::name).into());
        map.insert("expires_at".to_owned(), self.expires_at.map(timestamp).into());
        map.insert("revoked_at".to_owned(), self.revoked_at.map(timestamp).into());
        map
    }
}

/// What is said of a token that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDraft {
    /// See [`Token::name`].
    pub name: String,
    /// See [`Token::role`].
    pub role: Role,
    /// See [`Token::expires_at`].
    pub expires_at: Option<i64>,
}

/// What is to be changed of a token. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenChange {
    /// See [`Token::name`].
    pub name: Option<String>,
    /// See [`Token::role`].
    pub role: Option<Role>,
}

impl TokenDraft {
    /// Reads a body; the errors name every wrong place. `now` in microseconds since 1970-01-01 UTC.
    pub fn read(body: &Map<String, Value>, now: i64) -> Result<Self, Vec<FieldError>> {
        let (mut name, mut role, mut expires_at) = (None, None, None);
        let mut errors = members(body, |member, value| match (member, value) {
            ("name", Value::String(text)) => name_of(text).map(|text| name = Some(text)),
            ("role", Value::String(text)) => role_of(text).map(|found| role = Some(found)),
            ("expires_at", Value::Null) => Ok(()),
            ("expires_at", Value::String(text)) => time(text, now).map(|time| expires_at = Some(time)),
            ("name" | "role" | "expires_at", other) => Err(not_text(other)),
            _ => Err("does not belong here; there are name, role and expires_at".to_owned()),
        });
        let missing = ["name", "role"].into_iter().filter(|member| !body.contains_key(*member));
        errors.extend(missing.map(|member| FieldError::new(format!("/{member}"), "is required")));
        match (name, role) {
            (Some(name), Some(role)) if errors.is_empty() => Ok(Self { name, role, expires_at }),
            _ => Err(errors),
        }
    }
}

impl TokenChange {
    /// Reads a body; the errors name every wrong place.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut change = Self::default();
        let errors = members(body, |member, value| match (member, value) {
            ("name", Value::String(text)) => name_of(text).map(|text| change.name = Some(text)),
            ("role", Value::String(text)) => role_of(text).map(|role| change.role = Some(role)),
            ("name" | "role", other) => Err(not_text(other)),
            _ => Err("can't be changed; there are name and role".to_owned()),
        });
        if errors.is_empty() { Ok(change) } else { Err(errors) }
    }

    /// The token as it is to be.
    pub fn apply(&self, token: &Token) -> Token {
        Token {
            name: self.name.clone().unwrap_or_else(|| token.name.clone()),
            role: self.role.or(token.role),
            ..token.clone()
        }
    }
}

fn members(
    body: &Map<String, Value>,
    mut take: impl FnMut(&str, &Value) -> Result<(), String>,
) -> Vec<FieldError> {
    let refused = body.iter().filter_map(|(member, value)| {
        take(member, value).err().map(|detail| FieldError::new(Place::ROOT.member(member).pointer(), detail))
    });
    refused.take(ERRORS_MAX).collect()
}

fn not_text(value: &Value) -> String {
    format!("must be a string, not {}", kind(value))
}

/// Checks a token's name.
pub fn name_of(text: &str) -> Result<String, String> {
    if !(1..=NAME_MAX).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(format!("must have 1 to {NAME_MAX} characters, none of them a control character"));
    }
    if !is_visible(text) {
        return Err("must have a character that can be seen".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads a role.
pub fn role_of(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("must be one of {}", Role::ALL.map(Role::name).join(", ")))
}

/// Reads a time of RFC 3339 that is still to come.
fn time(text: &str, now: i64) -> Result<i64, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "must be a time such as 2030-01-31T12:00:00Z (RFC 3339)".to_owned())?;
    let microseconds = time.as_microsecond();
    if microseconds <= now { Err("lies in the past".to_owned()) } else { Ok(microseconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_or_every_wrong_place_is_told() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let good = object(json!({ "name": "ci", "role": "reader", "expires_at": "2030-01-01T00:00:00Z" }));
        let draft = TokenDraft::read(&good, 0).unwrap();
        assert_eq!((draft.role, draft.expires_at), (Role::Reader, Some(1_893_456_000_000_000)));
        let wrong = json!({ "name": "", "role": "root", "expires_at": "1969-01-01T00:00:00Z", "hash": 1 });
        let places: Vec<String> =
            TokenDraft::read(&object(wrong), 0).unwrap_err().into_iter().map(|error| error.pointer).collect();
        assert_eq!(places, ["/name", "/role", "/expires_at", "/hash"]);
        assert_eq!(TokenDraft::read(&Map::new(), 0).unwrap_err().len(), 2);
        assert_eq!(TokenChange::read(&Map::new()), Ok(TokenChange::default()));
        assert_eq!(TokenChange::read(&good).unwrap_err()[0].pointer, "/expires_at");
    }
}
