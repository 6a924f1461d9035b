//! Single users, pages, whole lists and creates, beside the v1 app and beside PostgreSQL's own benchmark.

use std::path::PathBuf;

use super::flask::{Flask, Peer};
use super::load::{self, Pgbench, Wrk};
use super::report::{self, Contender, Sample};
use super::server::Server;
use super::{Options, SMALL, client, fill, fresh_directory, mixed, release};
use crate::postgres::{self, Server as Postgres};
use crate::shell::{Failure, Workspace, say};

/// Users on a page.
const PAGE: u64 = 100;
/// Different single users and pages that are asked for.
const VARIETY: u64 = 10_000;

/// The three contenders, each with a directory of the same users.
struct Sites {
    postgres: Server,
    sqlite: Server,
    v1: Flask,
}

/// What of the workspace every part of the run needs.
struct Bench<'a> {
    program: PathBuf,
    directory: PathBuf,
    postgres: &'a Postgres,
    peer: Peer,
    wrk: Wrk,
}

type Measure<'a> = Box<dyn Fn(usize) -> Result<Sample, Failure> + 'a>;

/// The contenders in the order of their turns.
#[derive(Default)]
struct Turns<'a> {
    contenders: Vec<Contender>,
    measures: Vec<Measure<'a>>,
}

impl<'a> Turns<'a> {
    /// Returns the index by which others name it as their peer.
    fn add(
        &mut self,
        name: String,
        peers: &[usize],
        measure: impl Fn(usize) -> Result<Sample, Failure> + 'a,
    ) -> usize {
        self.contenders.push(Contender::new(name, peers));
        self.measures.push(Box::new(measure));
        self.measures.len() - 1
    }
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<String, Failure> {
    let bin = postgres::find_or_install()?;
    let server = Postgres::start(workspace, &bin)?;
    let bench = Bench {
        program: release(workspace)?,
        directory: fresh_directory(workspace)?,
        postgres: &server,
        peer: Peer::install(workspace)?,
        wrk: Wrk::find_or_install(workspace, options.seconds)?,
    };
    let pgbench = Pgbench::fill(&server, options.seconds)?;
    let (small, large) = (bench.sites("small", SMALL)?, bench.sites("large", options.users)?);
    let written = bench.sites("written", SMALL)?;
    let mut turns = Turns::default();
    let floor = turns.add("pgbench -S -M prepared".to_owned(), &[], |_| pgbench.select());
    bench.single(&mut turns, floor, &small, SMALL)?;
    bench.single(&mut turns, floor, &large, options.users)?;
    let first = bench.pages(&mut turns, &small, SMALL, None)?;
    bench.pages(&mut turns, &large, options.users, Some(first))?;
    bench.lists(&mut turns, &small)?;
    streams(&mut turns, &large, options.users);
    bench.creates(&mut turns, &written);
    let Turns { mut contenders, measures } = turns;
    for round in 0..options.rounds {
        say(&format!("round {} of {}", round + 1, options.rounds));
        for (contender, measure) in contenders.iter_mut().zip(&measures) {
            let sample = measure(round)?;
            say(&format!("{}: {}", contender.name, report::short(sample.value)));
            contender.samples.push(sample);
        }
    }
    Ok(report::table("requests", "per second", &report::P99, &contenders))
}

impl Bench<'_> {
    fn sites(&self, name: &str, users: u64) -> Result<Sites, Failure> {
        let file = self.directory.join(format!("{name}.db"));
        let sqlite = fill::sqlite(&self.program, &file, users)?;
        let postgres = fill::postgres(&self.program, self.postgres, name, users)?;
        let v1 = fill::v1(self.postgres, &format!("{name}_v1"), users)?;
        let sites = Sites {
            postgres: Server::start(&self.program, &postgres)?,
            sqlite: Server::start(&self.program, &sqlite)?,
            v1: self.peer.start(&v1)?,
        };
        for server in [&sites.postgres, &sites.sqlite] {
            server.first_ok(server.ops(), "/readyz")?;
        }
        sites.v1.first_ok("/users/1")?;
        Ok(sites)
    }

    fn paths(&self, name: &str, paths: impl Iterator<Item = String>) -> Result<PathBuf, Failure> {
        load::write_paths(&self.directory.join(name), paths)
    }

    fn get<'a>(&'a self, address: &'a str, paths: PathBuf) -> impl Fn(usize) -> Result<Sample, Failure> + 'a {
        move |_| self.wrk.get(address, &paths)
    }

