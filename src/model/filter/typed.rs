//! Which operators and values an attribute takes.

use jiff::Timestamp;

use super::{Attribute, Operator, Value, canonical_integer};

/// A value as written, before the attribute decides what it means.
pub(super) enum Literal {
    Null,
    Bool(bool),
    /// The second is there when it was written as an integer and is one of 64 bits.
    Number(f64, Option<i64>),
    Text(String),
}

/// Whether `attribute` takes `operator` at all.
pub(super) fn check_operator(attribute: &Attribute, operator: Operator) -> Result<(), String> {
    let (allowed, names) = match attribute {
        Attribute::Active => (!operator.is_ordering() && !operator.is_substring(), "eq, ne and pr"),
        Attribute::Version | Attribute::CreatedAt | Attribute::UpdatedAt => {
            (!operator.is_substring(), "eq, ne, gt, ge, lt, le and pr")
        }
        Attribute::Profile(path) if path.is_empty() => (false, "pr (a key in it is profile.KEY)"),
        _ => (true, ""),
    };
    if allowed { Ok(()) } else { Err(format!("{attribute} takes only {names}, not {operator}")) }
}

/// The value that `literal` is for `attribute`, or what was expected.
pub(super) fn typed(attribute: &Attribute, operator: Operator, literal: Literal) -> Result<Value, String> {
    if let Literal::Null = literal {
        let negatable = matches!(operator, Operator::Eq | Operator::Ne);
        return if negatable { Ok(Value::Null) } else { Err(format!("{operator} does not take null")) };
    }
    match attribute {
        Attribute::Id => id_value(operator, literal),
        Attribute::Version => match literal {
            Literal::Number(_, Some(integer)) => Ok(Value::Integer(integer)),
            _ => Err("version is compared with a 64-bit integer".to_owned()),
        },
        Attribute::Name | Attribute::Email | Attribute::ExternalId => match literal {
            Literal::Text(text) => Ok(Value::Text(text)),
            _ => Err(format!("{attribute} is compared with a string in double quotes")),
        },
        Attribute::Active => match literal {
            Literal::Bool(value) => Ok(Value::Bool(value)),
            _ => Err("active is compared with true or false, without quotes".to_owned()),
        },
        Attribute::CreatedAt | Attribute::UpdatedAt => match literal {
            Literal::Text(text) => text.parse::<Timestamp>().ok().map(Value::Time),
            _ => None,
        }
        .ok_or_else(|| format!(r#"{attribute} is compared with a time such as "2030-01-31T12:00:00Z""#)),
        Attribute::Profile(_) => profile_value(operator, literal),
    }
}

fn id_value(operator: Operator, literal: Literal) -> Result<Value, String> {
    match literal {
        Literal::Text(text) if operator.is_ordering() && canonical_integer(&text).is_none() => {
            Err(format!("{text:?} is not an id, so no id comes before or after it"))
        }
        Literal::Text(text) => Ok(Value::Text(text)),
        _ if operator.is_substring() => Err(format!("{operator} takes a string in double quotes")),
        Literal::Number(_, Some(integer)) => Ok(Value::Integer(integer)),
        _ => Err("id is compared with a 64-bit integer or a string in double quotes".to_owned()),
    }
}

fn profile_value(operator: Operator, literal: Literal) -> Result<Value, String> {
    match literal {
        Literal::Text(text) => Ok(Value::Text(text)),
        _ if operator.is_substring() => Err(format!("{operator} takes a string in double quotes")),
        Literal::Number(real, _) => Ok(Value::Real(real)),
        Literal::Bool(_) if operator.is_ordering() => Err(format!("{operator} does not take a boolean")),
        Literal::Bool(value) => Ok(Value::Bool(value)),
        Literal::Null => Ok(Value::Null),
    }
}
