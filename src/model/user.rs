//! A user: the stored attributes, and how they are written as JSON.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::user_input::{Draft, READ_ONLY, apply_merge_patch, draft_for_create, draft_for_replace};

/// Most Unicode scalar values in a name.
pub const NAME_MAX: usize = 128;
/// Most Unicode scalar values in an e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX: usize = 254;
/// Most Unicode scalar values in an external id.
pub const EXTERNAL_ID_MAX: usize = 256;
/// Most bytes of the folded form of a name or of an e-mail address: PostgreSQL keeps at most about 2,700 bytes
/// in an index, and folding makes some characters 18 times as long.
pub const KEY_BYTES_MAX: usize = 2000;
/// Most bytes of a profile, written as JSON without spaces.
pub const PROFILE_BYTES_MAX: usize = 65_536;
/// Most values in a profile, counting each object, array and scalar: what bounds its size in memory.
pub const PROFILE_VALUES_MAX: usize = 2000;
/// Deepest nesting of a profile; the profile itself is level 1.
pub const PROFILE_DEPTH_MAX: usize = 16;
/// Largest magnitude of a number in a profile: what every JSON reader keeps exactly (RFC 8259 section 6).
pub const PROFILE_NUMBER_MAX: f64 = 9_007_199_254_740_991.0;

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Given by the database, never used again for another user.
    pub id: i64,
    /// The user name, as its owner writes it; unique after [`fold`](super::fold::fold).
    pub name: String,
    /// The e-mail address, unique after [`fold`](super::fold::fold) when present.
    pub email: Option<String>,
    /// False for a user who is suspended; such users stay readable and listed.
    pub active: bool,
    /// The id that another system gave to this user.
    pub external_id: Option<String>,
    /// Free attributes.
    pub profile: Map<String, Value>,
    /// Grows by one with every change.
    pub version: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// One thing that is wrong in an input, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: String,
    /// What is wrong, to follow the name of the attribute in a sentence.
    pub detail: String,
}

impl FieldError {
    /// An error at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// An attribute that `fields` can name. `Profile` carries a path into the profile; empty means all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// `id`
    Id,
    /// `name`
    Name,
    /// `email`
    Email,
    /// `active`
    Active,
    /// `external_id`
    ExternalId,
    /// `profile` or `profile.a.b`
    Profile(Vec<String>),
    /// `version`
    Version,
    /// `created_at`
    CreatedAt,
    /// `updated_at`
    UpdatedAt,
}

impl Field {
    /// The three attributes of the first version's list; every list item begins with them.
    pub const V1: [Self; 3] = [Self::Id, Self::Name, Self::Email];
    /// The names of all attributes, in the order in which they are written.
    pub const NAMES: [&str; 9] =
        ["id", "name", "email", "active", "external_id", "profile", "version", "created_at", "updated_at"];

    /// Reads a name as written in `fields`; `None` when there is no such attribute.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "id" => Self::Id,
            "name" => Self::Name,
            "email" => Self::Email,
            "active" => Self::Active,
            "external_id" => Self::ExternalId,
            "profile" => Self::Profile(Vec::new()),
            "version" => Self::Version,
            "created_at" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            _ => {
                let path: Vec<String> =
                    text.strip_prefix("profile.")?.split('.').map(str::to_owned).collect();
                if path.iter().any(String::is_empty) {
                    return None;
                }
                Self::Profile(path)
            }
        })
    }

    /// The name as written in `fields`.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Id => "id".into(),
            Self::Name => "name".into(),
            Self::Email => "email".into(),
            Self::Active => "active".into(),
            Self::ExternalId => "external_id".into(),
            Self::Profile(path) if path.is_empty() => "profile".into(),
            Self::Profile(path) => format!("profile.{}", path.join(".")).into(),
            Self::Version => "version".into(),
            Self::CreatedAt => "created_at".into(),
            Self::UpdatedAt => "updated_at".into(),
        }
    }
}

impl User {
    /// The value of one attribute as JSON; a profile path that leads nowhere is `None`.
    pub fn attribute(&self, field: &Field) -> Option<Value> {
        Some(match field {
            Field::Id => self.id.into(),
            Field::Name => self.name.clone().into(),
            Field::Email => self.email.clone().into(),
            Field::Active => self.active.into(),
            Field::ExternalId => self.external_id.clone().into(),
            Field::Profile(path) => {
                let mut place: Option<&Value> = None;
                for step in path {
                    let map = match place {
                        None => &self.profile,
                        Some(value) => value.as_object()?,
                    };
                    place = Some(map.get(step)?);
                }
                place.cloned().unwrap_or_else(|| Value::Object(self.profile.clone()))
            }
            Field::Version => self.version.into(),
            Field::CreatedAt => timestamp(self.created_at).into(),
            Field::UpdatedAt => timestamp(self.updated_at).into(),
        })
    }

    /// What [`Self::to_json`] gives, as text, without building a tree first.
    pub fn to_json_text(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Document<'a> {
            id: i64,
            name: &'a str,
            email: Option<&'a str>,
            active: bool,
            external_id: Option<&'a str>,
            profile: &'a Map<String, Value>,
            version: i64,
            created_at: String,
            updated_at: String,
        }
        let document = Document {
            id: self.id,
            name: &self.name,
            email: self.email.as_deref(),
            active: self.active,
            external_id: self.external_id.as_deref(),
            profile: &self.profile,
            version: self.version,
            created_at: timestamp(self.created_at),
            updated_at: timestamp(self.updated_at),
        };
        // Texts, numbers and maps with texts as their keys can always be written.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// All attributes, in the order of [`Field::NAMES`].
    pub fn to_json(&self) -> Value {
        Value::Object(self.attributes())
    }

    /// The members of [`User::to_json`].
    pub fn attributes(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for name in Field::NAMES {
            let value = Field::parse(name).and_then(|field| self.attribute(&field));
            map.insert(name.to_owned(), value.unwrap_or(Value::Null));
        }
        map
    }
}

/// RFC 3339 in UTC with six decimals, so that texts sort as the times do.
pub fn timestamp(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| microseconds.to_string(), |time| format!("{time:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_decimals() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(timestamp(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
    }

    #[test]
    fn the_text_is_that_of_the_tree() {
        let profile = serde_json::from_str(r#"{"z":[1,2.5,null,true],"a":{"\u0001":"é\"\\"}}"#).unwrap();
        let some = User {
            id: 7,
            name: "Ana \"the\" \u{1f600}\u{2028}".to_owned(),
            email: Some("ana@example.org".to_owned()),
            active: true,
            external_id: Some("x\\1".to_owned()),
            profile,
            version: 3,
            created_at: 1_700_000_000_123_456,
            updated_at: i64::MAX,
        };
        let none = User { email: None, external_id: None, active: false, ..some.clone() };
        for user in [some, none] {
            assert_eq!(String::from_utf8(user.to_json_text()).unwrap(), user.to_json().to_string());
        }
    }

    #[test]
    fn field_names_round_trip() {
        for name in Field::NAMES.iter().chain(&["profile.a.b"]) {
            assert_eq!(Field::parse(name).unwrap().name(), *name);
        }
        for name in ["", "nope", "profile.", "profile..a", "Name"] {
            assert_eq!(Field::parse(name), None, "{name}");
        }
    }
}
