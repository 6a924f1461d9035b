//! Compiles a filter to a condition on the table `users`.
//!
//! The condition means what [`Filter::matches`] means, is never NULL, and names columns without a table.
//! Every value is an argument. One text serves both engines, except where it reaches into the profile. What
//! it relies on: `name_key` and `email_key` hold the folded texts, `profile` a JSON object as text, texts
//! order by code point (on `PostgreSQL` by collation "C"), and no stored text contains U+0000, which
//! `PostgreSQL` could not even receive.
//!
//! One difference remains: `SQLite` may take two doubles that are neighbours for equal where their exponents
//! are beyond those of everyday numbers.

use crate::{
    model::{
        filter::{Attribute, Filter, Operator, Value, canonical_integer},
        fold::fold,
    },
    store::Engine,
};

mod profile;
mod ranges;

use ranges::{after_prefix, integer_ranges};

/// A value to bind to a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Without U+0000.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Real(f64),
}

const TRUE: &str = "TRUE";
const FALSE: &str = "FALSE";

/// The condition for `filter`, to stand after WHERE or as an operand of AND (it brings its own parentheses).
///
/// Its values are added to `args`; the placeholder of the first argument in there is `$1`.
pub(crate) fn compile(filter: &Filter, engine: Engine, args: &mut Vec<Arg>) -> String {
    Compiler { engine, args }.filter(filter)
}

struct Compiler<'a> {
    engine: Engine,
    args: &'a mut Vec<Arg>,
}

