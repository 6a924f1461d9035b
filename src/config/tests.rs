//! The command line and its settings as a whole.

mod documentation;
mod problems;

use std::io::Write as _;

use clap_complete::Shell;

use super::definitions::{self, is_setting, variable};
use super::{
    Command, EffectiveSetting, Environment, Failure, Source, completions, manual, parse, settings_json,
    settings_table,
};

/// Parses a command line of words without the program's name.
fn run(line: &str, variables: &[(&str, &str)]) -> Result<Command, Failure> {
    let args = std::iter::once("roster").chain(line.split_whitespace()).map(Into::into);
    parse(args, &variables.iter().copied().collect())
}

/// The settings that `roster config` shows.
fn effective(flags: &str, variables: &[(&str, &str)]) -> Vec<EffectiveSetting> {
    match run(&format!("config {flags}"), variables) {
        Ok(Command::Config { settings, .. }) => settings,
        other => panic!("{other:?}"),
    }
}

fn setting(name: &str, flags: &str, variables: &[(&str, &str)]) -> (String, Source) {
    let found = effective(flags, variables).into_iter().find(|setting| setting.name == name);
    found.map(|setting| (setting.value, setting.source)).expect(name)
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("writable");
    file
}

/// A valid value for each setting that is not its default.
fn sample(id: &str) -> &'static str {
    match id {
        "database_url" => "postgres://h/d",
        "migrate" => "off",
        "read_only" => "yes",
        "listen" | "ops_listen" => "[::1]:1234",
        "log_format" => "json",
        "log" => "warn",
        "trusted_proxies" => "10.0.0.0/8,::1",
        "max_connections" | "max_body_bytes" | "min_drain_rate" | "database_connections" => "77",
        _ => "77ms",
    }
}

/// What has to be set together with a setting.
fn partner(id: &str) -> (&'static str, &'static str) {
    match id {
        "tls_cert" => ("ROSTER_TLS_KEY", "tls.key"),
        "tls_key" => ("ROSTER_TLS_CERT", "tls.crt"),
        _ => ("ROSTER_TEST_NONE", ""),
    }
}

#[test]
fn the_definitions_hold() {
    definitions::all().debug_assert();
}

#[test]
fn each_subcommand_is_parsed() {
    assert!(matches!(run("openapi", &[]), Ok(Command::OpenApi)));
    assert!(matches!(run("version --json", &[]), Ok(Command::Version { json: true })));
    assert!(matches!(run("completions zsh", &[]), Ok(Command::Completions(Shell::Zsh))));
    assert!(matches!(run("man", &[]), Ok(Command::Man)));
    assert!(matches!(run("migrate --check", &[]), Ok(Command::Migrate(config)) if config.check));
    let import = run("import - --key=email --map a=name --map b= --strict", &[]);
    assert!(
        matches!(&import, Ok(Command::Import(config)) if config.mode == super::ImportMode::Strict && config.map.len() == 2)
    );
    assert!(matches!(run("export -o -", &[]), Ok(Command::Export(config)) if config.output.is_none()));
    assert!(matches!(run("backup x", &[]), Ok(Command::Backup(_))));
    let secret = file(b"postgres://u:p@h/d\n");
    let copy = format!("copy sqlite:x @{}", secret.path().display());
    assert!(matches!(run(&copy, &[]), Ok(Command::Copy(config)) if config.to.sqlite_path().is_none()));
    let wrong = run("copy oracle:x sqlite:y", &[]).expect_err("no such engine");
    assert!(wrong.message.contains("FROM_URL"), "{wrong:?}");
    assert!(matches!(run("config --json", &[]), Ok(Command::Config { json: true, .. })));
    let Ok(Command::Demo(demo)) = run("demo --listen 127.0.0.1:0", &[("ROSTER_LOG", "warn")]) else {
        panic!("demo");
    };
    let url = super::DatabaseUrl::parse("sqlite:x").expect("valid");
    let serve = demo.with_database(url.clone());
    assert_eq!((serve.database.url, serve.server.listen.port()), (url, 0));
    assert_eq!((serve.log.filter.as_str(), serve.server.max_connections), ("warn", 10_000));
}

