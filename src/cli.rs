//! The commands, one function each. Logs and data go to stdout, words to people to stderr.

mod client;
mod databases;
mod fd_store;
mod migrate;
mod signals;
mod tokens;
mod transfer;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::config::{self, Command, DatabaseUrl, DemoConfig, Environment, HealthConfig, ServeConfig};
use crate::model::secret::Secret;
use crate::routes::READYZ;
use crate::service::{self, Service};
use crate::store::{Store, StoreOptions, Target};
use crate::telemetry::{self, BuildInfo, Metrics};
use crate::{demo, openapi, server};

/// The answer is no: not ready, or migrations pending.
const NO: u8 = 1;
/// It can't be done; stderr says why in one line.
const FAILED: u8 = 2;
/// It is done, except for rows that were refused.
const REFUSED: u8 = 3;
/// A signal ended it; stderr says what was done.
const STOPPED: u8 = 4;
/// A server does not let this caller do it (401, 403).
const DENIED: u8 = 5;
/// Something else stands there, or was changed meanwhile (409, 412).
const CONFLICT: u8 = 6;
/// A server cannot be reached, or cannot do it now.
const AWAY: u8 = 7;
/// Nobody knows whether it was done.
const UNKNOWN: u8 = 8;

/// Why a command ends early.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: FAILED, message: error.to_string() }
    }
}

/// Reads the command line, runs the command, and maps its end to an exit code.
pub fn main() -> ExitCode {
    let command = match config::parse(std::env::args_os(), &Environment::from_process()) {
        Ok(command) => command,
        Err(failure) => {
            if !failure.to_stdout {
                complain(&failure.message);
                return ExitCode::from(failure.code);
            }
            print(&format!("{}\n", failure.message));
            return printed(failure.code);
        }
    };
    match run(command) {
        Ok(()) => printed(0),
        Err(failure) => {
            if !failure.message.is_empty() {
                complain(&format!("error: {}", failure.message));
            }
            ExitCode::from(failure.code)
        }
    }
}

