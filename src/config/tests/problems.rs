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
    for name in ["ROSTER_TEST_POSTGRES_URL", "ROSTERS", "roster_listn", "ROSTER_SERVICE"] {
        let refused = name == "ROSTER_SERVICE";
        assert_eq!(run("man", &[(name, "x")]).is_err(), refused, "{name}");
    }
    assert!(run("version", &[("ROSTER_LISTEN", "wrong, but not used here")]).is_ok());
}

#[test]
fn links_to_services_are_ignored() {
    // As Kubernetes 1.36 sets them for the Services `roster`, `roster-database` and `roster-2`.
    let links = [
        ("ROSTER_SERVICE_HOST", "10.96.0.7"),
        ("ROSTER_SERVICE_PORT", "80"),
        ("ROSTER_SERVICE_PORT_HTTP", "80"),
        ("ROSTER_SERVICE_PORT_OPS", "9090"),
        ("ROSTER_PORT", "tcp://10.96.0.7:80"),
        ("ROSTER_PORT_80_TCP", "tcp://10.96.0.7:80"),
        ("ROSTER_PORT_80_TCP_PROTO", "tcp"),
        ("ROSTER_PORT_80_TCP_PORT", "80"),
        ("ROSTER_PORT_80_TCP_ADDR", "10.96.0.7"),
        ("ROSTER_DATABASE_SERVICE_HOST", "fd00::8"),
        ("ROSTER_DATABASE_SERVICE_PORT_POSTGRESQL", "5432"),
        ("ROSTER_DATABASE_PORT", "tcp://[fd00::8]:5432"),
        ("ROSTER_DATABASE_PORT_5432_TCP_ADDR", "fd00::8"),
        ("ROSTER_2_SERVICE_HOST", "10.96.0.9"),
        ("ROSTER_2_PORT_53_UDP", "udp://10.96.0.9:53"),
    ];
    assert!(run("serve", &links).is_ok());
    // What none of these Services makes is still a mistake, and without an address there is no Service.
    for (name, value) in [
        ("ROSTER_PORTS", "80"),
        ("ROSTER_PORT_80", "80"),
        ("ROSTER_PORT_80_TCP_NAME", "x"),
        ("ROSTER_PORT_HTTP_TCP", "x"),
        ("ROSTER_DATABASE_HOST", "10.96.0.8"),
        ("ROSTER_CACHE_PORT", "tcp://10.96.0.10:6379"),
        ("ROSTER_CACHE_SERVICE_HOST", "cache"),
    ] {
        let mut variables = links.to_vec();
        variables.push((name, value));
        assert!(
            message("serve", &variables).starts_with(&format!("error: {name:?} is not a known")),
            "{name}"
        );
    }
    let port = message("serve", &[("ROSTER_PORT", "8080")]);
    assert!(port.starts_with(r#"error: "ROSTER_PORT" is not a known variable"#), "{port}");
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
