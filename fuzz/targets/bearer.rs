//! The `Authorization` field, one line of it a line: a credential is visible ASCII of a bounded length, and alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roster::auth::bearer::{MAX_BYTES, credential};

fuzz_target!(|input: &[u8]| {
    let lines = || input.split(|byte| *byte == b'\n');
    let Ok(found) = credential(lines()) else { return };
    assert_eq!(lines().count(), 1);
    assert!((1..=MAX_BYTES).contains(&found.len()) && found.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(input.trim_ascii_end().ends_with(found.as_bytes()));
});
