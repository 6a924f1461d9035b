//! Images that are no good.

use serde_json::json;

use super::installation::{Installation, loaded, name_of};
use super::traffic::Traffic;
use crate::shell::{outcome, told};

/// An image that nobody has, and one whose program ends at once: the old pods serve on, the rollout is said to be stuck,
/// and one command takes it back.
#[test]
fn a_bad_image_never_becomes_ready() {
    let roster = Installation::ready();
    // Sooner than in the manifests, to save time; longer than a good pod takes.
    let deadline = json!({ "spec": { "progressDeadlineSeconds": 15 } }).to_string();
    let missing = format!("{}-missing", roster.images[0]);
    for bad in [missing, loaded("roster-load:dev", "")] {
        roster.kubectl(&["patch", "deployment", "roster", "--patch", &deadline]);
        let traffic = Traffic::start(&roster);
        let before: Vec<String> = roster.pods().iter().map(name_of).collect();
        roster.kubectl(&["set", "image", "deployment/roster", &format!("roster={bad}")]);
        let arguments =
            ["--namespace", &roster.namespace, "rollout", "status", "deployment/roster", "--timeout=90s"];
        let status = outcome("kubectl", &arguments);
        let text = told(&status);
        assert!(!status.status.success() && text.contains("exceeded its progress deadline"), "{text}");
        let pods = roster.pods();
        let ready: Vec<String> =
            pods.iter().filter(|pod| super::cluster::has(pod, "Ready")).map(name_of).collect();
        assert_eq!(ready.len(), before.len(), "{pods:?}");
        assert!(ready.iter().all(|name| before.contains(name)), "{ready:?} instead of {before:?}");
        roster.kubectl(&["rollout", "undo", "deployment/roster"]);
        roster.rolled_out();
        let took = roster.settled();
        let what = format!("{bad} refused, and undone in {:.1} s", took.as_secs_f64());
        traffic.end(&roster).print(&what).assert_none_failed();
        let after: Vec<String> = roster.pods().iter().map(name_of).collect();
        assert!(after.iter().all(|name| before.contains(name)), "the old pods were replaced");
    }
}
