//! A filter is read or refused, never a panic; what is read means the same after it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roster::model::filter::Filter;

fuzz_target!(|text: &str| {
    if let Ok(filter) = Filter::parse(text) {
        let written = filter.to_string();
        // Writing spells out paths and may thus pass the limit on the length; nothing else may be refused.
        if let Ok(again) = Filter::parse(&written) {
            assert_eq!(filter, again, "{written}");
        } else {
            assert!(written.len() > roster::model::filter::MAX_BYTES, "{written}");
        }
    }
});
