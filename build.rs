//! Tells the program which commit and which compiler it was made from.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ROSTER_BUILD_COMMIT");
    for path in ["HEAD", "index"] {
        // The reflog and packed refs would miss a plain commit; the index changes with every one.
        if let Some(file) = output("git", &["rev-parse", "--git-path", path]) {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    let given = option_env("ROSTER_BUILD_COMMIT");
    let commit = given.or_else(from_git).unwrap_or_else(|| "unknown".to_owned());
    // Not ROSTER_…: `cargo run` hands these to the program too, which refuses such variables that it does not know.
    println!("cargo::rustc-env=BUILD_COMMIT={commit}");
    let compiler = option_env("RUSTC").unwrap_or_else(|| "rustc".to_owned());
    let version = output(&compiler, &["--version"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=BUILD_RUSTC={version}");
}

/// The commit, with `-dirty` when tracked files differ from it. Git must not refresh its index for that: a new
/// index is a reason to build again.
fn from_git() -> Option<String> {
    let commit = output("git", &["rev-parse", "HEAD"])?;
    let changed = output("git", &["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]
fn option_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