/// The exit code of a command that has said all it had to say.
fn printed(code: u8) -> ExitCode {
    ExitCode::from(if LOST.load(Ordering::Relaxed) { FAILED } else { code })
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(config) => runtime()?.block_on(serve(config, None)),
        Command::Demo(config) => runtime()?.block_on(run_demo(config)),
        Command::Migrate(config) => runtime()?.block_on(migrate::migrate(config)),
        Command::Import(config) => runtime()?.block_on(transfer::import(config)),
        Command::Export(config) => runtime()?.block_on(transfer::export(config)),
        Command::Copy(config) => runtime()?.block_on(databases::copy(config)),
        Command::Backup(config) => runtime()?.block_on(databases::backup(config)),
        Command::Token(config) => runtime()?.block_on(tokens::run(config)),
        Command::Users(config) => runtime()?.block_on(client::users(config)),
        Command::Log(config) => runtime()?.block_on(client::record(config)),
        Command::Login(config) => runtime()?.block_on(client::login(config)),
        Command::Logout(config) => client::logout(&config),
        Command::FdStore(config) => fd_store::run(config),
        Command::Health(config) => runtime()?.block_on(health(config)),
        Command::Config { serve, settings, json } => {
            print(&if json { config::settings_json(&settings) } else { config::settings_table(&settings) });
            service::check(&serve).map_err(Failure::from)
        }
        Command::OpenApi => {
            print(&openapi::text());
            Ok(())
        }
        Command::Version { json } => {
            version(json);
            Ok(())
        }
        Command::Completions(shell) => {
            write(&config::completions(shell));
            Ok(())
        }
        Command::Man => {
            write(&config::manual()?);
            Ok(())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Runs the service until a signal ends it. `ready` is called once requests are answered.
async fn serve(config: ServeConfig, ready: Option<&(dyn Fn(&Service) + Sync)>) -> Result<(), Failure> {
    let (shutdown, trigger) = server::Shutdown::new();
    tokio::spawn(server::on_signals(trigger.clone())?);
    let telemetry = telemetry::init(&telemetry::Settings {
        format: config.log.format,
        // The pool tells of every failed attempt to connect; the probe tells it once.
        filter: format!("sqlx=error,{}", config.log.filter),
        otlp: config.otlp,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        to_stderr: ready.is_some(),
    })?;
    let metrics = Arc::new(Metrics::new(build_info()));
    telemetry.register(&metrics);
    let parts = service::Parts {
        clock: Clock::System,
        metrics,
        traced: telemetry.traced(),
        shutdown: shutdown.clone(),
        trigger,
        // Elsewhere a secret would end up in a log.
        announce: std::io::stderr().is_terminal().then_some(announce),
    };
    let outcome = match Service::start(&config, parts).await {
        Ok(service) => {
            if let Some(ready) = ready {
                ready(&service);
            }
            service.ended().await;
            Ok(())
        }
        // A signal during the start is an orderly end too.
        Err(_) if shutdown.is_draining() => Ok(()),
        Err(error) => Err(error.into()),
    };
    // Last of all, so that the last lines and spans are among those that are sent.
    telemetry.shutdown();
    outcome
}

fn announce(secret: &Secret) {
    complain(&format!(
        "This database is new. Its first token, an admin's, is shown only now:\n\n  {}\n",
        secret.expose()
    ));
}

async fn run_demo(config: DemoConfig) -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("roster-demo-").tempdir()?;
    let url = DatabaseUrl::sqlite(&directory.path().join("demo.db"))?;
    seed(&url).await?;
    let config = config.with_database(url);
    serve(config, Some(&|service: &Service| print(&demo::welcome(service.address(), service.ops_address()))))
        .await
}

async fn seed(url: &DatabaseUrl) -> Result<(), Failure> {
    let store = open(url, None, false).await?;
    let now = Clock::System.now();
    store.migrate(now).await?;
    let count =
        store.write(demo::context(now), demo::operations()).await.map_err(|failed| failed.error)?.len();
    complain(&format!("{count} sample users in a database that goes away with this program"));
    store.close().await;
    Ok(())
}

/// Opens a database for one command.
async fn open(url: &DatabaseUrl, wait: Option<Duration>, read_only: bool) -> Result<Store, Failure> {
    open_telling(url, wait, read_only, |_| {}).await
}

/// The same; tells why it goes on waiting.
async fn open_telling(
    url: &DatabaseUrl,
    wait: Option<Duration>,
    read_only: bool,
    tell: impl FnMut(&str),
) -> Result<Store, Failure> {
    let target = Target::parse(url.expose())?;
    Store::wait_for_telling(&target, wait, tell).await?;
    let options = StoreOptions { connections: 2, read_only, ..StoreOptions::default() };
    Ok(Store::open(&target, options, Arc::new(Metrics::new(build_info()))).await?)
}

/// Asks `/readyz`. Speaks the few bytes of HTTP/1.1 that this takes by itself: it runs every few seconds in
/// a container, where starting fast is what counts.
async fn health(config: HealthConfig) -> Result<(), Failure> {
    let ask = async {
        let mut stream = TcpStream::connect(config.address).await?;
        let request =
            format!("GET {READYZ} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", config.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(65_536).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let no = |message: String| Failure { code: NO, message };
    let answer = tokio::time::timeout(config.timeout, ask)
        .await
        .map_err(|_| no(format!("{} did not answer within {:?}", config.address, config.timeout)))?
        .map_err(|error| no(format!("{}: {error}", config.address)))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if answer.starts_with("HTTP/1.1 200 ") {
        print("ready\n");
        return Ok(());
    }
    Err(no(format!("not ready: {}", body.trim())))
}

fn version(as_json: bool) {
    let build = build_info();
    if as_json {
        let BuildInfo { version, commit, rustc, schema } = build;
        let value = json!({ "version": version, "commit": commit, "rustc": rustc, "schema": schema });
        print(&format!("{value}\n"));
    } else {
        print(&format!("roster {} ({}), schema {}\n", build.version, build.commit, build.schema));
    }
}

fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("BUILD_COMMIT").to_owned(),
        rustc: env!("BUILD_RUSTC").to_owned(),
        schema: crate::store::migrate::SCHEMA,
    }
}

/// Whether stdout has lost something that was printed.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes to stdout. Whoever reads it may have gone away; that is not an error of ours. Any other error is told, and is
/// seen by the exit code of the command.
fn print(text: &str) {
    write(text.as_bytes());
}

fn write(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        complain(&format!("error: stdout: {error}"));
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