impl Compiler<'_> {
    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::And(all) => self.series(all, " AND ", TRUE),
            Filter::Or(any) => self.series(any, " OR ", FALSE),
            Filter::Not(inner) => not(&self.filter(inner)),
            Filter::Present(attribute) => self.present(attribute),
            Filter::Compare { attribute, operator, value } => match (operator, value) {
                (Operator::Eq, Value::Null) => not(&self.present(attribute)),
                (Operator::Ne, Value::Null) => self.present(attribute),
                (Operator::Ne, _) => not(&self.compare(attribute, Operator::Eq, value)),
                _ => self.compare(attribute, *operator, value),
            },
        }
    }

    fn series(&mut self, filters: &[Filter], word: &str, empty: &str) -> String {
        let parts: Vec<String> = filters.iter().map(|filter| self.filter(filter)).collect();
        if parts.is_empty() { empty.to_owned() } else { format!("({})", parts.join(word)) }
    }

    fn present(&mut self, attribute: &Attribute) -> String {
        match attribute {
            Attribute::Id
            | Attribute::Active
            | Attribute::Version
            | Attribute::CreatedAt
            | Attribute::UpdatedAt => TRUE.to_owned(),
            Attribute::Name => "(name <> '')".to_owned(),
            Attribute::Email => "(email IS NOT NULL AND email <> '')".to_owned(),
            Attribute::ExternalId => "(external_id IS NOT NULL AND external_id <> '')".to_owned(),
            Attribute::Profile(path) => self.profile_present(path),
        }
    }

    /// Compares with an operator other than `ne` and a value other than `null`.
    fn compare(&mut self, attribute: &Attribute, operator: Operator, value: &Value) -> String {
        match (attribute, value) {
            (Attribute::Id, Value::Integer(id)) => self.integer("id", operator, *id),
            (Attribute::Id, Value::Text(text)) => self.id_text(operator, text),
            (Attribute::Version, Value::Integer(version)) => self.integer("version", operator, *version),
            (Attribute::Name, Value::Text(text)) => {
                self.text("name_key", Column::NotNull, operator, &fold(text))
            }
            (Attribute::Email, Value::Text(text)) => {
                self.text("email_key", Column::Nullable, operator, &fold(text))
            }
            (Attribute::ExternalId, Value::Text(text)) => {
                self.text("external_id", Column::Nullable, operator, text)
            }
            (Attribute::Active, Value::Bool(active)) if operator == Operator::Eq => {
                format!("(active = {})", if *active { TRUE } else { FALSE })
            }
            (Attribute::CreatedAt, Value::Time(time)) => {
                self.time("created_at", operator, time.as_nanosecond())
            }
            (Attribute::UpdatedAt, Value::Time(time)) => {
                self.time("updated_at", operator, time.as_nanosecond())
            }
            (Attribute::Profile(path), _) => self.profile_compare(path, operator, value),
            _ => FALSE.to_owned(),
        }
    }

    fn bind(&mut self, arg: Arg) -> String {
        self.args.push(arg);
        format!("${}", self.args.len())
    }

    fn bind_text(&mut self, text: &str) -> String {
        self.bind(Arg::Text(text.to_owned()))
    }

    fn integer(&mut self, column: &str, operator: Operator, value: i64) -> String {
        match symbol(operator) {
            Some(symbol) => format!("({column} {symbol} {})", self.bind(Arg::Int(value))),
            None => FALSE.to_owned(),
        }
    }

    fn time(&mut self, column: &str, operator: Operator, nanoseconds: i128) -> String {
        // An instant between two microseconds lies after the first of them and equals neither.
        let between = nanoseconds.rem_euclid(1000) != 0;
        let operator = match operator {
            Operator::Eq if between => return FALSE.to_owned(),
            Operator::Ge if between => Operator::Gt,
            Operator::Lt if between => Operator::Le,
            other => other,
        };
        match i64::try_from(nanoseconds.div_euclid(1000)) {
            Ok(microseconds) => self.integer(column, operator, microseconds),
            Err(_) => FALSE.to_owned(), // jiff's range of years is within that of i64
        }
    }

    fn id_text(&mut self, operator: Operator, text: &str) -> String {
        match operator {
            Operator::Sw => self.id_prefix(text),
            Operator::Co | Operator::Ew => self.text_test("CAST(id AS TEXT)", operator, text),
            _ => match canonical_integer(text) {
                Some(id) => self.integer("id", operator, id),
                None => FALSE.to_owned(),
            },
        }
    }

    /// As ranges of numbers, for the index on numbers: at most one for each count of digits.
    fn id_prefix(&mut self, prefix: &str) -> String {
        if prefix.is_empty() {
            return TRUE.to_owned();
        }
        let ranges: Vec<String> = integer_ranges(prefix)
            .into_iter()
            .map(|(low, high)| {
                let low = self.bind(Arg::Int(low));
                let high = self.bind(Arg::Int(high));
                format!("id BETWEEN {low} AND {high}")
            })
            .collect();
        match self.engine {
            _ if ranges.is_empty() => FALSE.to_owned(),
            Engine::Postgres => format!("({})", ranges.join(" OR ")),
            // SQLite reads the whole table rather than so many ranges, unless it is asked for each.
            Engine::Sqlite => {
                let each = ranges.iter().map(|range| format!("SELECT id FROM users WHERE {range}"));
                format!("(id IN ({}))", each.collect::<Vec<_>>().join(" UNION ALL "))
            }
        }
    }

    fn text(&mut self, column: &str, kind: Column, operator: Operator, value: &str) -> String {
        let test = match operator {
            Operator::Sw if !value.is_empty() && !value.contains('\0') => self.prefix_range(column, value),
            _ => self.text_test(column, operator, value),
        };
        match kind {
            Column::Nullable if test == TRUE => format!("({column} IS NOT NULL)"),
            Column::Nullable if test != FALSE => format!("({column} IS NOT NULL AND {test})"),
            _ => test,
        }
    }

    /// The texts from `prefix` up to the least text that is greater than all that start with it.
    fn prefix_range(&mut self, column: &str, prefix: &str) -> String {
        let low = self.bind_text(prefix);
        match after_prefix(prefix) {
            Some(bound) => format!("({column} >= {low} AND {column} < {})", self.bind_text(&bound)),
            None => format!("({column} >= {low})"),
        }
    }

    /// Compares the text `expression`, which may be evaluated more than once.
    fn text_test(&mut self, expression: &str, operator: Operator, value: &str) -> String {
        if operator.is_substring() {
            return self.substring_test(expression, operator, value);
        }
        let Some(symbol) = symbol(operator) else { return FALSE.to_owned() };
        let Some((start, _)) = value.split_once('\0') else {
            return format!("({expression} {symbol} {})", self.bind_text(value));
        };
        // Of the texts without U+0000, just those up to `start` come before one that goes on with it.
        let symbol = match operator {
            Operator::Gt | Operator::Ge => ">",
            Operator::Lt | Operator::Le => "<=",
            _ => return FALSE.to_owned(),
        };
        format!("({expression} {symbol} {})", self.bind_text(start))
    }

    /// Without LIKE, which has wildcards in values and differs between the engines in case.
    fn substring_test(&mut self, expression: &str, operator: Operator, value: &str) -> String {
        if value.is_empty() {
            return TRUE.to_owned();
        }
        if value.contains('\0') {
            return FALSE.to_owned();
        }
        let length = value.chars().count();
        let value = self.bind_text(value);
        match operator {
            Operator::Sw => format!("(substr({expression}, 1, {length}) = {value})"),
            // Where the text is the shorter one, no part of it is as long as the value, wherever substr
            // starts.
            Operator::Ew => format!("(substr({expression}, length({expression}) - {length} + 1) = {value})"),
            _ => format!("(replace({expression}, {value}, '') <> {expression})"),
        }
    }
}

#[derive(Clone, Copy)]
enum Column {
    NotNull,
    Nullable,
}

fn not(condition: &str) -> String {
    format!("(NOT {condition})")
}

fn symbol(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Eq => Some("="),
        Operator::Gt => Some(">"),
        Operator::Ge => Some(">="),
        Operator::Lt => Some("<"),
        Operator::Le => Some("<="),
        Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => None,
    }
}
