//! Commands that are told to end while they wait for somebody else.

use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::Place;
use crate::support::{Engine, both, eventually, program, signal};

/// Somebody who lets nobody else write.
enum Holder {
    Sqlite { _open: SqliteConnection },
    Postgres(PgConnection),
}

impl Holder {
    async fn of(engine: Engine, url: &str) -> Self {
        if engine == Engine::Sqlite {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
            return Self::Sqlite { _open: connection };
        }
        let mut connection = PgConnection::connect(url).await.unwrap();
        let hold = "BEGIN; LOCK TABLE users, journal IN EXCLUSIVE MODE";
        sqlx::raw_sql(hold).execute(&mut connection).await.unwrap();
        Self::Postgres(connection)
    }

    /// Whether a process waits for it.
    async fn keeps_waiting(&mut self, process: u32) -> bool {
        match self {
            Self::Sqlite { .. } => {
                let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
                let mut files = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
                files.any(|file| file.ends_with("roster.db"))
            }
            Self::Postgres(connection) => {
                let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON oid = database \
                             WHERE NOT granted AND datname = current_database())";
                sqlx::query_scalar(waits).fetch_one(connection).await.unwrap()
            }
        }
    }
}

both! {
    async fn a_signal_is_heard_while_a_lock_is_waited_for(engine) {
        let source = Place::create(engine).await;
        source.import(&source.file("in.csv", "name\nada\n")).await;
        let place = Place::create(engine).await;
        let file = place.file("people.csv", "name\nada\n");
        let nothing = "error: stopped by a signal: nothing was changed\n";
        let commands = [
            (vec!["import", &file, "--once", "--quiet"], nothing),
            (vec!["import", &file, "--strict", "--quiet"], nothing),
            (
                vec!["copy", &source.database.url, &place.database.url, "--quiet"],
                "error: stopped by a signal: nothing was copied\n",
            ),
        ];
        let mut holder = Holder::of(engine, &place.database.url).await;
        for (arguments, told) in commands {
            let mut command = program(&arguments);
            if arguments[0] == "import" {
                command.env("ROSTER_DATABASE_URL", &place.database.url);
            }
            let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let process = child.id().unwrap();
            let waits = async || holder.keeps_waiting(process).await;
            eventually(Duration::from_secs(20), "the command waits", waits).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            signal(process, "TERM");
            let ended = tokio::time::timeout(Duration::from_secs(3), child.wait_with_output()).await;
            let output = ended.expect("it did not hear").unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), stderr.as_str()), (Some(4), told), "{arguments:?}");
        }
        drop(holder);
        assert!(place.export().await.is_empty());
    }
}
