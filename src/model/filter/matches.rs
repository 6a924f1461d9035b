//! The evaluator in memory.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::{Attribute, Filter, Operator, Value};
use crate::model::{fold::fold, user::User};

impl Filter {
    /// Whether the filter is true of `user`. This defines what a filter means; every other evaluation agrees
    /// with it.
    pub fn matches(&self, user: &User) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.matches(user)),
            Self::Or(any) => any.iter().any(|filter| filter.matches(user)),
            Self::Not(inner) => !inner.matches(user),
            Self::Present(attribute) => present(attribute, user),
            Self::Compare { attribute, operator, value } => match (operator, value) {
                (Operator::Eq, Value::Null) => !present(attribute, user),
                (Operator::Ne, Value::Null) => present(attribute, user),
                (Operator::Ne, _) => !compare(attribute, Operator::Eq, value, user),
                _ => compare(attribute, *operator, value, user),
            },
        }
    }
}

fn present(attribute: &Attribute, user: &User) -> bool {
    match attribute {
        Attribute::Id
        | Attribute::Active
        | Attribute::Version
        | Attribute::CreatedAt
        | Attribute::UpdatedAt => true,
        Attribute::Name => !user.name.is_empty(),
        Attribute::Email => user.email.as_deref().is_some_and(|email| !email.is_empty()),
        Attribute::ExternalId => user.external_id.as_deref().is_some_and(|id| !id.is_empty()),
        Attribute::Profile(path) if path.is_empty() => !user.profile.is_empty(),
        Attribute::Profile(path) => match lookup(&user.profile, path) {
            None | Some(Json::Null) => false,
            Some(Json::String(text)) => !text.is_empty(),
            Some(Json::Array(items)) => !items.is_empty(),
            Some(Json::Object(members)) => !members.is_empty(),
            Some(Json::Bool(_) | Json::Number(_)) => true,
        },
    }
}

/// Compares with an operator other than `ne` and a value other than `null`.
fn compare(attribute: &Attribute, operator: Operator, value: &Value, user: &User) -> bool {
    match (attribute, value) {
        (Attribute::Id, Value::Integer(id)) => holds(operator, user.id.cmp(id)),
        (Attribute::Id, Value::Text(text)) if operator.is_ordering() => {
            canonical_integer(text).is_some_and(|id| holds(operator, user.id.cmp(&id)))
        }
        (Attribute::Id, Value::Text(text)) => compare_text(operator, &user.id.to_string(), text),
        (Attribute::Version, Value::Integer(version)) => holds(operator, user.version.cmp(version)),
        (Attribute::Name, Value::Text(text)) => compare_text(operator, &fold(&user.name), &fold(text)),
        (Attribute::Email, Value::Text(text)) => {
            user.email.as_deref().is_some_and(|email| compare_text(operator, &fold(email), &fold(text)))
        }
        (Attribute::ExternalId, Value::Text(text)) => {
            user.external_id.as_deref().is_some_and(|id| compare_text(operator, id, text))
        }
        (Attribute::Active, Value::Bool(active)) => operator == Operator::Eq && user.active == *active,
        (Attribute::CreatedAt, Value::Time(time)) => {
            holds(operator, nanoseconds(user.created_at).cmp(&time.as_nanosecond()))
        }
        (Attribute::UpdatedAt, Value::Time(time)) => {
            holds(operator, nanoseconds(user.updated_at).cmp(&time.as_nanosecond()))
        }
        (Attribute::Profile(path), _) => match lookup(&user.profile, path) {
            Some(Json::Array(items)) => items.iter().any(|item| compare_json(operator, item, value)),
            Some(json) => compare_json(operator, json, value),
            None => false,
        },
        _ => false,
    }
}

fn compare_json(operator: Operator, json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::String(text), Value::Text(value)) => compare_text(operator, text, value),
        (Json::Number(number), Value::Real(value)) => number
            .as_f64()
            .and_then(|number| number.partial_cmp(value))
            .is_some_and(|ordering| holds(operator, ordering)),
        (Json::Bool(json), Value::Bool(value)) => operator == Operator::Eq && json == value,
        _ => false,
    }
}

fn compare_text(operator: Operator, text: &str, value: &str) -> bool {
    match operator {
        Operator::Co => text.contains(value),
        Operator::Sw => text.starts_with(value),
        Operator::Ew => text.ends_with(value),
        // The order of UTF-8 bytes is the order of code points.
        _ => holds(operator, text.cmp(value)),
    }
}

fn holds(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Eq => ordering.is_eq(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

fn nanoseconds(microseconds: i64) -> i128 {
    i128::from(microseconds) * 1000
}

fn lookup<'a>(profile: &'a Map<String, Json>, path: &[String]) -> Option<&'a Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(profile.get(first)?, |json, key| json.as_object()?.get(key))
}

/// The integer of which `text` is the decimal form, if it is one: no `+`, no leading zeros, no `-0`.
pub(crate) fn canonical_integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|integer| integer.to_string() == text)
}
