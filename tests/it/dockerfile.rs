//! deploy/Dockerfile as text. What becomes of it is seen by `cargo xtask e2e docker`.

use std::path::Path;
use std::process::Command;

use crate::support::variable;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/Dockerfile");

/// The instructions, each on one line.
fn instructions() -> Vec<String> {
    let text = std::fs::read_to_string(FILE).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    lines.join("\n").replace("\\\n", "").lines().map(str::to_owned).collect()
}

#[test]
fn hadolint_finds_nothing() {
    let python = variable("ROSTER_TEST_PYTHON");
    let hadolint = Path::new(&python).with_file_name("hadolint");
    let output = Command::new(hadolint).args(["--no-color", FILE]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.is_empty(), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

/// What only the newer one knows is a comment in the first lines, mounts, files within the file, and options of COPY.
#[test]
fn both_builders_can_read_it() {
    let text = std::fs::read_to_string(FILE).unwrap();
    assert!(!text.to_lowercase().contains("# syntax") && !text.contains("<<"), "{text}");
    for line in instructions() {
        for option in ["--mount", "--network=", "--security=", "--link", "--chmod", "--parents", "--exclude"]
        {
            assert!(!line.contains(option), "{line}");
        }
    }
}

#[test]
fn it_ends_with_nothing_but_what_is_copied() {
    let all = instructions();
    let last = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    assert_eq!(all[last], "FROM scratch");
    assert!(
        all[last..].iter().all(|line| !line.starts_with("RUN ") && !line.starts_with("ADD ")),
        "{all:#?}"
    );
    let version = concat!("ARG ROSTER_VERSION=", env!("CARGO_PKG_VERSION"));
    assert!(all.iter().any(|line| line == version), "{version} in {all:#?}");
}

/// The context is a list of what goes in, so that nothing else can: no history and no secret.
#[test]
fn the_context_is_what_the_program_is_made_from() {
    let text = include_str!("../../.dockerignore");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let listed: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    let copied = instructions().join("\n");
    for name in listed {
        assert!(copied.contains(name) && !name.starts_with(".git") && name != "target", "{name}");
    }
}