#[test]
fn health_asks_a_reachable_address() {
    for (listen, asked) in
        [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("192.0.2.1:9", "192.0.2.1:9")]
    {
        let Ok(Command::Health(health)) = run("health", &[("ROSTER_OPS_LISTEN", listen)]) else {
            panic!("{listen}");
        };
        assert_eq!(health.address.to_string(), asked);
    }
    assert!(run("health --ops-listen 127.0.0.1:0", &[]).is_err());
}

#[test]
fn each_variable_and_each_flag_changes_the_effective_value() {
    for subcommand in definitions::all().get_subcommands() {
        let operands = match subcommand.get_name() {
            "import" | "backup" => " file",
            "copy" => " sqlite:a sqlite:b",
            _ => "",
        };
        let name = &format!("{}{operands}", subcommand.get_name());
        let default = format!("{:?}", run(name, &[]).ok());
        for arg in subcommand.get_arguments().filter(|arg| is_setting(arg)) {
            let id = arg.get_id().as_str();
            let value = sample(id);
            let by_variable = run(name, &[(&variable(id), value), partner(id)]);
            assert!(by_variable.is_ok(), "{name} {id}: {by_variable:?}");
            assert_ne!(format!("{:?}", by_variable.ok()), default, "{name} {id}");
            let flag = format!("--{}={value}", arg.get_long().expect("a setting is a flag"));
            let by_flag = run(&format!("{name} {flag}"), &[partner(id)]);
            assert!(by_flag.is_ok(), "{name} {flag}: {by_flag:?}");
            assert_ne!(format!("{:?}", by_flag.ok()), default, "{name} {flag}");
        }
    }
}

#[test]
fn a_flag_beats_a_variable_or_file_and_those_beat_the_default() {
    let secret = file(b"postgres://file/d\n");
    let path = secret.path().to_str().expect("UTF-8");
    let by_file = ("ROSTER_DATABASE_URL_FILE", path);
    let by_variable = ("ROSTER_DATABASE_URL", "postgres://variable/d");
    let by_flag = "--database-url=postgres://flag/d";
    let get = |flags, variables: &[_]| setting("database-url", flags, variables);
    let file_source = Source::File { path: path.into(), variable: "ROSTER_DATABASE_URL_FILE".into() };
    let variable_source = Source::Environment("ROSTER_DATABASE_URL".into());
    let flag_source = Source::Flag("--database-url".into());
    assert_eq!(get("", &[]), ("sqlite:roster.db".into(), Source::Default));
    assert_eq!(get("", &[by_file]), ("postgres://file/d".into(), file_source));
    assert_eq!(get("", &[by_variable]), ("postgres://variable/d".into(), variable_source));
    assert_eq!(get(by_flag, &[by_file]), ("postgres://flag/d".into(), flag_source.clone()));
    assert_eq!(get(by_flag, &[by_variable]), ("postgres://flag/d".into(), flag_source));
}

#[test]
fn a_flag_with_the_default_as_its_value_is_still_a_flag() {
    let (value, source) = setting("log", "--log info", &[("ROSTER_LOG", "warn")]);
    assert_eq!((value.as_str(), source), ("info", Source::Flag("--log".into())));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let empty = [("ROSTER_LISTEN", ""), ("ROSTER_DATABASE_URL", ""), ("ROSTER_DATABASE_URL_FILE", "")];
    assert!(effective("", &empty).iter().all(|setting| setting.source == Source::Default));
    assert!(run("version", &[("ROSTER_LISTN", "")]).is_ok());
}

#[test]
fn one_newline_at_the_end_of_a_file_is_dropped() {
    for content in ["sqlite:x", "sqlite:x\n", "sqlite:x\r\n"] {
        let secret = file(content.as_bytes());
        let path = secret.path().to_str().expect("UTF-8");
        assert_eq!(setting("database-url", "", &[("ROSTER_DATABASE_URL_FILE", path)]).0, "sqlite:x");
    }
}

