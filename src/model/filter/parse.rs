//! The parser: recursive descent, one function for each level of precedence.

use super::{
    Attribute, Filter, FilterError, MAX_BYTES, MAX_COMPARISONS, MAX_DEPTH, Operator,
    typed::{Literal, check_operator, typed},
};

/// The start of an id stands for a range of numbers per count of digits: it counts as so many comparisons.
const ID_PREFIX_COST: usize = 10;

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0, comparisons: 0 };
    if text.len() > MAX_BYTES {
        let at = text.floor_char_boundary(MAX_BYTES);
        return Err(parser.error(at, format!("a filter has at most {MAX_BYTES} bytes")));
    }
    let filter = parser.disjunction(None)?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.expected(r#""and", "or" or the end of the filter"#)),
    }
}

/// The keys that expressions in brackets start from; none outside of brackets.
type Scope<'s> = Option<&'s [String]>;

struct Parser<'a> {
    text: &'a str,
    /// The next character's offset in bytes.
    at: usize,
    depth: usize,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    fn disjunction(&mut self, scope: Scope<'_>) -> Result<Filter, FilterError> {
        self.series("or", scope, Self::conjunction, Filter::Or)
    }

    fn conjunction(&mut self, scope: Scope<'_>) -> Result<Filter, FilterError> {
        self.series("and", scope, Self::term, Filter::And)
    }

    /// Parts with `word` between them; a single part stands for itself.
    fn series(
        &mut self,
        word: &str,
        scope: Scope<'_>,
        part: fn(&mut Self, Scope<'_>) -> Result<Filter, FilterError>,
        combine: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, FilterError> {
        let first = part(self, scope)?;
        let mut parts = vec![first];
        while self.take_keyword(word) {
            parts.push(part(self, scope)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { combine(parts) })
    }

    fn term(&mut self, scope: Scope<'_>) -> Result<Filter, FilterError> {
        if self.peek() == Some('(') {
            return self.group(')', scope);
        }
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return Err(self.expected(r#"an attribute, "not" or "(""#));
        }
        // In brackets, `not` without a parenthesis can only be a key.
        if word.eq_ignore_ascii_case("not") && (scope.is_none() || self.peek() == Some('(')) {
            return match self.peek() {
                Some('(') => Ok(Filter::Not(Box::new(self.group(')', scope)?))),
                _ => Err(self.expected(r#""(" after "not""#)),
            };
        }
        let attribute = self.attribute(word, start, scope)?;
        if self.peek() != Some('[') {
            return self.comparison(attribute);
        }
        match attribute {
            Attribute::Profile(path) => self.group(']', Some(&path)),
            other => Err(self.error(self.at, format!(r#"{other} has no keys, so no "[" can follow it"#))),
        }
    }

    /// What stands in parentheses or brackets; the opening one is next.
    fn group(&mut self, close: char, scope: Scope<'_>) -> Result<Filter, FilterError> {
        if self.depth == MAX_DEPTH {
            let message = format!("parentheses and brackets nest at most {MAX_DEPTH} deep");
            return Err(self.error(self.at, message));
        }
        self.depth += 1;
        self.at += 1;
        let inner = self.disjunction(scope)?;
        if self.peek() != Some(close) {
            return Err(self.expected(&format!(r#""and", "or" or "{close}""#)));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn attribute(&self, word: &str, start: usize, scope: Scope<'_>) -> Result<Attribute, FilterError> {
        if word.contains(':') {
            let message = format!("unknown attribute {word:?}: attributes have no schema URN; {}", known());
            return Err(self.error(start, message));
        }
        let (name, keys) = word.split_once('.').map_or((word, None), |(name, keys)| (name, Some(keys)));
        if let Some(prefix) = scope {
            return self.path(prefix, word, start);
        }
        let found = Attribute::ALL.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found, keys) {
            (None, _) => Err(self.error(start, format!("unknown attribute {word:?}; {}", known()))),
            (Some((_, Attribute::Profile(_))), Some(keys)) => self.path(&[], keys, start + name.len() + 1),
            (Some((known, _)), Some(_)) => {
                Err(self
                    .error(start + name.len(), format!("{known} has no sub-attributes; only profile has")))
            }
            (Some((_, attribute)), None) => Ok(attribute),
        }
    }

    /// `prefix` and the keys of `keys`, which starts at `start`.
    fn path(&self, prefix: &[String], keys: &str, start: usize) -> Result<Attribute, FilterError> {
        let mut path = prefix.to_vec();
        let mut at = start;
        for key in keys.split('.') {
            if key.is_empty() {
                return Err(self.error(at, "expected a key of the profile".to_owned()));
            }
            if let Some((offset, c)) = key.char_indices().find(|(_, c)| !is_key_char(*c)) {
                return Err(self.error(at + offset, format!("a key of the profile cannot contain {c:?}")));
            }
            if path.len() == MAX_DEPTH {
                let message = format!("a path into the profile has at most {MAX_DEPTH} keys");
                return Err(self.error(at, message));
            }
            path.push(key.to_owned());
            at += key.len() + 1;
        }
        Ok(Attribute::Profile(path))
    }

    fn count(&mut self, comparisons: usize, start: usize) -> Result<(), FilterError> {
        self.comparisons += comparisons;
        if self.comparisons > MAX_COMPARISONS {
            return Err(self.error(start, format!("a filter has at most {MAX_COMPARISONS} comparisons")));
        }
        Ok(())
    }

    fn comparison(&mut self, attribute: Attribute) -> Result<Filter, FilterError> {
        self.skip_space();
        let start = self.at;
        self.count(1, start)?;
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let Some((_, operator)) = Operator::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word))
        else {
            self.at = start;
            return Err(self.expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)"));
        };
        check_operator(&attribute, operator).map_err(|message| self.error(start, message))?;
        if matches!((&attribute, operator), (Attribute::Id, Operator::Sw)) {
            self.count(ID_PREFIX_COST - 1, start)?;
        }
        self.skip_space();
        let start = self.at;
        let literal = self.literal()?;
        let value = typed(&attribute, operator, literal).map_err(|message| self.error(start, message))?;
        Ok(Filter::Compare { attribute, operator, value })
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        let start = self.at;
        if self.peek() == Some('"') {
            return self.string().map(Literal::Text);
        }
        match self.word() {
            "null" => Ok(Literal::Null),
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            word if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                self.number(word, start).map(|(real, integer)| Literal::Number(real, integer))
            }
            _ => {
                self.at = start;
                Err(self.expected("a value (a string in double quotes, a number, true, false or null)"))
            }
        }
    }

    fn number(&self, word: &str, start: usize) -> Result<(f64, Option<i64>), FilterError> {
        // serde_json knows the grammar of numbers; its conversion is not always to the nearest double, Rust's
        // is.
        let syntax = serde_json::from_str::<serde_json::Number>(word);
        if let (Ok(_), Ok(real)) = (syntax, word.parse::<f64>()) {
            return Ok((real, word.parse().ok()));
        }
        Err(self.error(start, format!("{word:?} is not a JSON number, or exceeds the range of a double")))
    }

    fn string(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut escaped = false;
        let end = self.text[start + 1..].find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some(length) = end else {
            return Err(self.error(start, "this string has no closing quote".to_owned()));
        };
        self.at = start + length + 2;
        serde_json::from_str(&self.text[start..self.at]).map_err(|_| {
            let message = "this is not a JSON string: an escape or a control character in it is invalid";
            self.error(start, message.to_owned())
        })
    }

    /// Takes `word`, in any case, if it is next as a whole word.
    fn take_keyword(&mut self, word: &str) -> bool {
        self.skip_space();
        let start = self.at;
        let taken = self.word().eq_ignore_ascii_case(word);
        if !taken {
            self.at = start;
        }
        taken
    }

    /// What comes before the next space, quote, parenthesis or bracket; may be empty.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.text[self.at..].chars().next()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// The error that what comes next is not `what`.
    fn expected(&mut self, what: &str) -> FilterError {
        self.skip_space();
        let start = self.at;
        let found = match (self.word(), self.text[start..].chars().next()) {
            (_, None) => "the end of the filter".to_owned(),
            ("", Some(c)) => format!("{:?}", c.to_string()),
            (word, _) => format!("{word:?}"),
        };
        self.error(start, format!("expected {what}, found {found}"))
    }

    fn error(&self, at: usize, message: String) -> FilterError {
        FilterError { position: self.text[..at].chars().count(), message }
    }
}

fn known() -> String {
    let names = Attribute::ALL.map(|(name, _)| name).join(", ");
    format!("known are {names}, and keys of the profile as profile.KEY")
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_$".contains(c) || !(c.is_ascii() || c.is_whitespace() || c.is_control())
}
