//! The project's own commands, for developers and CI: `cargo xtask help`.
//!
//! It has no dependencies and never links the program itself: what it checks, it runs.

mod apt;
mod bench;
mod deny;
mod e2e;
mod fuzz;
mod guide;
mod image;
mod kind;
mod load;
mod openapi;
mod postgres;
mod promtool;
mod python;
mod release;
mod replicas;
mod sbom;
mod shell;
mod stages;
mod tag;
mod test;
mod tools;
mod workflows;

use std::process::ExitCode;

use shell::{Failure, Workspace, say, warn};

const HELP: &str = "\
Usage: cargo xtask COMMAND

Commands:
  test [--fast] [-- ARGS]         Pass every test. Finds PostgreSQL, promtool and the Python tools, or installs them
                                  where it may, checks format and lints, starts a throw-away PostgreSQL, runs cargo test.
                                  --fast leaves out format and lints. ARGS go to cargo test: a name to filter by,
                                  or options, as in `cargo xtask test -- --test it users -- --nocapture`
  openapi [--check]               Write openapi.json from the program; --check only compares
  deny [--require-advisories]     Check licences, sources and bans of the dependencies with cargo-deny, and the
                                  advisories if their database can be fetched
  fuzz [TARGET] [--seconds N]     Fuzz what reads the clients' input: filter, body, tokens, jwt, bearer, or all, for N
                                  seconds each (600); needs a nightly compiler
  release [--check | --print]     Build the static program for this machine's architecture; --check builds it twice
                                  from nothing and compares the bytes, --print prints the build as a shell's line
  tag VERSION                     Check that Cargo.toml, the chart and CHANGELOG.md agree with a release's tag (v1.2.3), and
                                  print the release's notes
  sbom                            Write what the program is made from, as CycloneDX, to target/sbom
  workflows                       Hold the workflows of .github to the project's rules, and to actionlint, which is
                                  installed with Go where it is missing
  kind up|env|down                A Kubernetes of containers for e2e kubernetes: start it, print the settings that name
                                  it (eval \"$(cargo xtask kind env)\"), delete it; needs Docker, kubectl and Go
  guide [CHAPTER]                 Run every command of a chapter of docs/guide and compare what it prints with what is
                                  shown there; without a name, list the chapters
  e2e PLACE [--no-guide] [-- ARGS]
                                  Build the image, then run the guide's chapters and the tests of tests/e2e for docker,
                                  compose or kubernetes (any cluster that KUBECONFIG names). Skipped where there is no
                                  engine or cluster, which is a failure when CI is true
  load URL [--clients N] [--seconds N] [--think MS] [--prefix NAME] [--host NAME] [--token-file F] [--get PATH]
                                  Create users (or read PATH) over kept connections without ever retrying, and print
                                  what failed, as lines of JSON
  bench NAME [--users N] [--rounds N] [--seconds N] [--save]
                                  Measure in the release build, in turns with its peers; --save writes the table to
                                  bench/RESULTS.md. users: reads and creates, beside the v1 Flask app and pgbench;
                                  transfer: import and export beside PostgreSQL's own bulk commands; start: start
                                  time, memory, size; growth: every indexed read from 1,000 users to N (1000000);
                                  auth: what the check of a credential costs
  help                            Print this

Environment:
  ROSTER_TEST_POSTGRES_URL        Use this PostgreSQL, as a superuser, instead of starting one:
                                  postgres://USER:PASSWORD@HOST:PORT/DATABASE
  ROSTER_TEST_LOAD_IMAGE          The command that brings an image of the local engine to the cluster's nodes; the
                                  image follows it (kind load docker-image)
  ROSTER_TEST_BREAK_NODE          The command that breaks and mends a node; kill, start, cut or join and the node's
                                  name follow it (by default docker, on kind's nodes)
  CARGO_TARGET_DIR                Where builds, tools and test databases go (target)

Exit code: 0, or that of what failed; 2 when a tool is missing or the usage is wrong.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn(&format!("cargo xtask: {}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::locate()?;
    let (command, rest) = args.split_first().map_or(("help", args), |(first, rest)| (first.as_str(), rest));
    match command {
        "test" => test::run(&workspace, rest),
        "openapi" => openapi::run(&workspace, flag(rest, "--check")?),
        "deny" => deny::run(&workspace, flag(rest, "--require-advisories")?),
        "fuzz" => fuzz::run(&workspace, rest),
        "release" => release::run(&workspace, &release::Task::from_args(rest)?),
        "bench" => bench::run(&workspace, rest),
        "e2e" => e2e::run(&workspace, rest),
        "guide" => guide::run(&workspace, rest),
        "load" => load::run(rest),
        "tag" => tag::run(&workspace, rest),
        "sbom" => no_options(rest).and_then(|()| sbom::run(&workspace)),
        "workflows" => no_options(rest).and_then(|()| workflows::run(&workspace)),
        "kind" => kind::run(&workspace, rest),
        "help" | "--help" | "-h" => {
            say(HELP.trim_end());
            Ok(())
        }
        unknown => Err(Failure::usage(format!("no command {unknown:?}; `cargo xtask help` lists them"))),
    }
}

/// Whether the only flag that a command knows was given.
fn flag(args: &[String], known: &str) -> Result<bool, Failure> {
    match args {
        [] => Ok(false),
        [only] if only == known => Ok(true),
        _ => Err(Failure::usage(format!("the one option here is {known}, not {:?}", args.join(" ")))),
    }
}

fn no_options(args: &[String]) -> Result<(), Failure> {
    if args.is_empty() { Ok(()) } else { Err(Failure::usage("this command takes no options")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_the_known_one_or_absent() {
        let args = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(!flag(&args(&[]), "--check").unwrap_or(true));
        assert!(flag(&args(&["--check"]), "--check").unwrap_or(false));
        assert!(flag(&args(&["--chekc"]), "--check").is_err_and(|failure| failure.code == 2));
        assert!(flag(&args(&["--check", "--check"]), "--check").is_err());
    }
}
