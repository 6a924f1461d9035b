//! One image for every step: only environment and arguments differ.

use std::collections::BTreeSet;

use super::site::{IMAGE, Site, TOKEN};
use crate::shell::run;

fn options(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_image_takes_every_step() {
    let site = Site::with_postgres();
    let database = site.database("roster");
    let image = run("docker", &["image", "inspect", "--format", "{{.Id}}", IMAGE]);
    assert!(site.done("migrate", &database, &["migrate"]).contains("applied: 0001_directory"));

    let people = site.mount("people.csv", "Login,Mail\nAda,ada@example.com\nGrace,grace@example.com\n");
    let import = [&database[..], &options(&["--volume", &people])].concat();
    let told = site.done(
        "import",
        &import,
        &["import", "/run/secrets/people.csv", "--map", "Login=name", "--map", "Mail=email"],
    );
    assert!(told.starts_with("rows: 2, created: 2,"), "{told}");

    site.serve("web", &[&database[..], &options(&["--env", "ROSTER_MIGRATE=off"])].concat(), &[]);
    let token = site.mount("first-token", TOKEN);
    let client = options(&[
        "--volume",
        &token,
        "--env",
        "ROSTER_TOKEN_FILE=/run/secrets/first-token",
        "--env",
        "ROSTER_URL=http://web:8080",
        "--env",
        "ROSTER_INSECURE_HTTP=true",
    ]);
    let list = site.done("client", &client, &["users", "list", "--output", "csv"]);
    assert!(list.contains("ada@example.com") && list.contains("grace@example.com"), "{list}");
    let given =
        site.done("token", &database, &["token", "create", "--name", "reporting", "--role", "reader"]);
    assert!(given.starts_with("rst_"), "{}", given.len());
    assert!(site.done("export", &database, &["export", "--format", "csv"]).contains("ada@example.com"));

    // The laptop's database, by nothing but another volume.
    let sqlite = options(&["--volume", &format!("{}-file:/data", site.volume())]);
    site.serve("file", &sqlite, &[]);
    run("docker", &["stop", &site.named("web"), &site.named("file")]);

    let mut users = BTreeSet::new();
    for name in ["migrate", "import", "web", "client", "token", "export", "file"] {
        let container = site.inspect(name);
        assert_eq!(container["Image"], image.as_str(), "{name}");
        assert_eq!(container["State"]["ExitCode"], 0, "{name}");
        assert_eq!(container["Config"]["Entrypoint"][0], "/roster", "{name}");
        // Nothing was changed in any of them either.
        assert!(site.changes(name).is_empty(), "{name}: {:?}", site.changes(name));
        users.insert(container["Config"]["User"].to_string());
    }
    assert_eq!(users.len(), 1, "{users:?}");
}
