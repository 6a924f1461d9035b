//! Settings with few values.

use std::ffi::{OsStr, OsString};

use clap::Arg;
use clap::builder::{PossibleValue, TypedValueParser};

/// Names the values for help and completion but takes any text: `settings.rs` judges it.
#[derive(Clone)]
pub(in crate::config) struct Choices(pub(super) &'static [&'static str]);

impl TypedValueParser for Choices {
    type Value = OsString;

    fn parse_ref(&self, _: &clap::Command, _: Option<&Arg>, value: &OsStr) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
