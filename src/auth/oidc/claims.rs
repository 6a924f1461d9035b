//! What claims mean here: a name to show, and a role.

use serde_json::{Map, Value};

use crate::config::IssuerConfig;
use crate::model::role::Role;

/// The longest name that is kept, in characters.
const MAX_NAME: usize = 200;

/// What to call the bearer: the first of these claims that has something to show (`OpenID` Connect Core 1.0 section 5.1).
pub(super) fn name(claims: &Map<String, Value>, subject: &str) -> String {
    let named = ["preferred_username", "name", "email"]
        .iter()
        .filter_map(|claim| claims.get(*claim).and_then(Value::as_str))
        .map(shown)
        .find(|name| !name.is_empty());
    named.unwrap_or_else(|| shown(subject))
}

/// A text as it may stand in a log and in a table.
fn shown(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    text.trim().to_owned()
}

/// The highest role that the claim of roles names, directly or by the map.
pub(super) fn role(claims: &Map<String, Value>, rules: &IssuerConfig) -> Option<Role> {
    let means = |value: &str| rules.role_map.get(value).copied().or_else(|| Role::parse(value));
    let granted: Vec<Role> = match find(claims, &rules.role_claim)? {
        Value::String(one) => means(one).into_iter().collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).filter_map(means).collect(),
        _ => Vec::new(),
    };
    Role::ALL.into_iter().rev().find(|role| granted.contains(role))
}

/// The claim with this very name, which may have dots in it as in a URL; else the end of the path.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut steps = name.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })
}
