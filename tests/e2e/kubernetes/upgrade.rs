//! From one release to the next and back, with a schema that changes in between.

use serde_json::{Value, json};

use super::installation::{IMAGE, Installation, loaded};
use super::program::{NEXT, Program, schema_of_database, version_of};
use super::traffic::{Traffic, fresh};

/// N-1 is this commit, N a build with one more migration, whose column it writes and reads. So N-1 runs on the schema
/// of N, while it is replaced and after it is back.
#[test]
fn an_upgrade_and_a_rollback_across_a_schema_change_fail_no_request() {
    let mut roster = Installation::ready();
    let next = loaded(NEXT, "");
    let old = Program::running(&roster);
    assert_eq!(old.version, version_of(IMAGE));
    if schema_of_database(&roster) != old.schema() {
        roster = roster.afresh();
    }
    assert_eq!(schema_of_database(&roster), old.schema());
    let before = create(&roster, "before");

    let traffic = Traffic::start(&roster);
    roster.apply(&next);
    roster.rolled_out();
    let new = Program::running(&roster);
    assert_eq!(new.version, version_of(NEXT));
    assert_ne!(old.image_id, new.image_id);
    assert_eq!((new.schema(), schema_of_database(&roster)), (old.schema() + 1, old.schema() + 1));
    let between = create(&roster, "between");
    let written = (written_by(&roster, before), written_by(&roster, between));
    assert_eq!(written, (Some(old.schema()), Some(new.schema())));

    roster.kubectl(&["rollout", "undo", "deployment/roster"]);
    roster.rolled_out();
    roster.settled();
    assert_eq!((Program::running(&roster), schema_of_database(&roster)), (old.clone(), new.schema()));
    assert_eq!(written_by(&roster, between), None, "this release knows nothing of it");
    let profile = json!({ "profile": { "by": "the release before" } });
    let patched = roster.send("PATCH", &format!("/users/{between}"), Some(&profile)).unwrap();
    assert_eq!(patched.status, 200, "{}", patched.body);
    let (old, new) = (old.schema(), new.schema());
    let what = format!("the program and its schema from {old} to {new}, and the program back");
    traffic.end(&roster).print(&what).assert_none_failed();
}

/// Creates a user; its id.
fn create(roster: &Installation, what: &str) -> i64 {
    let answer = roster.send("POST", "/users", Some(&json!({ "name": fresh(what) }))).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    serde_json::from_str::<Value>(&answer.body).unwrap()["id"].as_i64().unwrap()
}

/// What the next release says about who wrote a user.
fn written_by(roster: &Installation, id: i64) -> Option<i64> {
    let answer = roster.send("GET", &format!("/users/{id}"), None).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    Some(answer.headers.get("roster-written-by-schema")?.to_str().unwrap().parse().unwrap())
}
