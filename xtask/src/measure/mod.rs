//! `cargo xtask measure`: how fast it starts, and what it holds in memory while it streams everybody.

mod client;
mod fill;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::postgres::{self, Server as Postgres};
use crate::shell::{self, Failure, Workspace, say};
use server::Server;

/// Starts are short and noisy: the median of this many counts.
const STARTS: usize = 10;
/// How long a server has been left alone when its idle memory is read.
const IDLE: Duration = Duration::from_secs(2);
/// Users in the directory that is started on.
const SMALL: u64 = 1_000;

/// What was measured on one database.
struct Figures {
    first_live: Duration,
    first_users: Duration,
    /// Bytes.
    idle: u64,
    /// Bytes.
    peak: u64,
    streamed: client::Streamed,
}

/// Builds the release and prints its figures on both databases.
///
/// # Errors
/// It does not build, a database cannot be filled, or a server does not answer as it should.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let users = parse(args)?;
    if !Path::new("/proc/self/status").exists() {
        return Err(Failure::missing("memory is read from /proc, which is Linux's"));
    }
    let bin = postgres::find_or_install()?;
    shell::run(&mut workspace.cargo(&["build", "--release", "--locked", "--bin", "roster"]))?;
    let program = workspace.target.join("release/roster");
    let directory = fresh_directory(workspace)?;
    let on_sqlite = {
        let small = fill::sqlite(&program, &directory.join("small.db"), SMALL)?;
        let large = fill::sqlite(&program, &directory.join("large.db"), users)?;
        figures(&program, &small, &large, users)?
    };
    let on_postgres = {
        let postgres = Postgres::start(workspace, &bin)?;
        let small = fill::postgres(&program, &bin, &postgres, "small", SMALL)?;
        let large = fill::postgres(&program, &bin, &postgres, "large", users)?;
        figures(&program, &small, &large, users)?
    };
    let _ = std::fs::remove_dir_all(&directory);
    print(&on_sqlite, &on_postgres, users);
    Ok(())
}

fn parse(args: &[String]) -> Result<u64, Failure> {
    let usage = || Failure::usage("usage: cargo xtask measure [--users N]");
    match args {
        [] => Ok(1_000_000),
        [flag, number] if flag == "--users" => number.parse().map_err(|_| usage()),
        _ => Err(usage()),
    }
}

fn fresh_directory(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let directory = workspace.target.join("measure");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    Ok(directory)
}

fn figures(program: &Path, small: &str, large: &str, users: u64) -> Result<Figures, Failure> {
    let (mut live, mut first) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let server = Server::start(program, small)?;
        live.push(server.first_ok(server.ops(), "/livez")?);
        first.push(server.first_ok(server.public(), "/users")?);
    }
    let server = Server::start(program, large)?;
    server.first_ok(server.ops(), "/readyz")?;
    std::thread::sleep(IDLE);
    let idle = server.memory("VmRSS")?;
    let streamed = client::stream_users(server.public())?;
    if streamed.users != users {
        return Err(Failure::new(format!("{} users were streamed, not {users}", streamed.users)));
    }
    let peak = server.memory("VmHWM")?;
    Ok(Figures { first_live: median(live), first_users: median(first), idle, peak, streamed })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2 }
}

fn print(sqlite: &Figures, postgres: &Figures, users: u64) {
    let row = |what: &str, promise: &str, figure: &dyn Fn(&Figures) -> String| {
        say(&format!("{what:<46}{promise:>10}{:>14}{:>14}", figure(sqlite), figure(postgres)));
    };
    say("");
    say(&format!("{:<46}{:>10}{:>14}{:>14}", "", "promise", "SQLite", "PostgreSQL"));
    row(&format!("exec to the first 200 of /livez (median of {STARTS})"), "", &|f| millis(f.first_live));
    row(&format!("exec to the first 200 of /users (median of {STARTS})"), "< 100 ms", &|f| {
        millis(f.first_users)
    });
    row(&format!("memory, idle for {} s", IDLE.as_secs()), "< 30 MB", &|f| megabytes(f.idle));
    row(&format!("peak memory while {users} users stream"), "< 64 MB", &|f| megabytes(f.peak));
    row("the stream's rate in users", "", &|f| format!("{:.0} /s", f.streamed.users_per_second()));
    row("the stream's rate in bytes", "", &|f| format!("{:.1} MB/s", f.streamed.bytes_per_second() / 1e6));
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "one decimal of megabytes is printed")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let seconds = |list: &[u64]| list.iter().map(|s| Duration::from_secs(*s)).collect::<Vec<_>>();
        assert_eq!(median(seconds(&[9, 1, 5])), Duration::from_secs(5));
        assert_eq!(median(seconds(&[4, 1, 2, 9])), Duration::from_secs(3));
    }
}
