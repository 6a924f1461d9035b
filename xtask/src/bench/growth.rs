//! What a read costs as the directory grows: every kind of read that an index should serve.

use std::fmt::Write as _;
use std::path::Path;

use super::load::{self, Wrk};
use super::report::{median, short};
use super::server::Server;
use super::{Options, fill, fresh_directory, mixed, release, users};
use crate::postgres::{self, Server as Postgres};
use crate::shell::{Failure, Workspace, say};

/// Different requests of each kind.
const VARIETY: u64 = 1_000;

/// A kind of read and how its path is made from the id of a user. A prefix of seven of its eight digits is that of
/// ten users, whatever the size of the directory.
struct Read {
    name: &'static str,
    path: fn(u64) -> String,
}

const READS: [Read; 12] = [
    Read { name: "one", path: |id| format!("/users/{id}") },
    Read { name: "`q`", path: |id| format!("/users?limit=100&q=user{}", prefix(id)) },
    Read { name: "`id eq`", path: |id| filter(&format!("id eq {id}")) },
    Read { name: "`id sw`", path: |id| filter(&format!("id sw \"{id}\"")) },
    Read { name: "`name eq`", path: |id| filter(&format!("name eq \"user{}\"", fill::FIRST + id)) },
    Read { name: "`name sw`", path: |id| filter(&format!("name sw \"user{}\"", prefix(id))) },
    Read {
        name: "`email eq`",
        path: |id| filter(&format!("email eq \"u{}@example.org\"", fill::FIRST + id)),
    },
    Read { name: "`email sw`", path: |id| filter(&format!("email sw \"u{}\"", prefix(id))) },
    Read {
        name: "`external_id eq`",
        path: |id| filter(&format!("external_id eq \"x-{}\"", fill::FIRST + id)),
    },
    Read { name: "`external_id sw`", path: |id| filter(&format!("external_id sw \"x-{}\"", prefix(id))) },
    Read { name: "first page by name", path: |_| "/users?limit=100&sort=name".to_owned() },
    Read { name: "first page by created_at", path: |_| "/users?limit=100&sort=created_at".to_owned() },
];

fn prefix(id: u64) -> u64 {
    (fill::FIRST + id) / 10
}

fn filter(expression: &str) -> String {
    format!("/users?limit=100&filter={}", expression.replace(' ', "%20").replace('"', "%22"))
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<String, Failure> {
    let bin = postgres::find_or_install()?;
    let postgres = Postgres::start(workspace, &bin)?;
    let program = release(workspace)?;
    let directory = fresh_directory(workspace)?;
    let wrk = Wrk::find_or_install(workspace, 1)?;
    let sizes: Vec<u64> =
        [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= options.users).collect();
    let mut servers = Vec::new();
    for size in &sizes {
        let file = directory.join(format!("{size}.db"));
        let urls = [
            fill::postgres(&program, &postgres, &format!("of_{size}"), *size)?,
            fill::sqlite(&program, &file, *size)?,
        ];
        for url in urls {
            let server = Server::start(&program, &url)?;
            server.first_ok(server.ops(), "/readyz")?;
            servers.push(server);
        }
    }
    let mut text = format!(
        "Milliseconds of one request at a time, medians of {} rounds.\n\n| read | store |",
        options.rounds
    );
    for size in &sizes {
        let _ = write!(text, " {size} |");
    }
    let _ = writeln!(text, " largest / smallest |\n|---|---|{}---|", "---|".repeat(sizes.len()));
    for at in 0..=READS.len() {
        let name = READS.get(at).map_or("page in the middle", |read| read.name);
        let times = times(&wrk, &directory, &servers, &sizes, at, options.rounds)?;
        for (store, times) in ["PostgreSQL", "SQLite"].into_iter().zip(times) {
            let line = row(name, store, &times);
            say(line.trim_end());
            text.push_str(&line);
        }
    }
    Ok(text)
}

/// Milliseconds by store, size and round.
fn times(
    wrk: &Wrk,
    directory: &Path,
    servers: &[Server],
    sizes: &[u64],
    read: usize,
    rounds: usize,
) -> Result<[Vec<Vec<f64>>; 2], Failure> {
    let mut files = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let file = directory.join(format!("paths-{read}-{at}"));
        let size = sizes[at / 2];
        files.push(match READS.get(read) {
            Some(read) => {
                let paths = (0..VARIETY).map(|number| (read.path)(mixed(number) % size + 1));
                load::write_paths(&file, paths)?
            }
            None => load::write_paths(&file, users::cursors(server.public(), size)?.into_iter())?,
        });
    }
    let mut times = [vec![Vec::new(); sizes.len()], vec![Vec::new(); sizes.len()]];
    for _ in 0..rounds {
        for (at, (server, file)) in servers.iter().zip(&files).enumerate() {
            let sample = wrk.get_one_by_one(server.public(), file)?;
            times[at % 2][at / 2].push(1000.0 / sample.value);
        }
    }
    Ok(times)
}

fn row(name: &str, store: &str, times: &[Vec<f64>]) -> String {
    let mut line = format!("| {name} | {store} |");
    for rounds in times {
        let _ = write!(line, " {} |", short(median(rounds.clone())));
    }
    let ratio = match times {
        [first, .., last] => median(last.iter().zip(first).map(|(last, first)| last / first).collect()),
        _ => 1.0,
    };
    let _ = writeln!(line, " **{}** |", short(ratio));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_that_of_ten_users() {
        assert_eq!(
            (prefix(1), prefix(9), prefix(10), prefix(1_000_000)),
            (1_000_000, 1_000_000, 1_000_001, 1_100_000)
        );
        assert_eq!(filter("id sw \"7\""), "/users?limit=100&filter=id%20sw%20%227%22");
    }

    #[test]
    fn the_ratio_is_that_of_each_round() {
        let line = row("one", "SQLite", &[vec![1.0, 2.0, 1.0], vec![3.0, 3.0, 3.0], vec![2.0, 2.0, 2.0]]);
        assert_eq!(line, "| one | SQLite | 1.00 | 3.00 | 2.00 | **2.00** |\n");
    }
}
