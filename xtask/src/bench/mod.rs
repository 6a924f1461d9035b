//! `cargo xtask bench NAME`: contenders that take turns in one run, so that what else the machine does
//! meets all of them, and a table of ratios.

mod process;
mod report;
mod transfer;

use std::path::PathBuf;

use crate::shell::{Failure, Workspace};

/// What a benchmark is asked for.
struct Options {
    users: u64,
    rounds: usize,
    save: bool,
}

/// Runs a benchmark.
///
/// # Errors
/// The usage is wrong, a tool is missing, or a contender does not do what it should.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let usage = || Failure::usage("usage: cargo xtask bench transfer [--users N] [--rounds N] [--save]");
    let (name, rest) = args.split_first().ok_or_else(usage)?;
    let options = parse(rest).ok_or_else(usage)?;
    let table = match name.as_str() {
        "transfer" => transfer::run(workspace, &options)?,
        _ => return Err(usage()),
    };
    if options.save { report::save(workspace, name, &table) } else { Ok(()) }
}

fn parse(args: &[String]) -> Option<Options> {
    let mut options = Options { users: 1_000_000, rounds: 3, save: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--save" => options.save = true,
            "--users" => options.users = rest.next()?.parse().ok().filter(|number| *number > 0)?,
            "--rounds" => options.rounds = rest.next()?.parse().ok().filter(|number| *number > 0)?,
            _ => return None,
        }
    }
    Some(options)
}

/// An empty directory of this benchmark's own.
fn fresh_directory(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let directory = workspace.target.join("bench");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused() {
        let read = |line: &str| parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let options = read("--users 5 --rounds 2 --save");
        assert!(options.is_some_and(|options| options.users == 5 && options.rounds == 2 && options.save));
        for wrong in ["--users", "--users x", "--rounds 0", "--shave"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
