//! The settings of the commands that talk to a server.

use std::path::Path;
use std::time::Duration;

use super::{file, run};
use crate::config::{Command, ConnectionConfig, Credential, OutputForm, UsersAction, UsersConfig};

fn users(line: &str, variables: &[(&str, &str)]) -> UsersConfig {
    match run(&format!("users {line}"), variables) {
        Ok(Command::Users(config)) => config,
        other => panic!("{line}: {other:?}"),
    }
}

fn connection(line: &str, variables: &[(&str, &str)]) -> ConnectionConfig {
    users(line, variables).connection
}

fn problem(line: &str, variables: &[(&str, &str)]) -> String {
    let failure = run(line, variables).expect_err(line);
    assert_eq!((failure.code, failure.to_stdout), (2, false), "{failure:?}");
    failure.message
}

#[test]
fn the_server_is_named_by_flag_or_variable() {
    let url = |line, variables: &[_]| connection(line, variables).url.map(|url| url.to_string());
    let by_variable = ("ROSTER_URL", "https://variable/");
    assert_eq!(url("list", &[]), None);
    assert_eq!(url("list", &[by_variable]).as_deref(), Some("https://variable"));
    assert_eq!(url("list --url https://flag", &[by_variable]).as_deref(), Some("https://flag"));
    assert!(problem("users list --url ftp://h", &[]).contains("--url: a URL begins neither"));
    assert!(problem("log", &[("ROSTER_URL", "h")]).contains("ROSTER_URL: \"h\" is not a URL"));
}

#[test]
fn a_token_comes_from_the_environment_or_a_file_and_goes_to_the_address_of_the_environment() {
    let url = ("ROSTER_URL", "https://h");
    let token = |variables: &[_]| connection("list", variables).token.map(|token| token.expose().to_owned());
    assert_eq!(token(&[url]), None);
    assert_eq!(token(&[url, ("ROSTER_TOKEN", "hunter2")]).as_deref(), Some("hunter2"));
    let secret = file(b"hunter2\n");
    let path = secret.path().to_str().expect("UTF-8");
    assert_eq!(token(&[url, ("ROSTER_TOKEN_FILE", path)]).as_deref(), Some("hunter2"));
    for (line, variables, expected) in [
        ("users list", vec![("ROSTER_TOKEN", "hunter2")], "without ROSTER_URL or --url"),
        ("users list --use-profile x", vec![("ROSTER_TOKEN", "hunter2")], "without ROSTER_URL or --url"),
        ("log --url https://other", vec![url, ("ROSTER_TOKEN", "hunter2")], "another server than ROSTER_URL"),
        ("log", vec![url, ("ROSTER_TOKEN", "hunter2"), ("ROSTER_TOKEN_FILE", path)], "set only one"),
        ("log", vec![url, ("ROSTER_TOKEN", "hunter2 x")], "ROSTER_TOKEN: is no token"),
        ("log", vec![url, ("ROSTER_TOKEN_FILE", "/nowhere")], "ROSTER_TOKEN_FILE: the file /nowhere"),
    ] {
        let problem = problem(line, &variables);
        assert!(problem.contains(expected) && !problem.contains("hunter2"), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
    let same = connection("list --url https://h:443/", &[url, ("ROSTER_TOKEN", "hunter2")]);
    assert_eq!(same.token.as_ref().map(Credential::expose), Some("hunter2"));
    let alone = connection("list --url https://other", &[("ROSTER_TOKEN", "hunter2")]);
    assert!(!format!("{alone:?}").contains("hunter2"));
}

#[test]
fn there_is_no_flag_for_a_token_and_one_in_the_wrong_place_is_not_repeated() {
    for line in
        ["login rst_hunter2", "users list --token=rst_hunter2", "users rst_hunter2", "login eyJhunter2"]
    {
        let problem = problem(line, &[]);
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn profiles_are_where_other_settings_of_a_person_are() {
    let place = |variables: &[_]| connection("list", variables).profile.file;
    let home = ("HOME", "/home/ana");
    let expected = Path::new("/home/ana/.config/roster/profiles.toml");
    assert_eq!(place(&[home]).as_deref(), Some(expected));
    assert_eq!(place(&[home, ("XDG_CONFIG_HOME", "relative")]).as_deref(), Some(expected));
    let own = place(&[home, ("XDG_CONFIG_HOME", "/etc/own")]);
    assert_eq!(own.as_deref(), Some(Path::new("/etc/own/roster/profiles.toml")));
    assert_eq!(place(&[]), None);
    for line in ["login --profile b --url https://h", "login --use-profile b --url https://h"] {
        let Ok(Command::Login(config)) = run(line, &[("ROSTER_USE_PROFILE", "c")]) else { panic!("{line}") };
        assert_eq!(config.profile.name.as_deref(), Some("b"));
    }
    let Ok(Command::Logout(profile)) = run("logout", &[("ROSTER_USE_PROFILE", "c")]) else {
        panic!("logout")
    };
    assert_eq!(profile.name.as_deref(), Some("c"));
    assert!(problem("logout --profile a/b", &[]).contains("--use-profile: \"a/b\" is not a name"));
}

#[test]
fn the_actions_are_parsed() {
    let expected = UsersAction::List {
        filter: Some("x".into()),
        q: None,
        sort: Some("-name".into()),
        fields: None,
        limit: Some(5),
    };
    assert_eq!(users("list --filter x --sort -name --limit 5", &[]).action, expected);
    assert_eq!(users("get 7", &[]).action, UsersAction::Get(7));
    let update = users("update 7 --no-email --active false --profile {} --if-match 3", &[]).action;
    let expected = UsersAction::Update {
        id: 7,
        name: None,
        email: Some(None),
        external_id: None,
        active: Some(false),
        profile: Some("{}".into()),
        if_match: Some("3".into()),
    };
    assert_eq!(update, expected);
    for line in [
        "users",
        "users get 0",
        "users get x",
        "users list --limit 0",
        "users create",
        "users update 7 --email a@x --no-email",
        "users update 7 --active maybe",
        "users list --output xml",
        "users list --timeout 0",
        "log --follow --output json",
    ] {
        problem(line, &[]);
    }
}

#[test]
fn the_output_can_be_a_variable() {
    let Ok(Command::Log(config)) = run("log --follow --after now", &[("ROSTER_OUTPUT", "csv")]) else {
        panic!("log");
    };
    assert_eq!((config.output, config.after.as_deref(), config.follow), (OutputForm::Csv, Some("now"), true));
    let connection = connection("list --insecure-http --retry-time 0", &[("ROSTER_TIMEOUT", "3s")]);
    assert_eq!((connection.insecure_http, connection.retry_time), (true, Duration::ZERO));
    assert_eq!(connection.timeout, Duration::from_secs(3));
}
