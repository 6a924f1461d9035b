//! What the check of a credential costs: processor time of the server for each request for one user, beside a server
//! that asks for none.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::load::{self, Wrk};
use super::report::{self, Contender, Sample};
use super::server::{Server, TOKEN};
use super::{Options, SMALL, fill, fresh_directory, mixed, release};
use crate::python;
use crate::shell::{Failure, Workspace, say};

/// Fewest rounds: each is one pair for either kind of credential.
const ROUNDS: usize = 10;
/// Different users that are asked for.
const VARIETY: u64 = 10_000;

/// An issuer of JWTs in a process of its own; dropping it ends it.
struct Issuer {
    child: Child,
    url: String,
    token: String,
}

impl Issuer {
    fn start(workspace: &Workspace) -> Result<Self, Failure> {
        let mut command = Command::new(python::environment(workspace, &python::TESTS)?);
        command.arg("-B").arg(workspace.root.join("bench/issuer.py"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Failure::new(format!("cannot run the issuer: {error}")))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        let (url, token) = line.trim_end().split_once(' ').unwrap_or_default();
        let issuer = Self { child, url: url.to_owned(), token: token.to_owned() };
        if issuer.token.is_empty() { Err(Failure::new("the issuer gave no token")) } else { Ok(issuer) }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

struct Bench {
    open: Server,
    guarded: Server,
    issuer: Issuer,
    wrk: Wrk,
    paths: PathBuf,
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<String, Failure> {
    let program = release(workspace)?;
    let directory = fresh_directory(workspace)?;
    let database = fill::sqlite(&program, &directory.join("users.db"), SMALL)?;
    let issuer = Issuer::start(workspace)?;
    let arguments =
        ["serve", "--database-url", &database, "--oidc-issuer", &issuer.url, "--oidc-audience", "roster"];
    let ids = (0..VARIETY).map(|number| format!("/users/{}", mixed(number) % SMALL + 1));
    let bench = Bench {
        open: Server::with(&program, &["demo", "--log-format", "json"])?,
        guarded: Server::with(&program, &arguments)?,
        issuer,
        wrk: Wrk::find_or_install(workspace, options.seconds)?,
        paths: load::write_paths(&directory.join("paths"), ids)?,
    };
    for server in [&bench.open, &bench.guarded] {
        server.first_ok(server.ops(), "/readyz")?;
    }
    let mut contenders = [
        Contender::new("no credential (`demo`)", &[]),
        Contender::new("a token of Roster's own", &[0]),
        Contender::new("a JWT that was seen before", &[0]),
    ];
    let rounds = options.rounds.max(ROUNDS);
    for round in 0..rounds {
        say(&format!("round {} of {rounds}", round + 1));
        for (contender, sample) in contenders.iter_mut().zip(bench.round()?) {
            contender.samples.push(sample);
        }
    }
    let table =
        report::table("one user of 1000 on SQLite", "processor µs per request", &report::RATE, &contenders);
    let _ = std::fs::remove_dir_all(&directory);
    Ok(table)
}

impl Bench {
    fn round(&self) -> Result<[Sample; 3], Failure> {
        Ok([
            self.cost(&self.open, TOKEN)?,
            self.cost(&self.guarded, TOKEN)?,
            self.cost(&self.guarded, &self.issuer.token)?,
        ])
    }

    /// Processor time of the server for each request, in microseconds; and the rate.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few digits are shown"
    )]
    fn cost(&self, server: &Server, token: &str) -> Result<Sample, Failure> {
        let before = server.processor_time()?;
        let sample = self.wrk.get_as(token, server.public(), &self.paths)?;
        let seconds = server.processor_time()? - before;
        let requests = sample.value * self.wrk.seconds() as f64;
        Ok(Sample { value: seconds * 1e6 / requests, aside: sample.value as u64 })
    }
}
