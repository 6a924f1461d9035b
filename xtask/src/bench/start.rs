//! How fast it starts, what it holds in memory idle and busy, and how large it is, beside the v1 app.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::flask::{Flask, Peer};
use super::load::{self, Wrk};
use super::report::{median, short};
use super::server::Server;
use super::{Options, SMALL, client, fill, fresh_directory, mixed, release};
use crate::postgres::{self, Server as Postgres};
use crate::shell::{Failure, Workspace};

/// Starts are short and noisy: so many in each round.
const STARTS: usize = 5;
/// How long a server has been left alone when its idle memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// A server of either kind.
enum Running {
    Roster(Server),
    V1(Flask),
}

/// How to start one on a small and on a large directory.
struct Contender<'a> {
    name: &'static str,
    kind: Kind<'a>,
    small: String,
    large: String,
}

enum Kind<'a> {
    Roster(&'a Path),
    V1(&'a Peer),
}

/// What was measured of one contender.
struct Figures {
    /// Milliseconds from exec to the first 200 of `/users`, of every start.
    starts: Vec<f64>,
    /// Bytes.
    idle: u64,
    /// Bytes, after single users by many connections and then a stream of everybody.
    busy: u64,
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<String, Failure> {
    if !Path::new("/proc/self/status").exists() {
        return Err(Failure::missing("memory is read from /proc, which is Linux's"));
    }
    let bin = postgres::find_or_install()?;
    let postgres = Postgres::start(workspace, &bin)?;
    let program = release(workspace)?;
    let peer = Peer::install(workspace)?;
    let wrk = Wrk::find_or_install(workspace, options.seconds)?;
    let directory = fresh_directory(workspace)?;
    let users = options.users;
    let contenders = [
        Contender {
            name: "SQLite",
            kind: Kind::Roster(&program),
            small: fill::sqlite(&program, &directory.join("small.db"), SMALL)?,
            large: fill::sqlite(&program, &directory.join("large.db"), users)?,
        },
        Contender {
            name: "PostgreSQL",
            kind: Kind::Roster(&program),
            small: fill::postgres(&program, &postgres, "small", SMALL)?,
            large: fill::postgres(&program, &postgres, "large", users)?,
        },
        Contender {
            name: "v1 (gunicorn, 2 workers)",
            kind: Kind::V1(&peer),
            small: fill::v1(&postgres, "small_v1", SMALL)?,
            large: fill::v1(&postgres, "large_v1", users)?,
        },
    ];
    let ids = (0..10_000).map(|number| format!("/users/{}", mixed(number) % users + 1));
    let paths = load::write_paths(&directory.join("single"), ids)?;
    let mut figures: Vec<Figures> = Vec::new();
    for contender in &contenders {
        figures.push(contender.memory(&wrk, &paths, users)?);
    }
    for _ in 0..options.rounds * STARTS {
        for (contender, figures) in contenders.iter().zip(&mut figures) {
            figures.starts.push(contender.start(&contender.small)?.first_ok()?.as_secs_f64() * 1e3);
        }
    }
    let size = std::fs::metadata(&program).map_err(|error| Failure::new(error.to_string()))?.len();
    Ok(table(users, size, &contenders, &figures))
}

impl Contender<'_> {
    fn start(&self, database: &str) -> Result<Running, Failure> {
        Ok(match self.kind {
            Kind::Roster(program) => Running::Roster(Server::start(program, database)?),
            Kind::V1(peer) => Running::V1(peer.start(database)?),
        })
    }

    fn memory(&self, wrk: &Wrk, paths: &Path, users: u64) -> Result<Figures, Failure> {
        let running = self.start(&self.large)?;
        running.wait()?;
        std::thread::sleep(IDLE);
        let idle = running.memory("VmRSS")?;
        wrk.get(running.address(), paths)?;
        let streamed = client::stream_users(running.address())?;
        if streamed.users != users {
            return Err(Failure::new(format!("{} users were streamed, not {users}", streamed.users)));
        }
        Ok(Figures { starts: Vec::new(), idle, busy: running.memory("VmHWM")? })
    }
}

impl Running {
    fn address(&self) -> &str {
        match self {
            Self::Roster(server) => server.public(),
            Self::V1(flask) => flask.address(),
        }
    }

    fn first_ok(&self) -> Result<Duration, Failure> {
        match self {
            Self::Roster(server) => server.first_ok(server.public(), "/users"),
            Self::V1(flask) => flask.first_ok("/users"),
        }
    }

    /// Waits until it can answer, without a list of everybody.
    fn wait(&self) -> Result<(), Failure> {
        match self {
            Self::Roster(server) => server.first_ok(server.ops(), "/readyz").map(drop),
            Self::V1(flask) => flask.first_ok("/users/1").map(drop),
        }
    }

    fn memory(&self, field: &str) -> Result<u64, Failure> {
        match self {
            Self::Roster(server) => server.memory(field),
            Self::V1(flask) => flask.memory(field),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few digits of megabytes are shown")]
fn table(users: u64, size: u64, contenders: &[Contender<'_>], figures: &[Figures]) -> String {
    let megabytes = |bytes: u64| short(bytes as f64 / 1e6);
    let mut text = format!("The program is one file of {} MB.\n\n| |", megabytes(size));
    for contender in contenders {
        let _ = write!(text, " {} |", contender.name);
    }
    let _ = write!(text, "\n|---|{}", "---|".repeat(contenders.len()));
    let mut row = |what: &str, figure: &dyn Fn(&Figures) -> String| {
        let _ = write!(text, "\n| {what} |");
        for figures in figures {
            let _ = write!(text, " {} |", figure(figures));
        }
    };
    row(&format!("exec to the first 200 of `/users` with {SMALL} users, median, ms"), &|figures| {
        short(median(figures.starts.clone()))
    });
    row(&format!("memory, idle for {} s, MB", IDLE.as_secs()), &|figures| megabytes(figures.idle));
    row(&format!("peak memory after single users by 64 connections and a list of {users}, MB"), &|figures| {
        megabytes(figures.busy)
    });
    text.push('\n');
    text
}
