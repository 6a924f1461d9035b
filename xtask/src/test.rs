//! `cargo xtask test`: everything that guards a change, on a fresh machine.

use std::path::PathBuf;
use std::process::Command;

use crate::postgres::{self, Server};
use crate::promtool;
use crate::python;
use crate::replicas;
use crate::shell::{self, Failure, Workspace, say};
use crate::stages::Stages;
use crate::workflows;

/// A superuser's URL of the PostgreSQL that the tests use.
const POSTGRES_URL: &str = "ROSTER_TEST_POSTGRES_URL";
/// The directory of `initdb`, `pg_ctl` and `postgres`, for tests that start a server of their own.
const POSTGRES_BIN: &str = "ROSTER_TEST_POSTGRES_BIN";
/// The Python interpreter that has the tools of `tests/requirements.txt`.
const PYTHON: &str = "ROSTER_TEST_PYTHON";
/// Prometheus' own tool, which judges alerts and queries.
const PROMTOOL: &str = "ROSTER_TEST_PROMTOOL";

struct Options<'a> {
    fast: bool,
    /// Handed to `cargo test` as they are.
    rest: &'a [String],
}

/// Runs the stages until one fails, then prints their seconds.
///
/// # Errors
/// What the first failing stage says, with its exit code.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let options = parse(args)?;
    let mut stages = Stages::default();
    let result = all(workspace, &options, &mut stages);
    stages.summarise();
    result
}

fn parse(args: &[String]) -> Result<Options<'_>, Failure> {
    let (own, rest) = match args.iter().position(|argument| argument == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &args[args.len()..]),
    };
    match own {
        [] => Ok(Options { fast: false, rest }),
        [only] if only == "--fast" => Ok(Options { fast: true, rest }),
        _ => Err(Failure::usage("usage: cargo xtask test [--fast] [-- ARGS OF CARGO TEST]")),
    }
}

fn all(workspace: &Workspace, options: &Options<'_>, stages: &mut Stages) -> Result<(), Failure> {
    let external = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty());
    let programs = stages.run("tools", || programs(external.is_some()))?;
    let promtool = stages.run("promtool", || promtool::find_or_unpack(workspace))?;
    let python = stages.run("python", || python::environment(workspace, &python::TESTS))?;
    if !options.fast {
        stages.run("format", || shell::run(&mut workspace.cargo(&["fmt", "--all", "--check"])))?;
        stages.run("lints", || {
            // `e2e` is no target of a plain `cargo test`, and so none of `--all-targets`.
            [&["--workspace", "--all-targets"][..], &["--test", "e2e"]].into_iter().try_for_each(|targets| {
                let mut clippy = workspace.cargo(&["clippy", "--locked"]);
                shell::run(clippy.args(targets).args(["--", "-D", "warnings"]))
            })
        })?;
        stages.run("workflows", || workflows::stage(workspace))?;
    }
    let base = ["test", "--workspace", "--locked"];
    stages.run("build", || shell::run(workspace.cargo(&base).arg("--no-run").args(options.rest)))?;
    let server = match (&external, &programs) {
        (None, Some(bin)) => Some(stages.run("postgresql", || start(workspace, bin))?),
        _ => None,
    };
    let prepare = |tests: &mut Command| {
        tests.env(PYTHON, &python).env(PROMTOOL, &promtool);
        if let Some(bin) = &programs {
            tests.env(POSTGRES_BIN, bin);
        }
        if let Some(server) = &server {
            tests.env(POSTGRES_URL, server.url("postgres"));
        }
    };
    let mut tests = workspace.cargo(&base);
    prepare(tests.args(options.rest));
    stages.run("tests", || shell::run(&mut tests))?;
    if options.rest.is_empty() {
        stages.run("replicas", || replicas::run(workspace, prepare))?;
    }
    Ok(())
}

/// The directory of the PostgreSQL programs; `None` if a server was named and they are not here.
fn programs(server_named: bool) -> Result<Option<PathBuf>, Failure> {
    if !server_named {
        return postgres::find_or_install().map(Some);
    }
    say(&format!("using the PostgreSQL that {POSTGRES_URL} names"));
    let found = postgres::find();
    if found.is_none() {
        say(&format!("no PostgreSQL programs here, so {POSTGRES_BIN} is not set"));
    }
    Ok(found)
}

fn start(workspace: &Workspace, bin: &std::path::Path) -> Result<Server, Failure> {
    let server = Server::start(workspace, bin)?;
    say(&format!("PostgreSQL of {} at {}", bin.display(), server.url("postgres")));
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_follows_the_first_dashes_goes_to_cargo_test() {
        let given = args(&["--fast", "--", "users", "--", "--nocapture"]);
        let options = parse(&given).ok().map(|options| (options.fast, options.rest.join(" ")));
        assert_eq!(options, Some((true, "users -- --nocapture".to_owned())));
        assert!(parse(&args(&[])).is_ok_and(|options| !options.fast && options.rest.is_empty()));
        assert!(parse(&args(&["users"])).is_err_and(|failure| failure.code == 2));
    }
}
