//! make-secrets for a PostgreSQL that is there already.

use std::process::Output;

use crate::shell::{outcome, run, told};

/// Gone with this value.
struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        outcome("kubectl", &["delete", "namespace", &self.0, "--wait=false"]);
    }
}

#[test]
fn urls_of_an_external_database_become_secrets() {
    let namespace = Namespace(format!("roster-external-{}", std::process::id()));
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let [owner, app] = ["roster_owner:one", "roster:two"]
        .map(|who| format!("postgres://{who}@db.example.com/roster?sslmode=verify-full"));
    let (owner_file, app_file) = (file("owner", &format!("{owner}\n")), file("app", &app));
    let make = |files: [&str; 2]| -> Output {
        let arguments = [&["--external"], &files[..], &[&namespace.0, "people"]].concat();
        outcome("deploy/kubernetes/make-secrets", &arguments)
    };
    let refusals = [
        ("", "is empty"),
        ("postgres://a:\"b@c/d", "a quotation mark or a backslash"),
        ("postgres://a@c/d\npostgres://a@c/e", "more than one line"),
        ("not-a-url", "begins with postgres://"),
    ];
    for (text, reason) in refusals {
        let refused = make([&owner_file, &file("bad", text)]);
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        assert!(told(&refused).contains(reason), "{}", told(&refused));
    }
    let kept = |secret: &str, key: &str| {
        let template = format!("--template={{{{index .data \"{key}\" | base64decode}}}}");
        run("kubectl", &["get", "secret", secret, "--namespace", &namespace.0, &template])
    };
    let first = make([&owner_file, &app_file]);
    assert!(first.status.success(), "{}", told(&first));
    assert_eq!(kept("people-owner", "database-url"), owner);
    assert_eq!(kept("people", "database-url"), app);
    let token = kept("people", "first-token");
    assert_eq!(token.len(), 64, "the first token");
    let again = make([&owner_file, &app_file]);
    assert!(again.status.success() && told(&again).contains("already"), "{}", told(&again));
    assert_eq!(kept("people", "first-token"), token);
    let other = make([&owner_file, &file("other", "postgres://roster:two@other.example.com/roster")]);
    assert!(other.status.code() == Some(1) && told(&other).contains("have other URLs"), "{}", told(&other));
    assert_eq!(kept("people", "database-url"), app);
    for (arguments, code, reason) in [
        (&["--sqlite", &namespace.0, "people", "more"][..], 2, "too many arguments"),
        (&[&namespace.0, "people", "--sqlite"], 2, "options come first"),
        (&["--help"], 0, "usage: make-secrets"),
    ] {
        let ended = outcome("deploy/kubernetes/make-secrets", arguments);
        assert!(ended.status.code() == Some(code) && told(&ended).contains(reason), "{}", told(&ended));
    }
}
