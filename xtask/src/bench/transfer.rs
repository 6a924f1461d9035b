//! Many users in and out, beside PostgreSQL's own bulk commands on the same tables.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::fill;
use super::process::{Run, timed};
use super::report::{self, Contender, Sample};
use super::{Options, fresh_directory, release};
use crate::postgres::{self, Server};
use crate::shell::{self, Failure, Workspace, say};

/// The columns that an import fills.
const COLUMNS: &str =
    "name, name_key, email, email_key, active, external_id, profile, version, created_at, updated_at";
/// Names of the contenders and the indexes of their peers.
const CONTENDERS: [(&str, usize); 8] = [
    ("in: \\copy, the same columns and indexes, no journal", 0),
    ("in: roster import, PostgreSQL", 0),
    ("in: roster import, SQLite", 0),
    ("out: COPY … (FORMAT binary)", 3),
    ("out: roster export, CSV, PostgreSQL", 3),
    ("out: roster export, NDJSON, PostgreSQL", 3),
    ("out: roster export, CSV, SQLite", 3),
    ("out: roster export, NDJSON, SQLite", 3),
];

struct Bench {
    program: PathBuf,
    server: Server,
    directory: PathBuf,
    input: PathBuf,
    users: u64,
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<String, Failure> {
    let bin = postgres::find_or_install()?;
    let program = release(workspace)?;
    let directory = fresh_directory(workspace)?;
    let bench = Bench {
        program,
        server: Server::start(workspace, &bin)?,
        input: directory.join("in.csv"),
        directory,
        users: options.users,
    };
    write_input(&bench.input, bench.users).map_err(|error| Failure::new(error.to_string()))?;
    let mut contenders: Vec<Contender> = CONTENDERS
        .iter()
        .enumerate()
        .map(|(at, (name, peer))| {
            Contender::new(*name, if *peer == at { &[] } else { std::slice::from_ref(peer) })
        })
        .collect();
    for round in 0..options.rounds {
        say(&format!("round {} of {}", round + 1, options.rounds));
        for (contender, run) in contenders.iter_mut().zip(bench.round()?) {
            contender.samples.push(Sample { value: run.seconds, aside: run.peak });
        }
    }
    let table =
        report::table(&format!("{} users", bench.users), "seconds", &report::PEAK_MEMORY, &contenders);
    let _ = fs::remove_dir_all(&bench.directory);
    Ok(table)
}

impl Bench {
    fn round(&self) -> Result<Vec<Run>, Failure> {
        for name in ["first", "peer", "again"] {
            self.psql("postgres", &format!("DROP DATABASE IF EXISTS {name}"))?;
            self.psql("postgres", &format!("CREATE DATABASE {name}"))?;
        }
        let (first, peer, again) =
            (self.server.url("first"), self.server.url("peer"), self.server.url("again"));
        let file = self.directory.join("roster.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", file.display()));
        }
        let sqlite = format!("sqlite:{}", file.display());
        for url in [&first, &peer, &again, &sqlite] {
            shell::run(self.roster(url, &["migrate"]).stdout(Stdio::null()))?;
        }
        let import_first = self.import(&first, &self.input)?;
        let rows = self.directory.join("rows.csv");
        self.psql(
            "first",
            &format!("\\copy (SELECT {COLUMNS} FROM users ORDER BY id) TO '{}' csv", rows.display()),
        )?;
        let copy_in = timed(
            &mut self.command("peer", &format!("\\copy users ({COLUMNS}) FROM '{}' csv", rows.display())),
        )?;
        let import_sqlite = self.import(&sqlite, &self.input)?;
        let mut copy = self.command("first", "COPY users TO STDOUT (FORMAT binary)");
        let copy_out = timed(copy.stdout(Stdio::null()))?;
        let mut runs = vec![copy_in, import_first, import_sqlite, copy_out];
        let mut outputs = Vec::new();
        for url in [&first, &sqlite] {
            for form in ["csv", "ndjson"] {
                let output = self.directory.join(format!("out-{}.{form}", outputs.len()));
                runs.push(self.export(url, form, &output)?);
                outputs.push(output);
            }
        }
        // In again from what came out, and out once more: the same file, but for versions and times.
        self.import(&again, &outputs[0])?;
        let last = self.directory.join("last.csv");
        self.export(&again, "csv", &last)?;
        for other in [&outputs[2], &last] {
            same(&outputs[0], other, self.users)?;
        }
        Ok(runs)
    }

    fn roster(&self, url: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).args(["--database-url", url]);
        shell::without_settings(&mut command);
        command
    }

    fn import(&self, url: &str, input: &Path) -> Result<Run, Failure> {
        timed(self.roster(url, &["import", &input.to_string_lossy(), "--quiet"]).stdout(Stdio::null()))
    }

    fn export(&self, url: &str, form: &str, output: &Path) -> Result<Run, Failure> {
        let output = File::create(output).map_err(|error| Failure::new(error.to_string()))?;
        timed(self.roster(url, &["export", "--format", form, "--quiet"]).stdout(output))
    }

    fn command(&self, database: &str, statement: &str) -> Command {
        let mut command = self.server.program("psql");
        command.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.server.url(database),
            "-c",
            statement,
        ]);
        command
    }

    fn psql(&self, database: &str, statement: &str) -> Result<(), Failure> {
        fill::psql(&self.server, database, statement)
    }
}

/// People with attributes of every kind; their order says nothing of the order of their names.
fn write_input(path: &Path, users: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(b"name,email,active,external_id,profile\n")?;
    let mut line = String::new();
    for number in 1..=users {
        let mixed = super::mixed(number);
        line.clear();
        let _ = writeln!(
            line,
            "user{mixed:016x},u{mixed:016x}@example.org,{},x-{number},\"{{\"\"title\"\":\"\"Engineer\"\",\"\"room\"\":{}}}\"",
            number % 10 != 0,
            number % 1000
        );
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

/// Compares two exports line by line, without the last three columns: version and times are each directory's own.
fn same(one: &Path, other: &Path, users: u64) -> Result<(), Failure> {
    let lines = |path: &Path| File::open(path).map(|file| BufReader::new(file).lines());
    let compare = || -> std::io::Result<Option<u64>> {
        let (mut one, mut other) = (lines(one)?, lines(other)?);
        let mut count = 0;
        loop {
            match (one.next().transpose()?, other.next().transpose()?) {
                (None, None) => return Ok(Some(count)),
                (Some(a), Some(b)) if content(&a) == content(&b) => count += 1,
                _ => return Ok(None),
            }
        }
    };
    match compare().map_err(|error| Failure::new(error.to_string()))? {
        Some(count) if count == users + 1 => Ok(()),
        found => Err(Failure::new(format!(
            "{} and {} differ: {found:?} equal lines",
            one.display(),
            other.display()
        ))),
    }
}

fn content(line: &str) -> &str {
    line.rsplitn(4, ',').nth(3).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_times_are_not_compared() {
        assert_eq!(content("1,ada,,true,,\"{\"\"a\"\":[1,2]}\",3,x,y"), "1,ada,,true,,\"{\"\"a\"\":[1,2]}\"");
    }
}
