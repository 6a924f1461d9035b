//! From one release to the next and back, with a schema that changes in between.

use serde_json::{Value, json};

use super::installation::{IMAGE, Installation, loaded};
use super::traffic::{Traffic, fresh};
use crate::shell::run;

/// The image of the release after this one in the local engine.
const NEXT: &str = "roster-next:dev";

/// N-1 is this commit, N a build with one more migration, whose column it writes and reads. So N-1 runs on the schema
/// of N, while it is replaced and after it is back.
#[test]
fn an_upgrade_and_a_rollback_across_a_schema_change_fail_no_request() {
    let mut roster = Installation::ready();
    let next = loaded(NEXT, "");
    let (old, new) = (schema_of(IMAGE), schema_of(NEXT));
    assert_eq!(new, old + 1);
    if schema_of_database(&roster) != old {
        roster = roster.afresh();
    }
    assert_eq!((schema_of_database(&roster), images(&roster)), (old, vec![roster.images[0].clone()]));
    let before = create(&roster, "before");

    let traffic = Traffic::start(&roster);
    roster.apply(&next);
    roster.rolled_out();
    assert_eq!((schema_of_database(&roster), images(&roster)), (new, vec![next.clone()]));
    let between = create(&roster, "between");
    assert_eq!((written_by(&roster, before), written_by(&roster, between)), (Some(old), Some(new)));

    roster.kubectl(&["rollout", "undo", "deployment/roster"]);
    roster.rolled_out();
    roster.settled();
    assert_eq!((schema_of_database(&roster), images(&roster)), (new, vec![roster.images[0].clone()]));
    assert_eq!(written_by(&roster, between), None, "this release knows nothing of it");
    let profile = json!({ "profile": { "by": "the release before" } });
    let patched = roster.send("PATCH", &format!("/users/{between}"), Some(&profile)).unwrap();
    assert_eq!(patched.status, 200, "{}", patched.body);
    let what = format!("the program and its schema from {old} to {new}, and the program back");
    traffic.end(&roster).print(&what).assert_none_failed();
}

/// The schema that a program is made for.
fn schema_of(image: &str) -> i64 {
    let told = run("docker", &["run", "--rm", image, "version", "--json"]);
    let version: Value = serde_json::from_str(&told).unwrap();
    version["schema"].as_i64().unwrap()
}

fn schema_of_database(roster: &Installation) -> i64 {
    let statement = "SELECT max(version) FROM schema_migrations";
    let psql = ["psql", "--username=postgres", "--dbname=roster", "--no-align", "--tuples-only", "--command"];
    let arguments = [&["exec", "roster-database-0", "--"][..], &psql, &[statement]].concat();
    roster.kubectl(&arguments).parse().unwrap()
}

/// The images of all pods that stay.
fn images(roster: &Installation) -> Vec<String> {
    let pods = roster.pods();
    let stay = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let mut all: Vec<String> =
        stay.map(|pod| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()).collect();
    all.dedup();
    all
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
