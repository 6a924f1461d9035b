//! The images that the end-to-end tests run: the program's own, and one with the load client.

use std::process::Command;

use crate::apt;
use crate::release;
use crate::shell::{self, Failure, Workspace, say, succeeds};

/// The program's image, under the name that the guide gives it.
const IMAGE: &str = "roster:dev";
/// The load client's.
const LOAD: &str = "roster-load:dev";
/// That of the release after this one, for tests of an upgrade.
const NEXT: &str = "roster-next:dev";
/// The database's. Nodes may have it, or a registry to pull it from.
const DATABASE: &str = "postgres:17";

/// Whether a Docker engine answers. Where it is missing and this may install, it is installed and started.
pub(crate) fn engine() -> bool {
    let answers = || succeeds(Command::new("docker").arg("version"));
    if answers() {
        return true;
    }
    if apt::may_install() && shell::find_in_path(&["dockerd"]).is_none() {
        // Compose is a package of another name in each of Debian's releases; the tests say what is missing.
        let _ = apt::install(&["docker.io"]);
        let _ = apt::install(&["docker-compose-v2"]).or_else(|_| apt::install(&["docker-compose-plugin"]));
    }
    if apt::is_root() {
        let _ = shell::run(Command::new("service").args(["docker", "start"]));
        for _ in 0..30 {
            if answers() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
    false
}

/// Builds the program's image by the command of the guide; what has not changed is taken from the engine's cache.
///
/// # Errors
/// It cannot be built.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let root = workspace.root.to_string_lossy();
    let commit = shell::ask("git", &["-C", &root, "rev-parse", "HEAD"]);
    let commit = commit.ok_or_else(|| Failure::missing("git cannot tell the commit"))?;
    let mut docker = Command::new("docker");
    docker.args(["build", "--quiet", "--file", "deploy/Dockerfile", "--tag", IMAGE, "--build-arg"]);
    shell::run(docker.arg(format!("ROSTER_BUILD_COMMIT={commit}")).arg(".").current_dir(&workspace.root))
}

/// Builds the image of the release after this one, which has one more migration.
///
/// # Errors
/// It cannot be built.
pub(crate) fn build_next(workspace: &Workspace) -> Result<(), Failure> {
    let build = ["build", "--quiet", "--file", "deploy/Dockerfile", "--build-arg", "FEATURES=next-schema"];
    shell::run(Command::new("docker").args(build).args(["--tag", NEXT, "."]).current_dir(&workspace.root))
}

/// Brings the images that pods run to the nodes of the cluster, by the command of the environment or as kind does it.
///
/// # Errors
/// The command fails.
pub(crate) fn to_nodes() -> Result<(), Failure> {
    let words = std::env::var("ROSTER_TEST_LOAD_IMAGE").unwrap_or_default();
    let words = if words.trim().is_empty() { "kind load docker-image".to_owned() } else { words };
    for image in [IMAGE, NEXT, LOAD, DATABASE] {
        if image == DATABASE && shell::ask("docker", &["image", "inspect", image]).is_none() {
            continue;
        }
        let mut words = words.split_whitespace();
        let program =
            words.next().ok_or_else(|| Failure::usage("ROSTER_TEST_LOAD_IMAGE names no command"))?;
        shell::run(Command::new(program).args(words).arg(image))?;
    }
    Ok(())
}

/// Builds an image with nothing but this program in it, for load from within a network.
///
/// # Errors
/// It cannot be built.
pub(crate) fn build_load(workspace: &Workspace) -> Result<(), Failure> {
    let triple = release::triple()?;
    let target = workspace.target.join("load");
    let mut cargo =
        workspace.cargo(&["build", "--release", "--locked", "--package", "xtask", "--target", triple]);
    cargo.arg("--target-dir").arg(&target).env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static");
    shell::run(cargo.env_remove("RUSTFLAGS"))?;
    let context = target.join(triple).join("release");
    let file = target.join("Dockerfile");
    // Everything else in that directory stays out of the context.
    let written = std::fs::write(
        &file,
        "FROM scratch\nCOPY xtask /xtask\nUSER 65532:65532\nENTRYPOINT [\"/xtask\", \"load\"]\n",
    )
    .and_then(|()| std::fs::write(context.join(".dockerignore"), "*\n!xtask\n"));
    written.map_err(|error| Failure::new(format!("{}: {error}", target.display())))?;
    let mut docker = Command::new("docker");
    docker.args(["build", "--quiet", "--tag", LOAD, "--file"]).arg(&file).arg(&context);
    shell::run(&mut docker)?;
    say(&format!("built {LOAD}"));
    Ok(())
}
