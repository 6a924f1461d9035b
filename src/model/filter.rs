//! The filter expression of lists: the grammar of RFC 7644, section 3.4.2.2, over the attributes of a user.
//!
//! [`Filter::parse`] reads an expression, [`Filter::matches`] defines what it means, and the store compiles
//! it to SQL that means the same. The expression is `ATTRIBUTE OPERATOR VALUE` or `ATTRIBUTE pr`, combined by
//! `not (…)`, `and`, `or` (binding in this order) and parentheses. A value is a JSON string, number, `true`,
//! `false` or `null`. Names of attributes and operators are case-insensitive, keys inside `profile` are not.
//! Attributes carry no schema URN. What cannot be meant, such as `active gt 1`, is an error when the
//! expression is read.
//!
//! - **Logic** has two values. A comparison with an absent attribute is false, `ne` is exactly the negation
//!   of `eq` (so it is true of an absent attribute), and `not` is plain negation.
//! - **`pr`** is true of an attribute that has a value other than `null`, `""`, `[]` and `{}`. `eq null` is
//!   the negation of `pr`, `ne null` is `pr`; no other operator takes `null`.
//! - **`name`, `email`**: strings, compared by their [folded](super::fold::fold) forms. **`external_id`**:
//!   strings, compared exactly. Both order by code point. Every present string contains, starts and ends with
//!   `""`.
//! - **`id`, `version`**: 64-bit integers. `id` also takes a string: its decimal form, with no sign but `-`
//!   and no leading zeros. Any other string equals no id, and cannot be ordered. `co`, `sw`, `ew` look at its
//!   decimal form; `version` takes none of them.
//! - **`active`**: `eq` and `ne` with `true` or `false`.
//! - **`created_at`, `updated_at`**: RFC 3339 timestamps in double quotes, up to 9999-12-30T22:00:00Z, with
//!   all their digits: what was stored in microseconds equals no instant between two microseconds.
//! - **`profile.a.b`** follows keys through objects only. Where it ends in an array, a comparison is true
//!   when it is true of any of the array's elements; objects and arrays among them never match. Strings
//!   compare exactly, as `external_id`; numbers as IEEE 754 doubles; booleans with `eq` and `ne`. Another
//!   type in the profile than that of the value is no match. A key has no white space, control character or
//!   ASCII punctuation except `-`, `_`, `$`; a profile may have other keys, but no filter reaches them.
//!   `profile` itself takes only `pr`.
//! - **`profile[…]`, `profile.a[…]`** apply the expression in brackets to the object there, its attributes
//!   being keys of that object. They do not look into arrays of objects.

use std::fmt::{self, Display, Write as _};

use jiff::Timestamp;
use thiserror::Error;

mod matches;
mod parse;
mod typed;

pub(crate) use matches::canonical_integer;

/// The longest filter that is read, in bytes of UTF-8.
pub const MAX_BYTES: usize = 4096;
/// How deep parentheses and brackets may nest, and how many keys a path into the profile may have.
pub const MAX_DEPTH: usize = 32;
/// How many comparisons (`pr` among them) one filter may have; `id sw` counts as ten.
pub const MAX_COMPARISONS: usize = 100;

/// A filter expression. See the [module](self) for its meaning.
///
/// What [`parse`](Self::parse) returns is well typed. A comparison put together by hand that is not, such as
/// [`Attribute::Active`] with [`Operator::Gt`], is false of every user.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of two or more.
    And(Vec<Self>),
    /// At least one of two or more.
    Or(Vec<Self>),
    /// The negation.
    Not(Box<Self>),
    /// `ATTRIBUTE pr`.
    Present(Attribute),
    /// `ATTRIBUTE OPERATOR VALUE`.
    Compare {
        /// The attribute on the left.
        attribute: Attribute,
        /// The operator.
        operator: Operator,
        /// The value on the right, of a type that the attribute takes.
        value: Value,
    },
}

/// An attribute of a user that a filter can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `id`.
    Id,
    /// `name`.
    Name,
    /// `email`, which may be absent.
    Email,
    /// `active`.
    Active,
    /// `external_id`, which may be absent.
    ExternalId,
    /// `version`.
    Version,
    /// `created_at`.
    CreatedAt,
    /// `updated_at`.
    UpdatedAt,
    /// `profile`, with the keys that lead into it: none for the whole profile.
    Profile(Vec<String>),
}

impl Attribute {
    /// Every attribute by name; the path of `profile` is empty.
    pub const ALL: [(&str, Self); 9] = [
        ("id", Self::Id),
        ("name", Self::Name),
        ("email", Self::Email),
        ("active", Self::Active),
        ("external_id", Self::ExternalId),
        ("version", Self::Version),
        ("created_at", Self::CreatedAt),
        ("updated_at", Self::UpdatedAt),
        ("profile", Self::Profile(Vec::new())),
    ];
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal: the negation of [`Eq`](Self::Eq).
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl Operator {
    /// Every operator by name.
    pub const ALL: [(&str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];

    /// Whether it is one of `gt`, `ge`, `lt`, `le`.
    pub fn is_ordering(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }

    /// Whether it is one of `co`, `sw`, `ew`.
    pub fn is_substring(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }
}

/// The value that an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, with `eq` and `ne` only.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, for `id` and `version`.
    Integer(i64),
    /// A finite number, for what is in the profile.
    Real(f64),
    /// A string.
    Text(String),
    /// An instant, for `created_at` and `updated_at`.
    Time(Timestamp),
}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (at character {})", .position + 1)]
pub struct FilterError {
    /// Where, in characters (Unicode scalar values) from the start of the text, the first being 0.
    pub position: usize,
    /// What is wrong there and what was expected, for people.
    pub message: String,
}

impl Filter {
    /// Reads a filter expression.
    ///
    /// Refused are, besides what the grammar does not allow, unknown attributes, values of a type that the
    /// attribute does not take, and what exceeds [`MAX_BYTES`], [`MAX_DEPTH`] or [`MAX_COMPARISONS`].
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

/// The canonical text: lower case, single spaces, no parentheses but the needed ones, no brackets.
///
/// [`Filter::parse`] reads it back to the same filter, unless writing brackets out as paths made it longer
/// than [`MAX_BYTES`].
impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => join(f, all, " and "),
            Self::Or(any) => join(f, any, " or "),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(attribute) => write!(f, "{attribute} pr"),
            Self::Compare { attribute, operator, value } => write!(f, "{attribute} {operator} {value}"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Filter], word: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        match part {
            Filter::And(_) | Filter::Or(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

impl Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Profile(path) = self else {
            let name = Self::ALL.iter().find(|(_, attribute)| attribute == self).map_or("", |(name, _)| name);
            return f.write_str(name);
        };
        f.write_str("profile")?;
        path.iter().try_for_each(|key| write!(f, ".{key}"))
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, operator)| operator == self).map_or("", |(name, _)| name))
    }
}

/// The value as it stands in a filter: as JSON.
impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            // Debug, unlike Display, writes very large and very small numbers with an exponent.
            Self::Real(value) => {
                let text = format!("{value:?}");
                f.write_str(text.strip_suffix(".0").unwrap_or(&text))
            }
            Self::Text(value) => write_json_string(f, value),
            Self::Time(value) => write!(f, "\"{value}\""),
        }
    }
}

fn write_json_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\0'..='\x1f' => write!(f, "\\u{:04x}", u32::from(c))?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests;
