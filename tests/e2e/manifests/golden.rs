//! What is rendered is as it was reviewed.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::generated::check;
use super::render::{all, kind};

/// Without the long texts that are compared with their sources elsewhere.
fn shortened(mut object: Value) -> Value {
    if let Some(dashboard) = object.pointer_mut("/data/roster.json") {
        *dashboard = json!("the dashboard");
    }
    if kind(&object) == "PrometheusRule" {
        object["spec"] = json!("the alerts");
    }
    object
}

#[test]
fn renders_are_as_they_were_reviewed() {
    let mut stale = Vec::new();
    for (name, objects) in all() {
        let mut text = String::new();
        for object in objects {
            writeln!(text, "{:#}", shortened(object)).unwrap();
        }
        stale.extend(check(&format!("tests/e2e/golden/{name}.json"), &text));
    }
    assert!(stale.is_empty(), "review them, then ROSTER_TEST_BLESS=1: {stale:?}");
}
