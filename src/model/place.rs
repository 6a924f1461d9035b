//! Places in a JSON document. A place costs nothing until something is said of it: in a hostile body there are
//! a hundred thousand of them, and each could be written as half a megabyte.

use super::user::FieldError;

/// Most errors that are told of one body; whoever mends a hundred may ask again.
pub const ERRORS_MAX: usize = 100;
/// Most bytes of a place as it is written; the rest is cut off.
const WRITTEN_MAX: usize = 512;

/// A place, known by its parents.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The whole document.
    pub const ROOT: Place<'static> = Place { parent: None, step: Step::Root };

    /// A member of the object here.
    #[must_use]
    pub fn member(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    /// An element of the array here, counted from 0.
    #[must_use]
    pub fn element(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// Adds what is wrong here, unless enough was said already.
    pub fn wrong(&self, errors: &mut Vec<FieldError>, detail: impl Into<String>) {
        if errors.len() < ERRORS_MAX {
            errors.push(FieldError::new(self.pointer(), detail));
        }
    }

    /// The JSON Pointer (RFC 6901), cut off where it gets long.
    pub fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            steps.push(here.step);
            place = here.parent;
        }
        let mut text = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Root => {}
                Step::Index(index) => {
                    text.push('/');
                    text.push_str(&index.to_string());
                }
                Step::Name(name) => {
                    let shown: String = name.chars().take(WRITTEN_MAX).collect();
                    text.push('/');
                    text.push_str(&shown.replace('~', "~0").replace('/', "~1"));
                }
            }
            if text.len() > WRITTEN_MAX {
                let end = text.floor_char_boundary(WRITTEN_MAX);
                text.truncate(end);
                text.push('…');
                break;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_pointers() {
        let root = Place::ROOT;
        let (a, long) = (root.member("a~/b"), "k".repeat(100_000));
        let third = a.element(2);
        assert_eq!(root.pointer(), "");
        assert_eq!(third.pointer(), "/a~0~1b/2");
        assert!(root.member(&long).pointer().len() < 600);
    }

    #[test]
    fn enough_is_enough() {
        let mut errors = Vec::new();
        (0..1_000).for_each(|index| Place::ROOT.element(index).wrong(&mut errors, "is wrong"));
        assert_eq!(errors.len(), ERRORS_MAX);
    }
}