#[test]
fn tls_needs_both_files() {
    let files = |line, variables: &[_]| match run(line, variables) {
        Ok(Command::Serve(config)) => config.server.tls,
        other => panic!("{other:?}"),
    };
    assert_eq!(files("serve", &[("ROSTER_TLS_CERT", "")]), None);
    let both = files("serve --tls-cert a.crt", &[("ROSTER_TLS_KEY", "a.key")]);
    assert_eq!(both, Some(super::TlsFiles { certificate: "a.crt".into(), key: "a.key".into() }));
    for (flag, missing) in [("--tls-cert", "ROSTER_TLS_KEY"), ("--tls-key", "ROSTER_TLS_CERT")] {
        let failure = run(&format!("serve {flag} x"), &[]).expect_err(flag);
        assert_eq!(failure.message.find(&format!("error: {missing} is not set")), Some(0), "{failure:?}");
    }
}

#[test]
fn traces_are_exported_when_an_endpoint_is_named() {
    let otlp = |variables: &[_]| match run("serve", variables) {
        Ok(Command::Serve(config)) => config.otlp,
        other => panic!("{other:?}"),
    };
    assert!(!otlp(&[]) && !otlp(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]));
    assert!(otlp(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")]));
    assert!(otlp(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")]));
}

#[test]
fn traces_go_over_plain_http_alone() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    for command in ["serve", "demo"] {
        for name in [ALL, TRACES] {
            for value in ["https://u:hunter2@c:4318", "HTTPS://c", "c:4317", "grpc://c"] {
                let failure = run(command, &[(name, value)]).expect_err(value);
                assert_eq!(failure.code, 2);
                assert!(failure.message.starts_with(&format!("error: {name} must begin with http://")));
                assert!(
                    !failure.message.contains('\n') && !failure.message.contains("hunter2"),
                    "{failure:?}"
                );
            }
            assert!(run(command, &[(name, "HTTP://c:4318")]).is_ok());
        }
        // The one for traces wins, so the other is not asked.
        assert!(run(command, &[(ALL, "https://c"), (TRACES, "http://c:4318/v1/traces")]).is_ok());
    }
}

#[test]
fn the_settings_are_printed_as_a_table_and_as_json() {
    let settings = effective(
        "--read-only",
        &[("ROSTER_DATABASE_URL", "postgres://u:hunter2@h/d"), ("ROSTER_LOG", "warn")],
    );
    let table = settings_table(&settings);
    let read_only: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("read-only "))
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(read_only, ["true", "flag", "--read-only"]);
    assert_eq!(table.lines().count(), settings.len() + 1);
    let json = settings_json(&settings);
    let values: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let expected = serde_json::json!({
        "name": "database-url",
        "env": "ROSTER_DATABASE_URL",
        "value": "postgres://u:***@h/d",
        "source": "environment ROSTER_DATABASE_URL",
    });
    assert_eq!(values[0], expected);
    assert!(!format!("{table}{json}{settings:?}").contains("hunter2"));
}

#[test]
fn help_and_version_go_to_stdout() {
    for line in ["--help", "-h", "help serve", "serve --help", "--version", "serve -V"] {
        let failure = run(line, &[("ROSTER_LISTN", "x")]).expect_err(line);
        assert_eq!((failure.code, failure.to_stdout), (0, true), "{line}");
    }
    for line in ["", "bogus", "serve --bogus", "completions"] {
        let failure = run(line, &[]).expect_err(line);
        assert_eq!((failure.code, failure.to_stdout), (2, false), "{line}");
    }
}

#[test]
fn completions_and_the_manual_render() {
    for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
        let script = String::from_utf8(completions(shell)).expect("UTF-8");
        assert!(script.contains("database-url"), "{shell}");
    }
    let page = String::from_utf8(manual().expect("written to memory")).expect("UTF-8");
    for part in [".TH roster 1", "ROSTER SERVE", "ROSTER_DATABASE_URL_FILE", "Exit codes"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_environment_of_the_process_is_read() {
    assert!(Environment::from_process().get("PATH").is_some());
    let environment: Environment = [("A", "hunter2")].into_iter().collect();
    assert_eq!(format!("{environment:?}"), r#"{"A"}"#);
}
