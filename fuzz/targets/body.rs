//! Bodies: whatever passes as a user passes again as it is written, and a patch of nothing changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roster::model::json::parse_object;
use roster::model::user::{Draft, apply_merge_patch, draft_for_create, draft_for_replace};
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = parse_object(bytes) else { return };
    let Ok(draft) = draft_for_create(&body) else { return };
    let user = draft.clone().into_user(1, 1, 0, 0);
    assert_eq!(Draft::from(&user), draft);
    let Value::Object(written) = user.to_json() else { unreachable!("a user is an object") };
    assert_eq!(draft_for_replace(&written, &user).as_ref(), Ok(&draft));
    assert_eq!(apply_merge_patch(&Map::new(), &user).as_ref(), Ok(&draft));
});
