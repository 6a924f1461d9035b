//! The settings as the program uses them, and how they are read from their sources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::args::{DatabaseArgs, DemoArgs, HealthArgs, ListenArgs, LogArgs, MigrateArgs, ServeArgs};
use super::callers::{CallersConfig, callers};
use super::database_url::DatabaseUrl;
use super::definitions;
use super::environment::Environment;
use super::grant;
use super::oidc::{self, IssuerConfig};
use super::sources::Sources;
use super::tls::{TlsFiles, tls};
use super::values::{
    address, boolean, duration, log_filter, log_format, migrate_at_start, number, optional_duration,
    positive_duration, store_name,
};
use crate::address::TrustedProxies;
use crate::telemetry::LogFormat;

/// The settings of `serve`.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where the users are.
    pub database: DatabaseConfig,
    /// Whether to bring the schema up to date at start.
    pub migrate: bool,
    /// Whether to refuse writes.
    pub read_only: bool,
    /// Who may call.
    pub callers: CallersConfig,
    /// The addresses and limits of the server.
    pub server: ServerConfig,
    /// The issuers whose JWTs are accepted.
    pub issuers: Vec<IssuerConfig>,
    /// What is logged and how.
    pub log: LogConfig,
    /// Whether traces are exported: an OTLP endpoint is named by one of `OpenTelemetry`'s own variables,
    /// which the exporter reads itself.
    pub otlp: bool,
}

/// The database and the pool of connections to it.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The database's address; its `Debug` and `Display` are redacted.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server at start; `None` is for ever.
    pub wait: Option<Duration>,
    /// The most connections, 1 to 1000.
    pub connections: u32,
    /// How long to wait for a free connection, more than zero.
    pub timeout: Duration,
}

/// The addresses and limits of the server. Durations are at most 24 hours.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address of the API; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address of the operations endpoints; port 0 picks a free one.
    pub ops_listen: SocketAddr,
    /// The name of the fd-store that holds the API's port over a crash, if there is one.
    pub fd_store: Option<String>,
    /// The proxies whose word about their clients is believed.
    pub trusted_proxies: TrustedProxies,
    /// Certificate and key of the API; `None` is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// How long a client may take to send a request's head, more than zero.
    pub header_timeout: Duration,
    /// How long a connection may be idle between requests, more than zero.
    pub idle_timeout: Duration,
    /// How long a request may take up to its response's first byte, more than zero.
    pub request_timeout: Duration,
    /// The most client connections at a time, 1 to 1,000,000.
    pub max_connections: usize,
    /// The largest request body in bytes, 1 to 1 GiB.
    pub max_body_bytes: usize,
    /// The least rate at which a client must read a stream, in bytes per second, at least 1.
    pub min_drain_rate: u64,
    /// How long to keep serving, as unready, after the signal to end.
    pub drain: Duration,
    /// How long unfinished requests may take after that.
    pub shutdown: Duration,
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// Directives of `tracing_subscriber::EnvFilter`, known to be valid.
    pub filter: String,
}

/// The settings of `demo`: those of `serve` except for the database, which does not exist yet.
#[derive(Clone, Debug)]
pub struct DemoConfig {
    serve: ServeConfig,
}

impl DemoConfig {
    /// The settings to serve this database with.
    pub fn with_database(self, url: DatabaseUrl) -> ServeConfig {
        ServeConfig { database: DatabaseConfig { url, ..self.serve.database }, ..self.serve }
    }
}

/// The settings of `migrate`.
#[derive(Clone, Debug)]
pub struct MigrateConfig {
    /// The database's address; its `Debug` and `Display` are redacted.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<Duration>,
    /// Only tell whether the schema is up to date.
    pub check: bool,
    /// The role of PostgreSQL that is to serve.
    pub grant_to: Option<String>,
}

/// The settings of `health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// The address to ask `/readyz`; never unspecified, and its port is not 0.
    pub address: SocketAddr,
    /// How long the answer may take, more than zero.
    pub timeout: Duration,
}

/// A field of the clap structures as [`Sources`] wants it: a wrong name does not compile.
macro_rules! field {
    ($args:ident . $name:ident) => {
        (stringify!($name), $args.$name.as_os_str())
    };
}
pub(super) use field;

pub(super) fn serve(sources: &mut Sources<'_>, args: &ServeArgs) -> Option<ServeConfig> {
    let (pool, writing) = (&args.pool, &args.pool.writing);
    let target = target(sources, &args.database);
    let connections = sources.displayed(field!(pool.database_connections), number(1..=1000));
    let timeout = sources.written(field!(pool.database_timeout), positive_duration);
    let migrate = sources.written(field!(pool.migrate), migrate_at_start);
    let read_only = sources.displayed(field!(writing.read_only), boolean);
    let callers = callers(sources, &args.callers);
    let server = server(sources, args);
    let issuers = oidc::issuers(sources, &args.oidc);
    let log = log(sources, &args.log);
    let (url, wait) = target?;
    Some(ServeConfig {
        database: DatabaseConfig { url, wait, connections: connections?, timeout: timeout? },
        migrate: migrate?,
        read_only: read_only?,
        callers: callers?,
        server: server?,
        issuers: issuers?,
        log: log?,
        otlp: otlp(sources),
    })
}

pub(super) fn demo(sources: &mut Sources<'_>, args: &DemoArgs) -> Option<DemoConfig> {
    let addresses = addresses(sources, &args.listen, demo_address);
    let log = log(sources, &args.log);
    let defaults = serve_defaults().map_err(|problem| sources.problem(problem)).ok()?;
    let (listen, ops_listen) = addresses?;
    let server = ServerConfig { listen, ops_listen, ..defaults.server };
    let otlp = otlp(sources);
    let callers = CallersConfig { open: true, ..CallersConfig::default() };
    Some(DemoConfig { serve: ServeConfig { server, callers, log: log?, otlp, ..defaults } })
}

