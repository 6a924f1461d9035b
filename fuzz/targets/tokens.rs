//! The opaque texts that clients send back: cursors, positions, entity tags, sort orders, names of fields.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roster::model::etag::Condition;
use roster::model::listing::{Listing, Sort};
use roster::model::position::Position;
use roster::model::user::Field;

fuzz_target!(|text: &str| {
    if let Some(position) = Position::decode(text) {
        assert_eq!(position.encode(), text);
    }
    if let Ok(after) = Listing::default().read_cursor(text) {
        let written = Listing::default().cursor(&after);
        assert_eq!(Listing::default().read_cursor(&written), Ok(after));
    }
    if let Some(field) = Field::parse(text) {
        assert_eq!(field.name(), text);
    }
    let _ = (Condition::parse(text), Sort::parse(text));
});
