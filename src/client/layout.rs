//! What the columns of a table or a CSV file are.

use serde_json::{Map, Value};

use super::text::shortened;
use crate::model::user::Field;

/// Most characters of one value in the table of changes.
const VALUE_MAX: usize = 40;
/// Attributes that every change has, so that they tell nothing.
const OBVIOUS: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// Titles, and the cells of an item under them.
#[derive(Debug)]
pub struct Layout {
    /// The titles of the columns.
    pub titles: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Debug)]
enum Column {
    /// What stands at the end of a path through objects.
    Path(Vec<String>),
    /// Computed from the whole.
    Made(fn(&Value) -> String),
}

impl Layout {
    /// The three attributes of a list, and more, written with commas between; each of them once.
    pub fn of_list(fields: Option<&str>) -> Self {
        let mut names: Vec<String> = Field::V1.iter().map(|field| field.name().into_owned()).collect();
        for name in fields.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Self::of_fields(names.into_iter())
    }

    /// All attributes of a user.
    pub fn of_user() -> Self {
        Self::of_fields(Field::NAMES.iter().map(|name| (*name).to_owned()))
    }

    fn of_fields(names: impl Iterator<Item = String>) -> Self {
        let titles: Vec<String> = names.collect();
        let columns = titles.iter().map(|name| path(name)).collect();
        Self { titles, columns }
    }

    /// Entries of the record, for people. On a terminal of fewer columns, what is least looked at is left out.
    pub fn of_changes(width: Option<u16>) -> Self {
        let columns: [(&str, Column); 7] = [
            ("time", Column::Made(time)),
            ("actor", Column::Made(actor)),
            ("action", path("action")),
            ("subject", Column::Made(subject)),
            ("change", Column::Made(summary)),
            ("address", path("address")),
            ("request", path("request_id")),
        ];
        let shown = match width {
            Some(..100) => 5,
            Some(..140) => 6,
            _ => 7,
        };
        Self::of_columns(columns.into_iter().take(shown))
    }

    /// Entries of the record, for programs.
    pub fn of_changes_in_full() -> Self {
        let columns: [(&str, Column); 12] = [
            ("position", path("position")),
            ("at", path("at")),
            ("actor_kind", path("actor.kind")),
            ("actor_id", path("actor.id")),
            ("actor_name", Column::Made(actor_name)),
            ("action", path("action")),
            ("subject_kind", path("subject.kind")),
            ("subject_id", path("subject.id")),
            ("version", path("version")),
            ("address", path("address")),
            ("request_id", path("request_id")),
            ("change", path("change")),
        ];
        Self::of_columns(columns.into_iter())
    }

    fn of_columns<'t>(columns: impl Iterator<Item = (&'t str, Column)>) -> Self {
        let (titles, columns) = columns.map(|(title, column)| (title.to_owned(), column)).unzip();
        Self { titles, columns }
    }

    /// The cells of an item; what is not there is empty.
    pub fn cells(&self, item: &Value) -> Vec<String> {
        let cell = |column: &Column| match column {
            Column::Path(path) => {
                plain(path.iter().try_fold(item, |place, step| place.as_object()?.get(step)))
            }
            Column::Made(make) => make(item),
        };
        self.columns.iter().map(cell).collect()
    }
}

fn path(name: &str) -> Column {
    Column::Path(name.split('.').map(str::to_owned).collect())
}

/// A value without quotes around it.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// To the second, `2026-01-31 12:00:00Z`, when it is a time in UTC.
fn time(entry: &Value) -> String {
    let text = plain(entry.get("at"));
    match (text.get(..10), text.get(10..11), text.get(11..19)) {
        (Some(day), Some("T"), Some(time)) if text.ends_with('Z') => format!("{day} {time}Z"),
        _ => text,
    }
}

/// In the form that `--actor` takes, and what people call it.
fn actor(entry: &Value) -> String {
    let name = actor_name(entry);
    let kind = plain(entry["actor"].get("kind"));
    let id = plain(entry["actor"].get("id"));
    let id = if id.is_empty() { name.clone() } else { id };
    match (kind.as_str(), id.as_str(), name.as_str()) {
        ("", _, name) => name.to_owned(),
        // The only one of its kind.
        (kind, id, _) if id == kind => kind.to_owned(),
        (kind, id, name) if name.is_empty() || name == id => format!("{kind}:{id}"),
        (kind, id, name) => format!("{kind}:{id} {name}"),
    }
}

