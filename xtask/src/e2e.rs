//! `cargo xtask e2e`: the guide's chapters, and the tests of tests/e2e, on a real engine or cluster.

use std::process::Command;

use crate::guide;
use crate::image;
use crate::shell::{self, Failure, Workspace, say, succeeds};
use crate::stages::Stages;

const USAGE: &str = "usage: cargo xtask e2e docker|compose|kubernetes [--no-guide] [-- ARGS OF THE TESTS]";

/// One place to run in.
struct Place {
    name: &'static str,
    /// Chapters of the guide, in order.
    chapters: &'static [&'static str],
    /// Modules of tests/e2e.
    tests: &'static [&'static str],
}

const PLACES: [Place; 3] = [
    Place { name: "docker", chapters: &["flask", "laptop", "docker"], tests: &["docker::"] },
    Place { name: "compose", chapters: &["compose"], tests: &["compose::"] },
    Place {
        name: "kubernetes",
        chapters: &[
            "kubernetes",
            "workflow-code",
            "workflow-infrastructure",
            "workflow-configuration",
            "workflow-patching",
        ],
        tests: &["manifests::", "kubernetes::"],
    },
];

/// Runs the chapters and the tests of one place.
///
/// # Errors
/// The usage is wrong, or something fails; what a place needs is missing, and `CI` is `true`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let (name, rest) = args.split_first().ok_or_else(|| Failure::usage(USAGE))?;
    let place = PLACES.iter().find(|place| place.name == name).ok_or_else(|| Failure::usage(USAGE))?;
    let (guided, filters) = match rest {
        [] => (true, &[][..]),
        [flag] if flag == "--no-guide" => (false, &[][..]),
        [dashes, filters @ ..] if dashes == "--" => (true, filters),
        [flag, dashes, filters @ ..] if flag == "--no-guide" && dashes == "--" => (false, filters),
        _ => return Err(Failure::usage(USAGE)),
    };
    if let Some(missing) = missing(place) {
        return skipped(place, missing);
    }
    let mut stages = Stages::default();
    let result = all(workspace, place, guided, filters, &mut stages);
    stages.summarise();
    result
}

/// What this machine lacks for a place.
fn missing(place: &Place) -> Option<&'static str> {
    if !image::engine() {
        return Some("no Docker engine answers, and none can be started here");
    }
    if place.name == "compose" && !succeeds(Command::new("docker").args(["compose", "version"])) {
        return Some("Docker has no Compose (docker compose, version 2)");
    }
    let cluster = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
    (place.name == "kubernetes" && !cluster).then_some("KUBECONFIG names no cluster")
}

fn skipped(place: &Place, missing: &str) -> Result<(), Failure> {
    if shell::is_ci() {
        return Err(Failure::missing(format!("e2e {}: {missing}", place.name)));
    }
    say(&format!("e2e {}: skipped: {missing}", place.name));
    Ok(())
}

fn all(
    workspace: &Workspace,
    place: &Place,
    guided: bool,
    filters: &[String],
    stages: &mut Stages,
) -> Result<(), Failure> {
    stages.run("image", || image::build(workspace))?;
    stages.run("load image", || image::build_load(workspace))?;
    if place.name == "kubernetes" {
        stages.run("next image", || image::build_next(workspace))?;
        stages.run("to nodes", image::to_nodes)?;
    }
    for chapter in place.chapters.iter().filter(|_| guided) {
        stages.run(chapter, || guide::chapter(workspace, chapter))?;
    }
    let tested = stages.run("tests", || tests(workspace, place, filters));
    if place.name == "kubernetes" {
        stages.run("clean up", clean_up)?;
    }
    tested
}

fn tests(workspace: &Workspace, place: &Place, filters: &[String]) -> Result<(), Failure> {
    let mut tests = workspace.cargo(&["test", "--locked", "--test", "e2e", "--"]);
    tests.args(["--test-threads", "1", "--nocapture"]);
    if filters.is_empty() {
        tests.args(place.tests);
    } else {
        tests.args(filters);
    }
    shell::run(&mut tests)
}

/// The tests in a cluster share an installation; it goes when all of them have run.
fn clean_up() -> Result<(), Failure> {
    let delete = |objects: &[&str]| {
        shell::run(Command::new("kubectl").arg("delete").args(objects).arg("--ignore-not-found"))
    };
    delete(&["namespace", "roster-e2e", "--timeout=180s"])?;
    // It belongs to no namespace.
    delete(&["clusterrolebinding", "roster-issuer-keys"])
}
