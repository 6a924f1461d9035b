//! What a row of an import asks for, and what that makes of the user who is there, or of nobody.

use serde_json::{Map, Value};

use super::fold::fold;
use super::json;
use super::place::Place;
use super::user::{Draft, FieldError, READ_ONLY, User, draft_for_create};

/// The attribute by which a row finds its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyBy {
    /// The user name, folded.
    #[default]
    Name,
    /// The e-mail address, folded.
    Email,
    /// The id that another system gave, exactly. Several users may have it: such a row is refused.
    ExternalId,
    /// The id of this directory. A row whose id nobody has is refused: ids are never chosen by a file.
    Id,
}

impl KeyBy {
    /// All keys.
    pub const ALL: [Self; 4] = [Self::Name, Self::Email, Self::ExternalId, Self::Id];

    /// The name of the attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::ExternalId => "external_id",
            Self::Id => "id",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == text)
    }
}

/// The value of a key, in the form in which it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// A folded name or e-mail address, or an external id as it is.
    Text(String),
    /// An id.
    Number(i64),
}

/// One row: only the attributes that it has are changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportRow {
    /// Attributes as in a body of the API. Those that the service sets are left aside, `id` unless it is the key.
    pub attributes: Map<String, Value>,
    /// Members of the profile that have columns of their own: a path, and a text or nothing to remove it.
    pub members: Vec<(Vec<String>, Option<String>)>,
}

impl ImportRow {
    /// The value by which the row finds its user.
    pub fn key(&self, by: KeyBy) -> Result<KeyValue, Vec<FieldError>> {
        let wrong = |detail: &str| {
            let mut errors = Vec::new();
            Place::ROOT.member(by.name()).wrong(&mut errors, detail);
            errors
        };
        let value = self.attributes.get(by.name()).filter(|value| !value.is_null());
        let value = value.ok_or_else(|| wrong("is the key, and is missing"))?;
        if by == KeyBy::Id {
            return json::id(value)
                .map(KeyValue::Number)
                .ok_or_else(|| wrong("must be a whole number from 1"));
        }
        let text = value.as_str().ok_or_else(|| wrong("must be a string"))?;
        Ok(KeyValue::Text(if by == KeyBy::ExternalId { text.to_owned() } else { fold(text) }))
    }

    /// The attributes that a user has after this row.
    pub fn draft(&self, current: Option<&User>) -> Result<Draft, Vec<FieldError>> {
        let mut whole = current.map_or_else(Map::new, writable);
        for (name, value) in &self.attributes {
            if !READ_ONLY.contains(&name.as_str()) {
                whole.insert(name.clone(), value.clone());
            }
        }
        for (path, value) in &self.members {
            let profile = whole.entry("profile").or_insert(Value::Null);
            if profile.is_null() {
                *profile = Value::Object(Map::new());
            }
            set_member(profile, path, value.as_deref());
        }
        draft_for_create(&whole)
    }
}

fn writable(user: &User) -> Map<String, Value> {
    let Value::Object(mut whole) = user.to_json() else { return Map::new() };
    whole.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    whole
}

/// Sets or removes the member that a path leads to. What stands in the way and is no object is replaced.
fn set_member(place: &mut Value, path: &[String], text: Option<&str>) {
    let Value::Object(map) = place else { return };
    let Some((name, rest)) = path.split_first() else { return };
    match text {
        _ if !rest.is_empty() => {
            if text.is_none() && !map.get(name).is_some_and(Value::is_object) {
                return;
            }
            let inner = map.entry(name.as_str()).or_insert(Value::Null);
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            set_member(inner, rest, text);
        }
        Some(text) => {
            map.insert(name.clone(), text.into());
        }
        None => {
            map.shift_remove(name);
        }
    }
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new user.
    Created {
        /// Its id.
        id: i64,
    },
    /// A user that is not as before.
    Updated {
        /// Its id.
        id: i64,
        /// `before` and `after` as in the journal, as JSON.
        change: String,
    },
    /// The user is as the row wants it: nothing was written.
    Unchanged,
    /// The row can't be taken; the others can.
    Refused(Vec<FieldError>),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user() -> User {
        let Value::Object(body) =
            json!({ "name": "Ada", "email": "ada@example.com", "profile": { "a": { "b": 1 }, "c": "x" } })
        else {
            unreachable!("an object")
        };
        draft_for_create(&body).unwrap().into_user(7, 3, 1, 2)
    }

    fn row(attributes: Value, members: &[(&str, Option<&str>)]) -> ImportRow {
        let Value::Object(attributes) = attributes else { unreachable!("an object") };
        let path = |text: &str| text.split('.').map(str::to_owned).collect();
        let members = members.iter().map(|(at, text)| (path(at), text.map(str::to_owned))).collect();
        ImportRow { attributes, members }
    }

    #[test]
    fn only_what_a_row_has_is_changed() {
        let draft = row(json!({ "name": "ADA", "id": 99, "version": 1 }), &[]).draft(Some(&user())).unwrap();
        assert_eq!(draft, Draft { name: "ADA".to_owned(), ..Draft::from(&user()) });
        let draft =
            row(json!({ "email": null, "profile": { "c": null } }), &[]).draft(Some(&user())).unwrap();
        assert_eq!((draft.email, json!(draft.profile)), (None, json!({ "c": null })));
    }

    #[test]
    fn members_of_the_profile_are_set_one_by_one() {
        let members = [("a.b", Some("2")), ("c", None), ("d.e", Some("")), ("f.g", None)];
        let draft = row(json!({}), &members).draft(Some(&user())).unwrap();
        assert_eq!(json!(draft.profile), json!({ "a": { "b": "2" }, "d": { "e": "" } }));
    }

    #[test]
    fn keys_are_compared_folded() {
        let of = |attributes, by| row(attributes, &[]).key(by);
        assert_eq!(of(json!({ "name": "ÄDA" }), KeyBy::Name), Ok(KeyValue::Text("äda".to_owned())));
        assert_eq!(of(json!({ "external_id": "X" }), KeyBy::ExternalId), Ok(KeyValue::Text("X".to_owned())));
        assert_eq!(of(json!({ "id": 7 }), KeyBy::Id), Ok(KeyValue::Number(7)));
        for (attributes, by) in [
            (json!({}), KeyBy::Name),
            (json!({ "email": null }), KeyBy::Email),
            (json!({ "id": "x" }), KeyBy::Id),
            (json!({ "name": 7 }), KeyBy::Name),
        ] {
            assert_eq!(of(attributes, by).unwrap_err()[0].pointer, format!("/{}", by.name()));
        }
    }
}