/// A release without credentials has a name alone.
fn actor_name(entry: &Value) -> String {
    let actor = entry.get("actor");
    plain(actor.and_then(|actor| actor.get("name")).or_else(|| actor.filter(|actor| actor.is_string())))
}

/// In the form that `--subject` takes.
fn subject(entry: &Value) -> String {
    let subject = &entry["subject"];
    format!("{}:{}", plain(subject.get("kind")), plain(subject.get("id")))
}

/// What changed, in short.
fn summary(entry: &Value) -> String {
    let nothing = Map::new();
    let part = |name: &str| entry["change"][name].as_object().unwrap_or(&nothing);
    let (before, after) = (part("before"), part("after"));
    let mut told = Vec::new();
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names.filter(|name| !OBVIOUS.contains(&name.as_str())) {
        let told_of = match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => format!("{name}: {} → {}", short(old), short(new)),
            (one, other) => match one.or(other).filter(|value| !is_nothing(value)) {
                Some(value) => format!("{name}: {}", short(value)),
                None => continue,
            },
        };
        told.push(told_of);
    }
    told.join(", ")
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

fn short(value: &Value) -> String {
    shortened(&value.to_string(), VALUE_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Value {
        json!({
            "position": "p1", "at": "2026-01-31T12:00:00.123456Z",
            "actor": { "kind": "token", "id": "3", "name": "ci" }, "request_id": "r", "address": "127.0.0.1",
            "action": "user.updated", "subject": { "kind": "user", "id": 7 }, "version": 2,
            "change": { "before": { "email": "a@x", "version": 1 }, "after": { "email": null, "version": 2 } },
        })
    }

    #[test]
    fn an_entry_is_told_in_short_and_in_full() {
        let expected = [
            "2026-01-31 12:00:00Z",
            "token:3 ci",
            "user.updated",
            "user:7",
            "email: \"a@x\" → null",
            "127.0.0.1",
            "r",
        ];
        assert_eq!(Layout::of_changes(None).cells(&entry()), expected);
        assert_eq!(Layout::of_changes(Some(100)).cells(&entry()), expected[..6]);
        assert_eq!(Layout::of_changes(Some(80)).titles.last().map(String::as_str), Some("change"));
        let change = entry()["change"].to_string();
        let expected = [
            "p1",
            "2026-01-31T12:00:00.123456Z",
            "token",
            "3",
            "ci",
            "user.updated",
            "user",
            "7",
            "2",
            "127.0.0.1",
            "r",
            &change,
        ];
        assert_eq!(Layout::of_changes_in_full().cells(&entry()), expected);
    }

    #[test]
    fn actors_may_be_objects_names_or_hidden() {
        let told = |value: Value| actor(&json!({ "actor": value }));
        assert_eq!(told(json!("anonymous")), "anonymous");
        assert_eq!(told(json!({ "kind": "command", "id": null, "name": "import" })), "command:import");
        assert_eq!(told(json!({ "kind": "demo", "id": null, "name": "demo" })), "demo");
        assert_eq!(told(json!({ "kind": "command", "id": "import", "name": "import" })), "command:import");
        assert_eq!(told(json!({ "kind": "demo", "id": "demo", "name": "demo" })), "demo");
        assert_eq!(told(json!({ "kind": "token", "id": "3" })), "token:3");
        assert_eq!(actor(&json!({})), "");
    }

    #[test]
    fn creations_and_deletions_tell_what_there_is() {
        let user = json!({ "id": 1, "name": "x".repeat(60), "email": null, "active": true, "profile": {}, "version": 1 });
        let expected = format!("name: \"{}…, active: true", "x".repeat(38));
        assert_eq!(summary(&json!({ "change": { "after": user } })), expected);
        assert_eq!(summary(&json!({ "change": { "before": user } })), expected);
        assert_eq!(summary(&json!({ "change": 7 })), "");
    }

    #[test]
    fn cells_follow_paths_into_profiles() {
        let layout = Layout::of_list(Some("active, profile.a.b,,profile"));
        assert_eq!(layout.titles, ["id", "name", "email", "active", "profile.a.b", "profile"]);
        let user =
            json!({ "id": 1, "name": "n", "email": null, "active": true, "profile": { "a": { "b": [1] } } });
        assert_eq!(layout.cells(&user), ["1", "n", "", "true", "[1]", r#"{"a":{"b":[1]}}"#]);
        assert_eq!(layout.cells(&json!([])), [""; 6]);
    }
}
