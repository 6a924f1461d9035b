//! The commands that print or do something and end: what they say, where, and with which exit code.

use std::process::Stdio;
use std::time::Duration;

use roster::store::migrate::MIGRATIONS;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::postgres_server::free_port;
use crate::support::{Database, Engine, Program, both, client, eventually, program};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It could not be done, said in one line of stderr that names the cause and no secret.
    pub(crate) fn assert_refused(&self, cause: &str) {
        assert!(self.code >= 2, "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(cause), "{cause} in {self:?}");
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains(SECRET) && !all.contains("panicked"), "{self:?}");
    }

    pub(crate) fn assert_done(&self) -> &str {
        assert!(self.code == 0 && self.stderr.is_empty(), "{self:?}");
        &self.stdout
    }
}

/// A password that must not be seen.
pub(crate) const SECRET: &str = "correct-battery";

/// Runs the program to its end.
pub(crate) async fn call(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = program(arguments);
    command.envs(variables.iter().copied());
    end(command).await
}

/// Runs a command line of the program to its end.
pub(crate) async fn end(mut command: tokio::process::Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = tokio::time::timeout(Duration::from_mins(2), child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} does not end")).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().expect("an exit code"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

const COMMANDS: [&str; 16] = [
    "serve",
    "demo",
    "migrate",
    "import",
    "export",
    "copy",
    "backup",
    "log",
    "login",
    "logout",
    "health",
    "config",
    "openapi",
    "version",
    "completions",
    "man",
];

#[tokio::test]
async fn help_and_the_manual_name_all_commands() {
    let help = call(&["--help"], &[]).await;
    let manual = call(&["man"], &[]).await;
    assert!(manual.assert_done().starts_with(".ie") || manual.stdout.contains(".TH roster 1"), "{manual:?}");
    for command in COMMANDS {
        assert!(help.assert_done().contains(&format!("\n  {command} ")), "{command} in {}", help.stdout);
        let title = format!("ROSTER {}\"", command.to_uppercase());
        assert!(manual.stdout.contains(&title), "{title}");
        let own = call(&[command, "--help"], &[]).await;
        assert!(own.assert_done().contains(&format!("Usage: roster {command}")), "{own:?}");
    }
    for command in ["list", "get", "find", "create", "update", "delete"] {
        assert!(manual.stdout.contains(&format!("ROSTER USERS {}\"", command.to_uppercase())), "{command}");
        let own = call(&["users", command, "--help"], &[]).await;
        assert!(own.assert_done().contains(&format!("Usage: roster users {command}")), "{own:?}");
        assert!(own.stdout.contains("[env: ROSTER_URL]"), "{own:?}");
    }
    let serve = call(&["serve", "--help"], &[]).await;
    for words in ["--database-url", "ROSTER_DATABASE_URL_FILE", "--ops-listen", "ROSTER_OPS_LISTEN"] {
        assert!(serve.stdout.contains(words), "{words}");
    }
}

#[tokio::test]
async fn what_is_not_understood_exits_with_2_and_is_said_on_stderr() {
    for arguments in [&[][..], &["fly"], &["serve", "--fly"], &["completions", "cobol"], &["serve", "extra"]]
    {
        let ended = call(arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn version_tells_what_was_built_of_what() {
    let expected = concat!("roster ", env!("CARGO_PKG_VERSION"), " (");
    assert!(call(&["version"], &[]).await.assert_done().starts_with(expected));
    let json: Value = serde_json::from_str(call(&["version", "--json"], &[]).await.assert_done()).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["schema"], roster::store::migrate::SCHEMA);
    assert!(json["commit"].is_string() && json["rustc"].as_str().unwrap().starts_with("rustc "), "{json}");
    assert!(call(&["--version"], &[]).await.assert_done().contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_prints_what_a_server_serves() {
    let printed = call(&["openapi"], &[]).await;
    let database = Database::create(Engine::Sqlite).await;
    let server = Program::serve(&database.url, &[]).await;
    let document = reqwest::get(format!("{}/openapi.json", server.url)).await.unwrap().text().await.unwrap();
    assert_eq!(printed.assert_done(), document);
    assert!(serde_json::from_str::<Value>(&document).unwrap()["paths"]["/users"].is_object());
}

#[tokio::test]
async fn completions_for_each_shell_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = call(&["completions", shell], &[]).await;
        for command in COMMANDS {
            assert!(script.assert_done().contains(command), "{shell}: {command}");
        }
        assert!(script.stdout.contains("database-url"), "{shell}");
    }
}

#[tokio::test]
async fn config_tells_values_and_sources_but_no_password() {
    let url = format!("postgres://ana:{SECRET}@db.example.com/people");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    std::fs::write(&file, format!("{url}\n")).unwrap();
    let by_file = ("ROSTER_DATABASE_URL_FILE", file.to_str().unwrap());
    let sources = [
        (vec!["config", "--idle-timeout", "90s"], vec![("ROSTER_DATABASE_URL", url.as_str())]),
        (vec!["config", "--idle-timeout", "90s", "--database-url", &url], vec![]),
        (vec!["config", "--idle-timeout", "90s"], vec![by_file]),
    ];
    for (arguments, variables) in sources {
        let table = call(&arguments, &variables).await;
        let json = call(&[&arguments[..], &["--json"]].concat(), &variables).await;
        for text in [table.assert_done(), json.assert_done()] {
            assert!(!text.contains(SECRET) && text.contains("db.example.com"), "{text}");
            assert!(text.contains("flag --idle-timeout"), "{text}");
        }
        let settings: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
        let named = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
        assert_eq!(named("idle-timeout")["value"], "90s");
        assert_eq!(
            (&named("listen")["value"], &named("listen")["source"]),
            (&"127.0.0.1:8080".into(), &"default".into())
        );
        assert_eq!(table.stdout.lines().count(), settings.len() + 1);
    }
}

#[tokio::test]
async fn unknown_variables_are_refused_with_the_nearest_name() {
    for command in [&["serve"][..], &["migrate"], &["version"]] {
        let ended = call(command, &[("ROSTER_DATABSE_URL", SECRET)]).await;
        ended.assert_refused(
            "\"ROSTER_DATABSE_URL\" is not a known variable; the nearest is ROSTER_DATABASE_URL",
        );
        assert_eq!(ended.code, 2);
    }
    let injected = [
        ("ROSTER_SERVICE_HOST", "10.0.0.1"),
        ("ROSTER_SERVICE_PORT_HTTP", "8080"),
        ("ROSTER_PORT", "tcp://10.0.0.1:8080"),
        ("ROSTER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("ROSTER_TEST_POSTGRES_URL", "x"),
        ("ROSTER_LISTEN", ""),
    ];
    call(&["version"], &injected).await.assert_done();
}

/// `cargo run` sets variables for the program, as it does for this test.
#[tokio::test]
async fn it_runs_with_the_variables_of_cargo() {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_roster"));
    command.arg("version").kill_on_drop(true).stdin(Stdio::null());
    end(command).await.assert_done();
}

both! {
    async fn migrate_says_what_is_pending_and_applies_it_once(engine) {
        let database = Database::create(engine).await;
        let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
        if engine == Engine::Sqlite {
            let missing = call(&["migrate", "--check"], &url).await;
            missing.assert_refused("the database file does not exist");
            assert_eq!(std::fs::read_dir(database.path().parent().unwrap()).unwrap().count(), 0);
            std::fs::write(database.path(), "").unwrap();
        }
        let names: Vec<&str> = MIGRATIONS.iter().map(|step| step.name).collect();
        let names = names.join(", ");
        for (arguments, code, words) in [
            (&["migrate", "--check"][..], 1, format!("pending: {names}\n")),
            (&["migrate"], 0, format!("applied: {names}\n")),
            (&["migrate"], 0, "nothing to apply\n".to_owned()),
            (&["migrate", "--check"], 0, "the schema is up to date\n".to_owned()),
        ] {
            let ended = call(arguments, &url).await;
            assert_eq!((ended.code, ended.stdout, ended.stderr), (code, words, String::new()), "{arguments:?}");
        }
    }

    async fn an_unknown_newer_step_is_allowed_and_a_changed_one_is_not(engine) {
        let database = Database::create(engine).await;
        assert_eq!(call(&["migrate", "--database-url", &database.url], &[]).await.code, 0);
        execute(&database, "INSERT INTO schema_migrations (version, name, checksum, applied_at) \
                            VALUES (9999, '9999_of_a_later_release', 'x', 0)").await;
        let server = Program::serve(&database.url, &[]).await;
        let ready = reqwest::get(format!("{}/readyz", server.ops)).await.unwrap();
        assert_eq!(ready.status(), 200);
        assert_eq!(client().get(format!("{}/users", server.url)).send().await.unwrap().status(), 200);
        drop(server);
        let check = call(&["migrate", "--check", "--database-url", &database.url], &[]).await;
        assert!(check.assert_done().contains("1 newer"), "{check:?}");
        execute(&database, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1").await;
        for command in [&["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"][..], &["migrate"]] {
            let ended = call(command, &[("ROSTER_DATABASE_URL", &database.url)]).await;
            ended.assert_refused("migration 0001_directory was changed after it was applied");
        }
    }

    async fn health_asks_whether_the_service_is_ready(engine) {
        let database = Database::create(engine).await;
        let server = Program::serve(&database.url, &["--drain-seconds", "20"]).await;
        let address = server.ops.strip_prefix("http://").unwrap();
        let ask = async || call(&["health", "--ops-listen", address], &[]).await;
        assert_eq!(ask().await.assert_done(), "ready\n");
        server.signal("TERM");
        eventually(Duration::from_secs(10), "the signal is seen", async || ask().await.code == 1).await;
        let going = ask().await;
        assert_eq!((going.code, going.stdout.as_str()), (1, ""), "{going:?}");
        assert!(going.stderr.contains("shutting down"), "{going:?}");
        drop(server);
        let nobody = format!("127.0.0.1:{}", free_port());
        let gone = call(&["health"], &[("ROSTER_OPS_LISTEN", &nobody)]).await;
        assert_eq!((gone.code, gone.stdout.as_str()), (1, ""), "{gone:?}");
        assert!(gone.stderr.starts_with(&format!("error: {nobody}: ")), "{gone:?}");
    }
}

/// Runs a statement behind the program's back.
async fn execute(database: &Database, statement: &'static str) {
    let statement = AssertSqlSafe(statement);
    if database.url.starts_with("sqlite:") {
        let path = format!("sqlite:{}", database.path().display());
        SqliteConnection::connect(&path).await.unwrap().execute(statement).await.unwrap();
    } else {
        PgConnection::connect(&database.url).await.unwrap().execute(statement).await.unwrap();
    }
}

#[test]
fn both_databases_have_the_same_steps() {
    let files = |engine: &str| {
        let directory = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    let expected: Vec<String> = MIGRATIONS.iter().map(|step| format!("{}.sql", step.name)).collect();
    assert_eq!(files("sqlite"), expected);
    assert_eq!(files("postgres"), expected);
    for (version, step) in (1..).zip(MIGRATIONS) {
        assert_eq!(step.version, version);
        assert!(step.name.starts_with(&format!("{version:04}_")), "{}", step.name);
    }
}
