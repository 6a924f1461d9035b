//! What is told of an import.

use serde_json::{Map, Value, json};

use super::reader::Kept;
use crate::model::user::FieldError;

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows that were read.
    pub rows: u64,
    /// New users.
    pub created: u64,
    /// Users that changed; one that several rows changed counts for each.
    pub updated: u64,
    /// Rows whose users were as they want them.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Transactions that were committed.
    pub commits: u64,
}

impl Totals {
    /// The members of a report.
    pub fn to_json(self) -> Value {
        json!({
            "rows": self.rows, "created": self.created, "updated": self.updated,
            "unchanged": self.unchanged, "refused": self.refused, "commits": self.commits,
        })
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, created, updated, unchanged, refused, commits } = self;
        write!(
            formatter,
            "rows: {rows}, created: {created}, updated: {updated}, unchanged: {unchanged}, refused: {refused}, \
             commits: {commits}"
        )
    }
}

/// A row that was not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
    /// The row as it was read.
    pub kept: Kept,
}

impl Refusal {
    /// The members of a report.
    pub fn to_json(&self) -> Value {
        let error = |error: &FieldError| json!({ "pointer": error.pointer, "detail": error.detail });
        let mut report = Map::new();
        report.insert("line".to_owned(), self.line.into());
        report.insert("errors".to_owned(), self.errors.iter().map(error).collect());
        self.kept.add_to(&mut report);
        Value::Object(report)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}: ", self.line)?;
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let name = error.pointer.trim_start_matches('/');
            let space = if name.is_empty() { "the row " } else { " " };
            write!(formatter, "{separator}{name}{space}{}", error.detail)?;
        }
        Ok(())
    }
}
