//! What a copy has to move: every table of the schema, except for the list of migrations that the target has itself.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// A column and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Bool,
    Text,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The column whose values come from a sequence, none of which may be given twice.
    pub(super) sequence: Option<&'static str>,
}

use Kind::{Bool, Int, Text};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "users",
        columns: &[
            ("id", Int),
            ("name", Text),
            ("name_key", Text),
            ("email", Text),
            ("email_key", Text),
            ("active", Bool),
            ("external_id", Text),
            ("profile", Text),
            ("version", Int),
            ("created_at", Int),
            ("updated_at", Int),
            #[cfg(feature = "next-schema")]
            ("noted_version", Int),
        ],
        sequence: Some("id"),
    },
    Table {
        name: "journal",
        columns: &[
            ("position", Int),
            ("epoch", Int),
            ("xid", Int),
            ("at", Int),
            ("actor", Text),
            ("action", Text),
            ("subject_kind", Text),
            ("subject_id", Int),
            ("version", Int),
            ("change", Text),
            ("actor_kind", Text),
            ("actor_id", Text),
            ("request_id", Text),
            ("address", Text),
        ],
        sequence: Some("position"),
    },
    Table {
        name: "journal_epochs",
        columns: &[("epoch", Int), ("server", Text), ("started_at", Int)],
        sequence: None,
    },
    Table {
        name: "tokens",
        columns: &[
            ("id", Int),
            ("name", Text),
            ("hash", Text),
            ("role", Text),
            ("created_by", Text),
            ("version", Int),
            ("created_at", Int),
            ("expires_at", Int),
            ("last_used_at", Int),
            ("revoked_at", Int),
        ],
        sequence: Some("id"),
    },
    Table {
        name: "idempotency_keys",
        columns: &[
            ("caller", Text),
            ("key", Text),
            ("fingerprint", Text),
            ("results", Text),
            ("created_at", Int),
        ],
        sequence: None,
    },
];

impl Table {
    /// The names of the columns, with commas between.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
}

/// Writes a row as a line of PostgreSQL's `COPY` in text format
/// (<https://www.postgresql.org/docs/current/sql-copy.html>), which is also what checksums are made of.
pub(super) fn write_line(row: &[Cell], out: &mut Vec<u8>) {
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        let text: Cow<'_, str> = match cell {
            Cell::Int(Some(number)) => number.to_string().into(),
            Cell::Bool(Some(flag)) => (if *flag { "t" } else { "f" }).into(),
            Cell::Text(Some(text)) => text.as_str().into(),
            _ => {
                out.extend_from_slice(b"\\N");
                continue;
            }
        };
        for byte in text.bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                other => out.push(other),
            }
        }
    }
    out.push(b'\n');
}

/// Tells whether two tables have the same rows, in whatever order: the sum of the digests of all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// How many rows.
    pub rows: u64,
    sum: u128,
}

impl Checksum {
    pub(super) fn add(&mut self, line: &[u8]) {
        let digest = Sha256::digest(line);
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(half));
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_unambiguous_and_their_order_makes_no_difference() {
        let text = |text: &str| Cell::Text(Some(text.to_owned()));
        let line = |row: &[Cell]| {
            let mut out = Vec::new();
            write_line(row, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(&[Cell::Int(Some(-7)), Cell::Bool(Some(true)), Cell::Text(None)]), "-7\tt\t\\N\n");
        assert_eq!(line(&[text("a\tb\\N\r\n")]), "a\\tb\\\\N\\r\\n\n");
        let sum = |lines: [&str; 2]| {
            let mut sum = Checksum::default();
            for line in lines {
                sum.add(line.as_bytes());
            }
            sum
        };
        assert_eq!(sum(["a", "b"]), sum(["b", "a"]));
        assert_ne!(sum(["a", "a"]), sum(["b", "b"]));
    }
}
