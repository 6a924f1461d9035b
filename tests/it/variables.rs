//! Each `ROSTER_…` variable, set in the environment of the program itself, and what it then does that it would not do
//! otherwise.

mod asking;
mod database;
mod ending;
mod issuers;
mod limits;
mod listening;

use std::collections::BTreeSet;

use crate::commands::call;
use crate::support::{Database, Engine, Program, program, token_file};

/// A test for each row, which is given the names in it, and a list of all names.
macro_rules! shown {
    ($($place:ident::$test:ident($($name:literal),+);)*) => {
        const SHOWN: &[&str] = &[$($($name),+),*];

        mod effect {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    Box::pin(super::$place::$test($($name),+)).await;
                }
            )*
        }
    };
}

shown! {
    database::url("ROSTER_DATABASE_URL");
    database::url_in_a_file("ROSTER_DATABASE_URL_FILE");
    database::wait("ROSTER_DATABASE_WAIT");
    database::connections("ROSTER_DATABASE_CONNECTIONS");
    database::connection_timeout("ROSTER_DATABASE_TIMEOUT");
    database::migrate("ROSTER_MIGRATE");
    database::read_only("ROSTER_READ_ONLY");
    listening::listen("ROSTER_LISTEN");
    listening::ops_listen("ROSTER_OPS_LISTEN");
    listening::fd_store("ROSTER_FD_STORE");
    listening::trusted_proxies("ROSTER_TRUSTED_PROXIES");
    listening::tls("ROSTER_TLS_CERT", "ROSTER_TLS_KEY", "ROSTER_CA_FILE");
    listening::bootstrap_token_file("ROSTER_BOOTSTRAP_TOKEN_FILE");
    limits::failed_credentials("ROSTER_FAILED_CREDENTIALS_PER_MINUTE");
    limits::requests_per_second("ROSTER_REQUESTS_PER_SECOND");
    limits::header_timeout("ROSTER_HEADER_TIMEOUT");
    limits::idle_timeout("ROSTER_IDLE_TIMEOUT");
    limits::request_timeout("ROSTER_REQUEST_TIMEOUT");
    limits::max_connections("ROSTER_MAX_CONNECTIONS");
    limits::max_body_bytes("ROSTER_MAX_BODY_BYTES");
    limits::min_drain_rate("ROSTER_MIN_DRAIN_RATE");
    issuers::issuer_and_audience("ROSTER_OIDC_ISSUER", "ROSTER_OIDC_AUDIENCE");
    issuers::role_claim("ROSTER_OIDC_ROLE_CLAIM");
    issuers::role_map("ROSTER_OIDC_ROLE_MAP");
    issuers::ca_file("ROSTER_OIDC_CA_FILE");
    issuers::token_file("ROSTER_OIDC_TOKEN_FILE");
    issuers::issuers_file("ROSTER_OIDC_ISSUERS_FILE");
    ending::drain_seconds("ROSTER_DRAIN_SECONDS");
    ending::shutdown_seconds("ROSTER_SHUTDOWN_SECONDS");
    ending::log_format("ROSTER_LOG_FORMAT");
    ending::log("ROSTER_LOG");
    asking::output("ROSTER_OUTPUT");
    asking::url_and_token("ROSTER_URL", "ROSTER_TOKEN");
    asking::token_in_a_file("ROSTER_TOKEN_FILE");
    asking::use_profile("ROSTER_USE_PROFILE");
    asking::insecure_http("ROSTER_INSECURE_HTTP");
    asking::timeout("ROSTER_TIMEOUT");
    asking::retry_time("ROSTER_RETRY_TIME");
    asking::health_asks_there("ROSTER_OPS_LISTEN");
    asking::health_waits_so_long("ROSTER_TIMEOUT");
}

/// The names of all variables in docs/configuration.md, which other tests hold to the definitions.
#[test]
fn each_variable_has_a_row() {
    let page = include_str!("../../docs/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `--"));
    let mut documented: BTreeSet<&str> =
        rows.flat_map(|row| row.split('`')).filter(|word| word.starts_with("ROSTER_")).collect();
    assert!(documented.len() > 30, "{documented:?}");
    for name in ["ROSTER_TOKEN", "ROSTER_TOKEN_FILE"] {
        assert!(page.contains(&format!("`{name}`")), "{name}");
        documented.insert(name);
    }
    assert_eq!(SHOWN.iter().copied().collect::<BTreeSet<_>>(), documented);
}

/// `roster serve`, told by its environment alone.
struct Serving {
    program: Program,
    database: Database,
}

impl Serving {
    /// On a fresh SQLite file, with these variables over those that every test needs.
    async fn with(variables: &[(&str, &str)]) -> Self {
        Self::on(Database::create(Engine::Sqlite).await, variables).await
    }

    async fn on(database: Database, variables: &[(&str, &str)]) -> Self {
        let command = serve(&database.url, variables);
        Self { program: Program::started(command).await, database }
    }

    /// The address of a path on the API's port.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.program.url)
    }
}

/// The command line of a server on free ports, with these variables over those that every test needs.
fn serve(database: &str, variables: &[(&str, &str)]) -> tokio::process::Command {
    let mut command = program(&["serve"]);
    command.env("ROSTER_DATABASE_URL", database).env("ROSTER_BOOTSTRAP_TOKEN_FILE", token_file());
    command.env("ROSTER_LISTEN", "127.0.0.1:0").env("ROSTER_OPS_LISTEN", "127.0.0.1:0");
    command.env("ROSTER_DRAIN_SECONDS", "0").envs(variables.iter().copied());
    command
}

#[tokio::test]
async fn config_looks_at_what_the_settings_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let nowhere = "postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere";
    let sound = ["--database-url", "sqlite:x.db"];
    let empty = file.path().to_str().unwrap();
    for (arguments, cause) in [
        (vec!["--database-url", "postgres://h/d?sslmode=prefer"], "in the clear without a word"),
        (vec!["--database-url", nowhere], "sslrootcert: the file"),
        ([&sound[..], &["--tls-cert", "/nowhere", "--tls-key", empty]].concat(), "the certificate /nowhere"),
        ([&sound[..], &["--tls-cert", empty, "--tls-key", empty]].concat(), "the certificate"),
    ] {
        call(&[&["config"][..], &arguments].concat(), &[]).await.assert_refused(cause);
    }
}
