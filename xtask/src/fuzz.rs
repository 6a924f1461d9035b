//! `cargo xtask fuzz`: libFuzzer over everything that reads what clients send.

use std::fs;
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say};
use crate::tools;

const VERSION: &str = "0.13.2";
const TARGETS: [&str; 4] = ["filter", "body", "tokens", "jwt"];
const SECONDS: u32 = 600;

/// Runs one target, or all of them, for some seconds each.
///
/// # Errors
/// A target finds something, there is no nightly compiler, or cargo-fuzz cannot be installed.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let (target, seconds) = read(args)?;
    if shell::ask("cargo", &["+nightly", "--version"]).is_none() {
        return Err(Failure::usage(
            "fuzzing needs a nightly compiler: rustup toolchain install nightly".to_owned(),
        ));
    }
    let program = tools::find_or_install(workspace, "cargo-fuzz", VERSION)?;
    for target in TARGETS.iter().filter(|known| target.as_deref().is_none_or(|wanted| wanted == **known)) {
        // What it finds stays on this machine; what is worth keeping is committed as a seed.
        let found = workspace.target.join("fuzz-corpus").join(target);
        fs::create_dir_all(&found).map_err(|error| Failure::new(format!("{}: {error}", found.display())))?;
        let seeds = workspace.root.join("fuzz/corpus").join(target);
        let mut command = Command::new(&program);
        // No sanitizer: the code has no `unsafe`, and without one it runs ten times as many inputs.
        command.args(["fuzz", "run", "--sanitizer", "none", target]).arg(&found);
        command.args(Some(seeds).filter(|seeds| seeds.is_dir()));
        command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5", "-rss_limit_mb=1024"]);
        command.env("RUSTUP_TOOLCHAIN", "nightly").current_dir(&workspace.root);
        say(&format!("== fuzz {target}, {seconds} s"));
        shell::run(&mut command)?;
    }
    Ok(())
}

fn read(args: &[String]) -> Result<(Option<String>, u32), Failure> {
    let mut target = None;
    let mut seconds = SECONDS;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--seconds" {
            let number = rest.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
            seconds = number.ok_or_else(|| Failure::usage("--seconds takes a number from 1".to_owned()))?;
        } else if target.is_none() && TARGETS.contains(&arg.as_str()) {
            target = Some(arg.clone());
        } else {
            return Err(Failure::usage(format!("{arg:?} is not a target; there are {}", TARGETS.join(", "))));
        }
    }
    Ok((target, seconds))
}
