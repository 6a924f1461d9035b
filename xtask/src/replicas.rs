//! The black-box tests once more, with every request sent to a random one of two replicas.

use std::process::Command;

use crate::shell::{self, Failure, Workspace, say};

/// Tells the tests how many services a server on PostgreSQL is.
const REPLICAS: &str = "ROSTER_TEST_REPLICAS";

/// Modules whose tests on PostgreSQL ask a server as its clients do.
const MODULES: [&str; 25] = [
    "batch",
    "client::login",
    "client::record",
    "client::users",
    "conditions",
    "feed",
    "http_basics",
    "idempotency",
    "identity",
    "lists",
    "negotiation",
    "oidc::http",
    "openapi",
    "pages",
    "permissions",
    "races",
    "replicas",
    "schemathesis",
    "standing",
    "tokens",
    "transfer::http",
    "users",
    "v1",
    "validation",
    "walks",
];

/// All other modules with tests on PostgreSQL, and why more replicas mean nothing to them.
const ELSEWHERE: [(&str, &str); 13] = [
    ("commands", COMMANDS),
    ("crashes", PROCESSES),
    ("filters", STORE),
    ("starting", PROCESSES),
    ("store_story", STORE),
    ("telemetry", "what one process tells of itself"),
    ("transfer::bulk", STORE),
    ("transfer::copy", COMMANDS),
    ("transfer::export", COMMANDS),
    ("transfer::import", COMMANDS),
    ("transfer::once", COMMANDS),
    ("transfer::refused", COMMANDS),
    ("transfer::stopping", COMMANDS),
];
const COMMANDS: &str = "commands on a database, without a server";
const PROCESSES: &str = "processes that the tests start and kill themselves";
const STORE: &str = "the store without a server";

/// Tests in them that say nothing about several replicas, and why.
const LEFT_OUT: [(&str, &str); 7] = [
    ("client::login::a_real_server_says_who_logs_in", REVOKED),
    ("oidc::http::who_fails_too_often_waits_and_known_bearers_go_on", COUNTED),
    ("tokens::a_token_is_given_changed_and_revoked", REVOKED),
    ("tokens::lasting::a_revoked_token_gives_no_other_one", REVOKED),
    ("tokens::lasting::a_stream_ends_with_its_callers_token", REVOKED),
    ("tokens::record::an_address_that_fails_too_often_waits", COUNTED),
    ("transfer::http::a_server_that_ends_says_so", "it ends one service by hand"),
];
const REVOKED: &str = "a revocation acts at once where it is made, elsewhere within 5 s: \
                       tokens::a_revocation_and_a_role_act_on_every_server_within_five_seconds";
const COUNTED: &str = "each process counts the failures of an address by itself";

/// Runs these tests; `prepare` gives their command the environment of all tests.
///
/// # Errors
/// A test fails, a name above fits no test, or a test fits no name above.
pub(crate) fn run(workspace: &Workspace, prepare: impl Fn(&mut Command)) -> Result<(), Failure> {
    let base = ["test", "--locked", "--package", "roster", "--test", "it", "--"];
    let mut list = workspace.cargo(&base);
    list.args(["--list", "--format", "terse"]);
    let listed = String::from_utf8_lossy(&shell::stdout_of(&mut list)?).into_owned();
    let chosen = choose(&listed)?;
    say(&format!("{} tests on two replicas; left out:", chosen.len()));
    for (name, reason) in LEFT_OUT.into_iter().chain(ELSEWHERE) {
        say(&format!("  {name}: {reason}"));
    }
    let mut tests = workspace.cargo(&base);
    prepare(tests.env(REPLICAS, "2").arg("--exact").args(chosen));
    shell::run(&mut tests)
}

fn choose(listed: &str) -> Result<Vec<&str>, Failure> {
    let all: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| name.ends_with("::postgres"))
        .collect();
    let within =
        |name: &str, place: &str| name.strip_prefix(place).is_some_and(|rest| rest.starts_with("::"));
    let modules = || MODULES.into_iter().chain(ELSEWHERE.map(|(name, _)| name));
    for place in modules().chain(LEFT_OUT.map(|(name, _)| name)) {
        if !all.iter().any(|name| within(name, place)) {
            return Err(Failure::new(format!("xtask/src/replicas.rs names {place}, where no test is")));
        }
    }
    if let Some(new) = all.iter().find(|name| !modules().any(|module| within(name, module))) {
        return Err(Failure::new(format!("xtask/src/replicas.rs does not say whether to run {new}")));
    }
    let chosen = |name: &&str| {
        MODULES.iter().any(|module| within(name, module))
            && !LEFT_OUT.iter().any(|(left, _)| within(name, left))
    };
    Ok(all.into_iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_on_postgresql_within_the_modules_are_chosen() {
        let named = LEFT_OUT.into_iter().chain(ELSEWHERE).map(|(name, _)| name);
        let every: String = MODULES
            .into_iter()
            .chain(named)
            .flat_map(|place| {
                [format!("{place}::one::postgres: test\n"), format!("{place}::one::sqlite: test\n")]
            })
            .collect();
        let chosen = choose(&every).unwrap_or_default();
        assert_eq!(chosen.len(), MODULES.len());
        assert!(chosen.iter().all(|name| name.ends_with("::postgres")), "{chosen:?}");
        assert!(choose("users::one::postgres: test\n").is_err(), "most are missing");
        assert!(choose(&format!("{every}usersome::one::postgres: test\n")).is_err(), "one is new");
    }
}
