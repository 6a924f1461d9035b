//! Entity tags and the conditions that clients make with them (RFC 9110 sections 8.8.3 and 13.1).

/// An entity tag without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whether it was marked `W/`.
    pub weak: bool,
    /// The opaque part.
    pub opaque: String,
}

/// The value of an `If-Match` or `If-None-Match` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`
    Any,
    /// A list of tags.
    Tags(Vec<Tag>),
}

impl Condition {
    /// Reads a field value; `None` when it follows neither form.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(Self::Tags(tags));
            }
            let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |after| (true, after));
            let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if opaque.chars().any(|c| c.is_control() || c == ' ') {
                return None;
            }
            tags.push(Tag { weak, opaque: opaque.to_owned() });
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    /// Strong comparison, as `If-Match` demands: weak tags never match.
    pub fn matches_strongly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| !tag.weak && tag.opaque == opaque),
        }
    }

    /// Weak comparison, as `If-None-Match` demands.
    pub fn matches_weakly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| tag.opaque == opaque),
        }
    }
}

/// The opaque part of a user's tag.
pub fn of_version(version: i64) -> String {
    version.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_stars() {
        assert_eq!(Condition::parse("*"), Some(Condition::Any));
        let both = Condition::parse(r#""1", W/"2""#).unwrap();
        assert!(both.matches_strongly("1") && !both.matches_strongly("2") && both.matches_weakly("2"));
        for text in ["", "1", "\"1", "\"1\" \"2\"", "w/\"1\"", "\"a b\"", ","] {
            assert_eq!(Condition::parse(text), None, "{text}");
        }
    }
}
