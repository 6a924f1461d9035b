//! The forms of many users, and which one a file has.

use std::path::Path;

/// A form of many users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON array.
    Json,
    /// One JSON object on each line.
    Ndjson,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
}

impl Format {
    /// All forms, the preferred one first.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Csv];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text)
    }

    /// The media type, as it is negotiated.
    pub fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            other => other.essence(),
        }
    }

    /// By the ending of a file's name.
    pub fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            _ => None,
        }
    }

    /// By the first bytes, after a byte-order mark: JSON begins with a bracket or a brace, CSV with a name.
    pub fn of_content(start: &[u8]) -> Self {
        match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => Self::Json,
            Some(b'{') => Self::Ndjson,
            _ => Self::Csv,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_its_form() {
        assert_eq!(Format::of_name(Path::new("a/Users.JSONL")), Some(Format::Ndjson));
        assert_eq!(Format::of_name(Path::new("users.csv.gz")), None);
        assert_eq!(Format::of_content(b" \r\n[{"), Format::Json);
        assert_eq!(Format::of_content(b"{\"name\""), Format::Ndjson);
        assert_eq!(Format::of_content(b"name,email"), Format::Csv);
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()), Some(format));
        }
    }
}