pub(super) fn migrate(sources: &mut Sources<'_>, args: &MigrateArgs) -> Option<MigrateConfig> {
    let (url, wait) = target(sources, &args.database)?;
    let grant_to = args.grant_to.clone();
    if let Some(problem) = grant_to.as_deref().and_then(|role| grant::problem(role, &url)) {
        sources.problem(format!("--grant-to: {problem}"));
        return None;
    }
    Some(MigrateConfig { url, wait, check: args.check, grant_to })
}

pub(super) fn health(sources: &mut Sources<'_>, args: &HealthArgs) -> Option<HealthConfig> {
    let address = sources.displayed(field!(args.ops_listen), |text| match address(text)? {
        address if address.port() == 0 => Err("has port 0, which cannot be asked".to_owned()),
        address => Ok(reachable(address)),
    });
    let timeout = sources.written(field!(args.timeout), positive_duration);
    Some(HealthConfig { address: address?, timeout: timeout? })
}

pub(super) fn target(
    sources: &mut Sources<'_>,
    args: &DatabaseArgs,
) -> Option<(DatabaseUrl, Option<Duration>)> {
    let url = sources.displayed(field!(args.database_url), DatabaseUrl::parse);
    let waiting = &args.wait;
    let wait = sources.written(field!(waiting.database_wait), optional_duration);
    url.zip(wait)
}

fn server(sources: &mut Sources<'_>, args: &ServeArgs) -> Option<ServerConfig> {
    let (limits, end) = (&args.limits, &args.shutdown);
    let addresses = addresses(sources, &args.listen, address);
    let (store, proxies) = (&args.fd_store, &args.proxies);
    let fd_store = sources.written(field!(store.fd_store), store_name);
    let trusted_proxies = sources.written(field!(proxies.trusted_proxies), TrustedProxies::parse);
    let tls = tls(sources, args);
    let header_timeout = sources.written(field!(limits.header_timeout), positive_duration);
    let idle_timeout = sources.written(field!(limits.idle_timeout), positive_duration);
    let request_timeout = sources.written(field!(limits.request_timeout), positive_duration);
    let max_connections = sources.displayed(field!(limits.max_connections), number(1..=1_000_000));
    let max_body_bytes = sources.displayed(field!(limits.max_body_bytes), number(1..=1 << 30));
    let min_drain_rate = sources.displayed(field!(limits.min_drain_rate), number(1..=1 << 30));
    let drain = sources.written(field!(end.drain_seconds), duration);
    let shutdown = sources.written(field!(end.shutdown_seconds), duration);
    let (listen, ops_listen) = addresses?;
    Some(ServerConfig {
        listen,
        ops_listen,
        fd_store: fd_store?,
        trusted_proxies: trusted_proxies?,
        tls: tls.ok()?,
        header_timeout: header_timeout?,
        idle_timeout: idle_timeout?,
        request_timeout: request_timeout?,
        max_connections: max_connections?,
        max_body_bytes: max_body_bytes?,
        min_drain_rate: min_drain_rate?,
        drain: drain?,
        shutdown: shutdown?,
    })
}

fn addresses(
    sources: &mut Sources<'_>,
    args: &ListenArgs,
    read: fn(&str) -> Result<SocketAddr, String>,
) -> Option<(SocketAddr, SocketAddr)> {
    let listen = sources.displayed(field!(args.listen), read);
    let ops_listen = sources.displayed(field!(args.ops_listen), read);
    listen.zip(ops_listen)
}

/// `demo` lets everybody in.
fn demo_address(text: &str) -> Result<SocketAddr, String> {
    let problem = "is not a loopback address (127.0.0.0/8, ::1), and demo serves no other";
    Some(address(text)?).filter(|address| address.ip().is_loopback()).ok_or_else(|| problem.to_owned())
}

pub(super) fn log(sources: &mut Sources<'_>, args: &LogArgs) -> Option<LogConfig> {
    let format = sources.written(field!(args.log_format), log_format);
    let filter = sources.written(field!(args.log), log_filter);
    Some(LogConfig { format: format?, filter: filter? })
}

/// The defaults of `serve`, from its definitions alone.
fn serve_defaults() -> Result<ServeConfig, String> {
    let (args, matches) = definitions::serve_defaults().map_err(|error| error.to_string())?;
    let environment = Environment::default();
    let mut sources = Sources::new(&matches, &environment, Vec::new());
    serve(&mut sources, &args).ok_or_else(|| sources.into_problems().join("; "))
}

/// Whether one of the two variables that name where traces go is set; see the `OpenTelemetry` protocol
/// exporter's specification. The one for traces alone wins. The value is not repeated: it may hold a password.
fn otlp(sources: &mut Sources<'_>) -> bool {
    let environment = sources.environment();
    let variables = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let named = variables.into_iter().find_map(|name| Some((name, environment.get(name)?)));
    let Some((name, endpoint)) = named else { return false };
    let start = endpoint.to_string_lossy().trim().to_ascii_lowercase();
    if !start.starts_with("http://") {
        sources.problem(format!(
            "{name} must begin with http://: traces are sent without TLS, so name a collector on this machine \
             or in a network that you trust"
        ));
    }
    true
}

/// A server that listens on every address cannot be asked at the unspecified one on every system.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
