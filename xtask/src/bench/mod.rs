//! `cargo xtask bench NAME`: contenders that take turns in one run, so that what else the machine does
//! meets all of them, and a table of ratios.

mod auth;
mod client;
mod fill;
mod flask;
mod growth;
mod load;
mod process;
mod report;
mod server;
mod start;
mod transfer;
mod users;

use std::path::PathBuf;

use crate::shell::{self, Failure, Workspace};

const USAGE: &str = "usage: cargo xtask bench users|transfer|start|growth|auth [--users N] [--rounds N] [--seconds N] [--save]";

/// What a benchmark is asked for.
struct Options {
    /// The size of the larger directory.
    users: u64,
    rounds: usize,
    /// How long each contender is under load in each round.
    seconds: u64,
    save: bool,
}

/// Runs a benchmark.
///
/// # Errors
/// The usage is wrong, a tool is missing, or a contender does not do what it should.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let usage = || Failure::usage(USAGE);
    let (name, rest) = args.split_first().ok_or_else(usage)?;
    let options = parse(rest).ok_or_else(usage)?;
    let table = match name.as_str() {
        "users" => users::run(workspace, &options)?,
        "transfer" => transfer::run(workspace, &options)?,
        "start" => start::run(workspace, &options)?,
        "growth" => growth::run(workspace, &options)?,
        "auth" => auth::run(workspace, &options)?,
        _ => return Err(usage()),
    };
    shell::say(&format!("\n{table}"));
    if options.save { report::save(workspace, name, &table) } else { Ok(()) }
}

fn parse(args: &[String]) -> Option<Options> {
    let mut options = Options { users: 1_000_000, rounds: 3, seconds: 5, save: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--save" => options.save = true,
            "--users" => options.users = rest.next()?.parse().ok().filter(|number| *number >= SMALL)?,
            "--rounds" => options.rounds = rest.next()?.parse().ok().filter(|number| *number > 0)?,
            "--seconds" => options.seconds = rest.next()?.parse().ok().filter(|number| *number > 0)?,
            _ => return None,
        }
    }
    Some(options)
}

/// Users in the smaller directory.
const SMALL: u64 = 1_000;

/// The program as it is released.
fn release(workspace: &Workspace) -> Result<PathBuf, Failure> {
    shell::run(&mut workspace.cargo(&["build", "--release", "--locked", "--bin", "roster"]))?;
    Ok(workspace.target.join("release/roster"))
}

/// An empty directory of this benchmark's own.
fn fresh_directory(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let directory = workspace.target.join("bench");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    Ok(directory)
}

/// Numbers in an order that says nothing of their size, the same in every run (splitmix64 without its state).
fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused() {
        let read = |line: &str| parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let options = read("--users 5000 --rounds 2 --seconds 7 --save");
        assert!(options.is_some_and(|options| {
            options.users == 5000 && options.rounds == 2 && options.seconds == 7 && options.save
        }));
        for wrong in ["--users", "--users x", "--users 5", "--rounds 0", "--shave"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
