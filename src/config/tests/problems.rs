//! What is wrong is said all at once, and never with a secret in it.

use super::{file, run};
use crate::config::{Environment, parse};

fn message(line: &str, variables: &[(&str, &str)]) -> String {
    let failure = run(line, variables).expect_err(line);
    assert_eq!((failure.code, failure.to_stdout), (2, false));
    failure.message
}

#[test]
fn an_unknown_variable_is_refused_by_every_subcommand() {
    for line in
        ["demo", "serve", "migrate", "health", "config", "openapi", "version", "completions bash", "man"]
    {
        assert_eq!(
            message(line, &[("ROSTER_LISTN", "x")]),
            r#"error: "ROSTER_LISTN" is not a known variable; the nearest is ROSTER_LISTEN"#
        );
    }
    for (name, nearest) in [
        ("ROSTER_DATABASEURL", "ROSTER_DATABASE_URL"),
        ("ROSTER_DATABASE_URL_FIL", "ROSTER_DATABASE_URL_FILE"),
        ("ROSTER_IDLE_TIMEOUT_FILE", "ROSTER_IDLE_TIMEOUT"),
        ("ROSTER_listen", "ROSTER_LISTEN"),
        ("ROSTER_", "ROSTER_LOG"),
    ] {
        let message = message("man", &[(name, "x")]);
        assert!(message.ends_with(&format!("the nearest is {nearest}")), "{message}");
    }
}

#[test]
fn variables_of_others_are_ignored() {
    for name in [
        "ROSTER_TEST_POSTGRES_URL",
        "ROSTER_SERVICE_HOST",
        "ROSTER_SERVICE_PORT_HTTP",
        "ROSTER_PORT",
        "ROSTER_PORT_8080_TCP_ADDR",
        "ROSTERS",
        "roster_listn",
    ] {
        assert!(run("man", &[(name, "x")]).is_ok(), "{name}");
    }
    assert!(run("version", &[("ROSTER_LISTEN", "wrong, but not used here")]).is_ok());
}

#[test]
fn variables_of_other_services_are_ignored() {
    let host = ("ROSTER_DATABASE_SERVICE_HOST", "10.0.0.1");
    let port = ("ROSTER_DATABASE_SERVICE_PORT", "5432");
    let of_the_service = [
        ("ROSTER_DATABASE_SERVICE_PORT_POSTGRESQL", "5432"),
        ("ROSTER_DATABASE_PORT", "tcp://10.0.0.1:5432"),
        ("ROSTER_DATABASE_PORT_5432_TCP_ADDR", "10.0.0.1"),
    ];
    for one in of_the_service {
        assert!(run("man", &[host, port, one]).is_ok(), "{one:?}");
        // Without the pair that Kubernetes always sets, it is a typing error.
        assert!(run("man", &[host, one]).is_err() && run("man", &[port, one]).is_err(), "{one:?}");
    }
    assert!(run("man", &[host, port, ("ROSTER_DATABASE_WIAT", "0")]).is_err());
    assert!(run("man", &[host, port, ("ROSTER_DATABASES_PORT", "1")]).is_err());
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let variables = [
        ("ROSTER_LISTN", "x"),
        ("ROSTER_LISTEN", "0.0.0.0"),
        ("ROSTER_IDLE_TIMEOUT", "5x"),
        ("ROSTER_DATABASE_URL", "sqlite:x"),
        ("ROSTER_DATABASE_URL_FILE", "/nowhere"),
        ("ROSTER_MIGRATE", "on"),
        ("ROSTER_LOG", "roster=loud"),
        ("ROSTER_TRUSTED_PROXIES", "10.0.0.0/8,proxy"),
    ];
    let message = message("serve --max-connections 0 --read-only=maybe --log-format=xml", &variables);
    let lines: Vec<&str> = message.lines().collect();
    let starts = [
        r#"error: "ROSTER_LISTN" is not"#,
        "error: ROSTER_DATABASE_URL: ROSTER_DATABASE_URL_FILE is set too",
        r#"error: ROSTER_MIGRATE: "on" is neither"#,
        r#"error: --read-only: "maybe" is neither"#,
        r#"error: ROSTER_LISTEN: "0.0.0.0" is not an IP address and a port"#,
        r#"error: ROSTER_TRUSTED_PROXIES: "10.0.0.0/8,proxy" has the entry "proxy", which is no IP address"#,
        r#"error: ROSTER_IDLE_TIMEOUT: "5x" is not"#,
        r#"error: --max-connections: "0" is not"#,
        r#"error: --log-format: "xml" is none"#,
        r#"error: ROSTER_LOG: "roster=loud" is not"#,
    ];
    assert_eq!(lines.len(), starts.len(), "{message}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_wrong_flag_does_not_hide_an_unknown_variable() {
    let message = message("serve --bogus", &[("ROSTER_LISTN", "x")]);
    assert!(message.contains("ROSTER_LISTEN") && message.contains("--bogus"), "{message}");
}

#[test]
fn demo_refuses_public_addresses() {
    for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:127.0.0.1]:1", "128.0.0.1:1"] {
        let flag = format!("--listen {address}");
        let told = message(&format!("demo {flag}"), &[]);
        assert!(told.contains("127.0.0.0/8, ::1") && told.lines().count() == 1, "{told}");
        assert!(run(&format!("serve {flag}"), &[]).is_ok());
        assert!(run(&format!("serve --ops-{}", &flag[2..]), &[]).is_ok());
        let message = message(&format!("demo --ops-{}", &flag[2..]), &[]);
        assert!(message.starts_with("error: --ops-listen") && message.lines().count() == 1, "{message}");
    }
    let variables = [("ROSTER_LISTEN", "0.0.0.0:1"), ("ROSTER_OPS_LISTEN", "0.0.0.0:2")];
    let both = message("demo", &variables);
    assert!(both.contains("ROSTER_LISTEN: ") && both.contains("ROSTER_OPS_LISTEN: "), "{both}");
    for address in ["127.0.0.1:1", "127.255.0.9:0", "[::1]:1"] {
        assert!(run(&format!("serve --listen {address}"), &[]).is_ok(), "{address}");
    }
}

