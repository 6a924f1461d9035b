//! What a list of users is asked for: which users, in which order, from where on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::filter::{Attribute, Filter, Operator, Value as FilterValue};
use super::fold::fold;
use super::user::Field;

/// Most users on one page.
pub const LIMIT_MAX: i64 = 1000;
/// Most characters of a search text.
pub const SEARCH_MAX: usize = 256;

/// The attribute that gives a list its order; the id breaks ties, so that the order is total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// By id, which is the order of creation.
    #[default]
    Id,
    /// By folded name.
    Name,
    /// By folded e-mail address; users without one come first.
    Email,
    /// By time of creation.
    CreatedAt,
    /// By time of the last change.
    UpdatedAt,
}

/// An order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The attribute.
    pub by: SortBy,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// The attributes that `sort` takes; each may have a `-` before it.
    pub const NAMES: [&str; 5] = ["id", "name", "email", "created_at", "updated_at"];

    /// Reads `name` or `-name`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = match name {
            "id" => SortBy::Id,
            "name" => SortBy::Name,
            "email" => SortBy::Email,
            "created_at" => SortBy::CreatedAt,
            "updated_at" => SortBy::UpdatedAt,
            _ => return None,
        };
        Some(Self { by, descending })
    }
}

/// The sort key of one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Of names and e-mail addresses.
    Text(String),
    /// Of ids (where it is the id itself) and times.
    Number(i64),
}

/// The place after one user in an order.
#[derive(Clone, Debug, PartialEq)]
pub struct After {
    /// The user's sort key.
    pub key: Key,
    /// The user's id.
    pub id: i64,
}

impl After {
    /// The place after a user whose sort key is read by one of these, whichever fits the order.
    pub fn read<E>(
        by: SortBy,
        id: i64,
        text: impl FnOnce() -> Result<String, E>,
        number: impl FnOnce() -> Result<i64, E>,
    ) -> Result<Self, E> {
        let key = match by {
            SortBy::Name | SortBy::Email => Key::Text(text()?),
            SortBy::Id | SortBy::CreatedAt | SortBy::UpdatedAt => Key::Number(number()?),
        };
        Ok(Self { key, id })
    }
}

/// Which users, in which order, with which attributes.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The filter expression.
    pub filter: Option<Filter>,
    /// Start of the name or of the e-mail address, folded.
    pub search: Option<String>,
    /// The order.
    pub sort: Sort,
    /// Attributes beyond the three of the first version.
    pub fields: Vec<Field>,
}

impl Listing {
    /// Sets the search text; empty means none.
    pub fn set_search(&mut self, text: &str) {
        self.search = Some(fold(text)).filter(|folded| !folded.is_empty());
    }

    /// Everything that a user must match to be in the list.
    pub fn conditions(&self) -> Vec<Filter> {
        let begins = |attribute| Filter::Compare {
            attribute,
            operator: Operator::Sw,
            value: FilterValue::Text(self.search.clone().unwrap_or_default()),
        };
        let search =
            self.search.as_ref().map(|_| Filter::Or(vec![begins(Attribute::Name), begins(Attribute::Email)]));
        self.filter.iter().cloned().chain(search).collect()
    }

    /// What ties a cursor to the list that it was made for: not the fields, they may change between pages.
    fn fingerprint(&self) -> String {
        let filter = self.filter.as_ref().map(ToString::to_string);
        let text = format!("{:?}\0{:?}\0{:?}", filter, self.search, self.sort);
        URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..6])
    }

    /// The opaque cursor for the page after a user.
    pub fn cursor(&self, after: &After) -> String {
        let key = match &after.key {
            Key::Text(text) => json!(text),
            Key::Number(number) => json!(number),
        };
        URL_SAFE_NO_PAD.encode(json!([1, self.fingerprint(), key, after.id]).to_string())
    }

    /// Reads a cursor of this very list; the error says what is wrong with it.
    pub fn read_cursor(&self, text: &str) -> Result<After, &'static str> {
        const BROKEN: &str = "is not a cursor of this service";
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BROKEN)?;
        let (version, list, key, id): (i64, String, Value, i64) =
            serde_json::from_slice(&bytes).map_err(|_| BROKEN)?;
        if version != 1 {
            return Err(BROKEN);
        }
        if list != self.fingerprint() {
            return Err("belongs to a list with another filter, q or sort");
        }
        let key = match (self.sort.by, key) {
            (SortBy::Name | SortBy::Email, Value::String(text)) if !text.contains('\0') => Key::Text(text),
            (SortBy::Id | SortBy::CreatedAt | SortBy::UpdatedAt, Value::Number(number)) => {
                Key::Number(number.as_i64().ok_or(BROKEN)?)
            }
            _ => return Err(BROKEN),
        };
        Ok(After { key, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_list() {
        let by_name = Listing { sort: Sort::parse("name").unwrap(), ..Listing::default() };
        let after = After { key: Key::Text("é\"".to_owned()), id: 7 };
        let cursor = by_name.cursor(&after);
        assert_eq!(by_name.read_cursor(&cursor), Ok(after));
        assert!(Listing::default().read_cursor(&cursor).unwrap_err().contains("belongs"));
        assert!(by_name.read_cursor("garbage").is_err());
    }
}
