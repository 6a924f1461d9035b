//! From a JSON object to attributes that may be stored: every error at once, none repaired in silence.

use serde_json::{Map, Value};

use super::email::email_problem;
use super::fold::{fold, is_visible};
use super::json::kind;
use super::place::Place;
use super::user::{
    EMAIL_MAX, EXTERNAL_ID_MAX, Field, FieldError, KEY_BYTES_MAX, NAME_MAX, PROFILE_BYTES_MAX,
    PROFILE_DEPTH_MAX, PROFILE_NUMBER_MAX, PROFILE_VALUES_MAX, User,
};

/// The writable attributes of a user, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// See [`User::name`].
    pub name: String,
    /// See [`User::email`].
    pub email: Option<String>,
    /// See [`User::active`].
    pub active: bool,
    /// See [`User::external_id`].
    pub external_id: Option<String>,
    /// See [`User::profile`].
    pub profile: Map<String, Value>,
}

/// Attributes that the service sets. Replacements and patches may repeat the value that a user has.
pub const READ_ONLY: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// Reads the body of a create. Absent attributes get their defaults; `name` is required.
pub fn draft_for_create(body: &Map<String, Value>) -> Result<Draft, Vec<FieldError>> {
    Reader::new(body, None).finish()
}

/// Reads the body of a replace (RFC 9110 section 9.3.4): absent attributes get their defaults;
/// read-only ones may be repeated with the value that they have.
pub fn draft_for_replace(body: &Map<String, Value>, current: &User) -> Result<Draft, Vec<FieldError>> {
    Reader::new(body, Some(current)).finish()
}

