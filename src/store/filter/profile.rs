//! Conditions on what is in the profile: the one place where the engines need different SQL.

use serde_json::Number;

use super::{Arg, Compiler, FALSE, symbol};
use crate::{
    model::filter::{Operator, Value},
    store::Engine,
};

impl Compiler<'_> {
    pub(super) fn profile_present(&mut self, path: &[String]) -> String {
        let profile = match self.engine {
            Engine::Sqlite if path.is_empty() => "(profile -> '$')".to_owned(),
            Engine::Sqlite => format!("(profile -> {})", self.sqlite_path(path)),
            Engine::Postgres => self.postgres_json(path),
        };
        let empty = ["null", r#""""#, "[]", "{}"].map(|json| match self.engine {
            Engine::Sqlite => format!("'{json}'"),
            Engine::Postgres => format!("CAST('{json}' AS jsonb)"),
        });
        format!("COALESCE({profile} NOT IN ({}), FALSE)", empty.join(", "))
    }

    /// Compares with an operator other than `ne` and a value other than `null`.
    pub(super) fn profile_compare(&mut self, path: &[String], operator: Operator, value: &Value) -> String {
        let typed = match value {
            Value::Text(_) => true,
            Value::Real(_) => !operator.is_substring(),
            Value::Bool(_) => operator == Operator::Eq,
            Value::Null | Value::Integer(_) | Value::Time(_) => false,
        };
        if path.is_empty() || !typed {
            return FALSE.to_owned();
        }
        match self.engine {
            Engine::Sqlite => self.sqlite_compare(path, operator, value),
            Engine::Postgres => self.postgres_compare(path, operator, value),
        }
    }

    fn sqlite_compare(&mut self, path: &[String], operator: Operator, value: &Value) -> String {
        let path = self.sqlite_path(path);
        let test = match value {
            Value::Text(text) => {
                format!("item.type = 'text' AND {}", self.text_test("item.atom", operator, text))
            }
            Value::Real(real) => {
                let test = self.sqlite_number_test(operator, *real);
                format!("item.type IN ('integer', 'real') AND {test}")
            }
            Value::Bool(value) => format!("item.type = '{value}'"),
            _ => return FALSE.to_owned(),
        };
        // Of an object json_each would give the members, of a scalar the scalar itself.
        format!(
            "EXISTS (SELECT 1 FROM json_each(profile, {path}) AS item \
             WHERE json_type(profile, {path}) <> 'object' AND {test})"
        )
    }

    fn postgres_compare(&mut self, path: &[String], operator: Operator, value: &Value) -> String {
        let json = self.postgres_json(path);
        let (kind, test) = match value {
            Value::Text(text) => {
                ("string", self.text_test(r#"((item.value #>> '{}') COLLATE "C")"#, operator, text))
            }
            Value::Real(real) => ("number", self.postgres_number_test(operator, *real)),
            Value::Bool(value) => ("boolean", format!("item.value = CAST('{value}' AS jsonb)")),
            _ => return FALSE.to_owned(),
        };
        // CASE, because the operands of AND are evaluated in any order, and casting another type is an error.
        format!(
            "EXISTS (SELECT 1 FROM (SELECT {json} AS value) AS found, jsonb_array_elements(\
             CASE jsonb_typeof(found.value) WHEN 'array' THEN found.value \
             ELSE jsonb_build_array(found.value) END) AS item(value) \
             WHERE CASE jsonb_typeof(item.value) WHEN '{kind}' THEN {test} ELSE FALSE END)"
        )
    }

    /// Binds the number as JSON text: `SQLite`'s own conversion of 17 digits can miss the nearest double by
    /// one place, so that the stored text equals only what went the same way.
    fn sqlite_number_test(&mut self, operator: Operator, value: f64) -> String {
        let (Some(symbol), Some(number)) = (symbol(operator), Number::from_f64(value)) else {
            return FALSE.to_owned();
        };
        format!("CAST(item.atom AS REAL) {symbol} CAST({} AS REAL)", self.bind(Arg::Text(number.to_string())))
    }

    fn postgres_number_test(&mut self, operator: Operator, value: f64) -> String {
        match symbol(operator) {
            Some(symbol) => {
                format!("CAST(item.value AS double precision) {symbol} {}", self.bind(Arg::Real(value)))
            }
            None => FALSE.to_owned(),
        }
    }

    /// A placeholder for the path in `SQLite`'s notation. Keys have no character that needs an escape in
    /// quotes.
    fn sqlite_path(&mut self, path: &[String]) -> String {
        self.bind(Arg::Text(format!("$.\"{}\"", path.join("\".\""))))
    }

    /// What is at the path. `->` with a text goes into objects only, where `#>` would take numbers as array
    /// indices.
    fn postgres_json(&mut self, path: &[String]) -> String {
        let keys: Vec<String> =
            path.iter().map(|key| format!("-> CAST({} AS text)", self.bind_text(key))).collect();
        format!("(CAST(profile AS jsonb) {})", keys.join(" "))
    }
}