    fn single<'a>(
        &'a self,
        turns: &mut Turns<'a>,
        floor: usize,
        sites: &'a Sites,
        users: u64,
    ) -> Result<(), Failure> {
        let ids = (0..VARIETY).map(|number| format!("/users/{}", mixed(number) % users + 1));
        let paths = self.paths(&format!("single-{users}"), ids)?;
        let name = |who: &str| format!("one of {users}: {who}");
        let v1 = turns.add(name("v1"), &[], self.get(sites.v1.address(), paths.clone()));
        let own =
            turns.add(name("PostgreSQL"), &[v1, floor], self.get(sites.postgres.public(), paths.clone()));
        turns.add(name("SQLite"), &[own], self.get(sites.sqlite.public(), paths));
        Ok(())
    }

    /// Pages from all over the directory. `smaller` are the contenders on the smaller one; returns this one's.
    fn pages<'a>(
        &'a self,
        turns: &mut Turns<'a>,
        sites: &'a Sites,
        users: u64,
        smaller: Option<[usize; 2]>,
    ) -> Result<[usize; 2], Failure> {
        let name = |who: &str| format!("page of {PAGE} of {users}: {who}");
        let places = (0..VARIETY).map(|number| mixed(number) % (users - PAGE + 1));
        let v1 = self.paths(
            &format!("pages-{users}-v1"),
            places.map(|after| format!("/page?after={after}&limit={PAGE}")),
        )?;
        let v1 = turns.add(name("v1"), &[], self.get(sites.v1.address(), v1));
        let mut own = [0; 2];
        for (at, who) in ["PostgreSQL", "SQLite"].into_iter().enumerate() {
            let address = if at == 0 { sites.postgres.public() } else { sites.sqlite.public() };
            let paths = self.paths(&format!("pages-{users}-{who}"), cursors(address, users)?.into_iter())?;
            let mut peers = vec![if at == 0 { v1 } else { own[0] }];
            peers.extend(smaller.map(|smaller| smaller[at]));
            own[at] = turns.add(name(who), &peers, self.get(address, paths));
        }
        Ok(own)
    }

    fn lists<'a>(&'a self, turns: &mut Turns<'a>, sites: &'a Sites) -> Result<(), Failure> {
        let paths = self.paths("list", std::iter::once("/users".to_owned()))?;
        let name = |who: &str| format!("list of {SMALL}: {who}");
        let v1 = turns.add(name("v1"), &[], self.get(sites.v1.address(), paths.clone()));
        let own = turns.add(name("PostgreSQL"), &[v1], self.get(sites.postgres.public(), paths.clone()));
        turns.add(name("SQLite"), &[own], self.get(sites.sqlite.public(), paths));
        Ok(())
    }

    fn creates<'a>(&'a self, turns: &mut Turns<'a>, sites: &'a Sites) {
        let create = |address: &'a str| move |round| self.wrk.create(address, &format!("new{round}"));
        let name = |who: &str| format!("create, on disk before the answer: {who}");
        let v1 = turns.add(name("v1"), &[], create(sites.v1.address()));
        let own = turns.add(name("PostgreSQL"), &[v1], create(sites.postgres.public()));
        turns.add(name("SQLite"), &[own], create(sites.sqlite.public()));
    }
}

fn streams<'a>(turns: &mut Turns<'a>, sites: &'a Sites, users: u64) {
    let stream = move |address: &'a str| move |_| streamed(address, users);
    let name = |who: &str| format!("list of {users}: {who}");
    let v1 = turns.add(name("v1"), &[], stream(sites.v1.address()));
    let own = turns.add(name("PostgreSQL"), &[v1], stream(sites.postgres.public()));
    turns.add(name("SQLite"), &[own], stream(sites.sqlite.public()));
}

/// One list, read to its end.
fn streamed(address: &str, users: u64) -> Result<Sample, Failure> {
    let streamed = client::stream_users(address)?;
    if streamed.users != users {
        return Err(Failure::new(format!("{} users were streamed, not {users}", streamed.users)));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds of some seconds"
    )]
    let aside = (streamed.seconds * 1e6) as u64;
    Ok(Sample { value: streamed.seconds.recip(), aside })
}

/// Paths of pages from all over a directory.
pub(super) fn cursors(address: &str, users: u64) -> Result<Vec<String>, Failure> {
    let stride = (users / 100).clamp(PAGE, 1000);
    let mut paths = vec![format!("/users?limit={stride}")];
    while let Some(next) = client::next_page(address, &paths[paths.len() - 1])? {
        paths.push(next);
    }
    let (long, short) = (format!("limit={stride}"), format!("limit={PAGE}"));
    Ok(paths.iter().map(|path| path.replace(&long, &short)).collect())
}