/// Applies a JSON merge patch (RFC 7396) to a user.
pub fn apply_merge_patch(patch: &Map<String, Value>, current: &User) -> Result<Draft, Vec<FieldError>> {
    let Value::Object(mut whole) = current.to_json() else { return Err(Vec::new()) };
    let mut errors = Vec::new();
    for name in ["name", "active"] {
        if patch.get(name).is_some_and(Value::is_null) {
            Place::ROOT.member(name).wrong(&mut errors, "can't be removed");
        }
    }
    for (name, value) in patch {
        // An unknown name stays with its null, to be refused with the rest: it is misspelt, not removed.
        if READ_ONLY.contains(&name.as_str()) || !Field::NAMES.contains(&name.as_str()) {
            whole.insert(name.clone(), value.clone());
        } else if !(matches!(name.as_str(), "name" | "active") && value.is_null()) {
            merge(&mut whole, name, value);
        }
    }
    match Reader::new(&whole, Some(current)).finish() {
        Ok(draft) if errors.is_empty() => Ok(draft),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

fn merge(target: &mut Map<String, Value>, name: &str, patch: &Value) {
    match patch {
        Value::Null => {
            target.shift_remove(name);
        }
        Value::Object(members) => {
            let place = target.entry(name).or_insert(Value::Null);
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            if let Value::Object(map) = place {
                for (member, value) in members {
                    merge(map, member, value);
                }
            }
        }
        other => {
            target.insert(name.to_owned(), other.clone());
        }
    }
}

struct Reader<'a> {
    body: &'a Map<String, Value>,
    current: Option<&'a User>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    fn new(body: &'a Map<String, Value>, current: Option<&'a User>) -> Self {
        Self { body, current, errors: Vec::new() }
    }

    fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        Place::ROOT.member(name).wrong(&mut self.errors, detail);
    }

    fn finish(mut self) -> Result<Draft, Vec<FieldError>> {
        self.unknown_and_read_only();
        let name = self.text("name", NAME_MAX);
        match &name {
            None if self.body.get("name").is_none_or(Value::is_null) => self.wrong("name", "is required"),
            Some(name) if !is_visible(name) => {
                self.wrong("name", "must have a character that can be seen");
            }
            Some(name) => self.key_size("name", name),
            None => {}
        }
        let email = self.text("email", EMAIL_MAX);
        if let Some(problem) = email.as_deref().and_then(email_problem) {
            self.wrong("email", problem);
        } else if let Some(email) = &email {
            self.key_size("email", email);
        }
        let active = match self.body.get("active") {
            None => true,
            Some(Value::Bool(active)) => *active,
            Some(other) => {
                self.wrong("active", format!("must be true or false, not {}", kind(other)));
                true
            }
        };
        let external_id = self.text("external_id", EXTERNAL_ID_MAX);
        let profile = self.profile();
        if self.errors.is_empty() {
            Ok(Draft { name: name.unwrap_or_default(), email, active, external_id, profile })
        } else {
            Err(self.errors)
        }
    }

    fn unknown_and_read_only(&mut self) {
        let body = self.body;
        for (name, value) in body {
            let Some(field) = Field::parse(name).filter(|_| Field::NAMES.contains(&name.as_str())) else {
                self.wrong(name, format!("is not an attribute; there are {}", Field::NAMES.join(", ")));
                continue;
            };
            if READ_ONLY.contains(&name.as_str()) {
                match self.current {
                    None => self.wrong(name, "is set by the server"),
                    Some(user) if user.attribute(&field).as_ref() != Some(value) => {
                        self.wrong(name, "is set by the server and must be left out or equal to its value");
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// What must be unique must fit into an index when it is folded.
    fn key_size(&mut self, name: &str, text: &str) {
        let size = fold(text).len();
        if size > KEY_BYTES_MAX {
            self.wrong(
                name,
                format!("must have at most {KEY_BYTES_MAX} bytes when it is folded, not {size}"),
            );
        }
    }

    /// A string of 1 to `max` characters without control characters; null and absent are `None`.
    fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let text = match self.body.get(name)? {
            Value::Null => return None,
            Value::String(text) => text,
            other => {
                self.wrong(name, format!("must be a string, not {}", kind(other)));
                return None;
            }
        };
        let length = text.chars().count();
        if length == 0 || length > max {
            self.wrong(name, format!("must have 1 to {max} characters, not {length}"));
        } else if let Some(at) = text.chars().position(char::is_control) {
            self.wrong(name, format!("has a control character at place {}", at + 1));
        } else {
            return Some(text.clone());
        }
        None
    }

    fn profile(&mut self) -> Map<String, Value> {
        let map = match self.body.get("profile") {
            None | Some(Value::Null) => return Map::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.wrong("profile", format!("must be an object, not {}", kind(other)));
                return Map::new();
            }
        };
        let value = Value::Object(map.clone());
        // Before anything that looks at each value.
        let size = value.to_string().len();
        if size > PROFILE_BYTES_MAX {
            self.wrong("profile", format!("must have at most {PROFILE_BYTES_MAX} bytes as JSON, not {size}"));
            return Map::new();
        }
        let mut values = 0;
        check_profile(&value, &Place::ROOT.member("profile"), 1, &mut values, &mut self.errors);
        if values > PROFILE_VALUES_MAX {
            self.wrong("profile", format!("must have at most {PROFILE_VALUES_MAX} values, not {values}"));
        }
        map.clone()
    }
}

fn check_profile(
    value: &Value,
    at: &Place<'_>,
    depth: usize,
    values: &mut usize,
    errors: &mut Vec<FieldError>,
) {
    *values += 1;
    if depth > PROFILE_DEPTH_MAX {
        at.wrong(errors, format!("is nested deeper than {PROFILE_DEPTH_MAX} levels"));
        return;
    }
    match value {
        Value::String(text) if text.contains('\0') => at.wrong(errors, "has a NUL character"),
        Value::Number(number) if number.as_f64().is_none_or(|n| n.abs() > PROFILE_NUMBER_MAX) => {
            at.wrong(errors, "must lie between -(2^53-1) and 2^53-1");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_profile(item, &at.element(index), depth + 1, values, errors);
            }
        }
        Value::Object(map) => {
            for (name, member) in map {
                let at = at.member(name);
                if name.contains('\0') {
                    at.wrong(errors, "has a NUL character in its name");
                }
                check_profile(member, &at, depth + 1, values, errors);
            }
        }
        _ => {}
    }
}

impl Draft {
    /// The key by which names are unique.
    pub fn name_key(&self) -> String {
        fold(&self.name)
    }

    /// The key by which e-mail addresses are unique.
    pub fn email_key(&self) -> Option<String> {
        self.email.as_deref().map(fold)
    }

    /// The profile as it is stored.
    pub fn profile_text(&self) -> String {
        Value::Object(self.profile.clone()).to_string()
    }

    /// The user that this becomes. Times in microseconds since 1970-01-01 UTC.
    pub fn into_user(self, id: i64, version: i64, created_at: i64, updated_at: i64) -> User {
        let Self { name, email, active, external_id, profile } = self;
        User { id, name, email, active, external_id, profile, version, created_at, updated_at }
    }
}

impl From<&User> for Draft {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            email: user.email.clone(),
            active: user.active,
            external_id: user.external_id.clone(),
            profile: user.profile.clone(),
        }
    }
}