#[test]
fn no_message_holds_a_secret() {
    let url = "postgres://u:hunter2@h:x/d";
    let secret = file(url.as_bytes());
    let path = secret.path().to_str().expect("UTF-8");
    for (line, variables) in [
        (format!("serve --database-url {url}"), vec![]),
        (format!("serve {url}"), vec![]),
        (format!("serve --database-ur={url}"), vec![]),
        (url.to_owned(), vec![]),
        (format!("serve --listen {url}"), vec![]),
        (format!("completions {url}"), vec![]),
        ("serve".to_owned(), vec![("ROSTER_DATABASE_URL", url)]),
        ("serve".to_owned(), vec![("ROSTER_DATABASE_URL_FILE", url)]),
        ("serve".to_owned(), vec![("ROSTER_DATABASE_URL_FILE", path)]),
        ("serve".to_owned(), vec![("ROSTER_DATABSE_URL", url)]),
        ("serve".to_owned(), vec![("ROSTER_LISTEN", url)]),
        ("serve".to_owned(), vec![("ROSTER_LOG", url)]),
        ("serve".to_owned(), vec![("ROSTER_DATABASE_WAIT", url)]),
    ] {
        let message = message(&line, &variables);
        assert!(!message.contains("hunter2"), "{message}");
    }
    let valid = run("serve", &[("ROSTER_DATABASE_URL", "postgres://u:hun@ter2@h/d?password=hunter2")]);
    let shown = format!("{:?}", valid.expect("valid"));
    assert!(!shown.contains("hun") && shown.contains("postgres://u:***@h/d?password=***"), "{shown}");
}

#[test]
fn an_unusable_secret_file_is_an_error_that_names_it() {
    let long = vec![b'x'; 70_000];
    for (content, expected) in
        [(&b""[..], "is empty"), (b"\n", "is empty"), (b"\xff", "UTF-8"), (&long, "longer"), (b"x", "forms")]
    {
        let secret = file(content);
        let path = secret.path().to_str().expect("UTF-8");
        let message = message("migrate", &[("ROSTER_DATABASE_URL_FILE", path)]);
        assert!(message.contains(path) && message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    for path in ["/nowhere/at/all", "/"] {
        let message = message("migrate", &[("ROSTER_DATABASE_URL_FILE", path)]);
        assert!(message.starts_with("error: ROSTER_DATABASE_URL_FILE: the file /"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let bytes = OsString::from_vec(b"sqlite:\xff".to_vec());
    let environment: Environment =
        [("ROSTER_DATABASE_URL".into(), bytes.clone()), ("ROSTER_LISTEN".into(), bytes.clone())]
            .into_iter()
            .collect::<Vec<(OsString, OsString)>>()
            .into_iter()
            .collect();
    let args = ["roster", "serve", "--log"].map(OsString::from).into_iter().chain([bytes]);
    let message = parse(args, &environment).expect_err("not UTF-8").message;
    assert_eq!(message.matches("is not valid UTF-8").count(), 3, "{message}");
}
