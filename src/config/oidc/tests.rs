//! What issuers may be told, and what is said of mistakes.

use std::path::Path;

use super::address::is_loopback;
use super::endpoint;
use super::file::read;
use crate::config::tests::{file, run};
use crate::config::{Command, IssuerConfig};
use crate::model::role::Role;

fn issuers(line: &str, variables: &[(&str, &str)]) -> Result<Vec<IssuerConfig>, String> {
    match run(line, variables) {
        Ok(Command::Serve(config)) => Ok(config.issuers),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.message),
    }
}

const ISSUER: (&str, &str) = ("ROSTER_OIDC_ISSUER", "https://id.example/realms/x");
const AUDIENCE: (&str, &str) = ("ROSTER_OIDC_AUDIENCE", "roster");

#[test]
fn one_issuer_is_told_by_settings() {
    assert_eq!(issuers("serve", &[]), Ok(Vec::new()));
    let variables = [
        ISSUER,
        ("ROSTER_OIDC_AUDIENCE", "roster, https://roster.example"),
        ("ROSTER_OIDC_ROLE_MAP", "repo:a/b:ref=refs/heads/main=writer, x = admin"),
        ("ROSTER_OIDC_CA_FILE", "/ca.pem"),
    ];
    let found = issuers("serve --oidc-role-claim a.b --oidc-token-file=token", &variables).expect("sound");
    let map = [("repo:a/b:ref=refs/heads/main", Role::Writer), ("x", Role::Admin)];
    let expected = IssuerConfig {
        issuer: ISSUER.1.to_owned(),
        audiences: vec!["https://roster.example".to_owned(), "roster".to_owned()],
        ca_file: Some("/ca.pem".into()),
        token_file: Some("token".into()),
        role_claim: "a.b".to_owned(),
        role_map: map.map(|(value, role)| (value.to_owned(), role)).into(),
    };
    assert_eq!(found, [expected]);
    let defaults = issuers("serve", &[ISSUER, AUDIENCE]).expect("sound");
    assert_eq!((defaults[0].role_claim.as_str(), defaults[0].role_map.len()), ("roles", 0));
}

#[test]
fn mistakes_in_settings_are_told_at_once() {
    let variables = [
        ("ROSTER_OIDC_ISSUER", "http://id.example"),
        ("ROSTER_OIDC_AUDIENCE", "a,,b"),
        ("ROSTER_OIDC_ROLE_MAP", "x=boss,y,=reader,z=reader,z=writer"),
    ];
    let message = issuers("serve", &variables).expect_err("mistakes");
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 3, "{message}");
    assert!(
        lines[0].starts_with("error: ROSTER_OIDC_ISSUER: a URL does not begin with https://"),
        "{message}"
    );
    assert!(lines[1].ends_with(r#"ROSTER_OIDC_AUDIENCE: "a,,b" has an empty audience"#), "{message}");
    for part in [
        r#"names the role "boss"; there are provisioner, reader, writer, admin"#,
        r#"has "y", which is not VALUE=ROLE"#,
        r#"has "=reader", which maps no value"#,
        r#"maps "z" twice"#,
    ] {
        assert!(lines[2].contains(part), "{message}");
    }
    let alone = issuers("serve", &[ISSUER]).expect_err("no audience");
    assert!(alone.starts_with("error: ROSTER_OIDC_ISSUER: ROSTER_OIDC_AUDIENCE is not set"), "{alone}");
    let orphan = issuers("serve --oidc-role-map a=reader", &[AUDIENCE]).expect_err("no issuer");
    assert_eq!(orphan, "error: ROSTER_OIDC_AUDIENCE, --oidc-role-map: ROSTER_OIDC_ISSUER is not set");
    assert!(issuers("serve --oidc-role-claim=", &[ISSUER, AUDIENCE]).is_err());
}

#[test]
fn several_issuers_are_told_by_a_file() {
    let text = r#"
[[issuer]]
issuer = "https://id.example/realms/x"
audiences = ["roster"]
role_claim = "groups"
role_map = { "a,b" = "reader", "c=d" = "admin" }

[[issuer]]
issuer = "https://kubernetes.default.svc.cluster.local"
audiences = ["roster", "other"]
ca_file = "/ca.crt"
token_file = "/token"
role_claim = "sub"
[issuer.role_map]
"system:serviceaccount:shop:sync" = "writer"
"#;
    let path = file(text.as_bytes());
    let named = path.path().to_str().expect("UTF-8");
    let found = issuers("serve", &[("ROSTER_OIDC_ISSUERS_FILE", named)]).expect("sound");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].role_map["c=d"], Role::Admin);
    assert_eq!(found[0].role_map["a,b"], Role::Reader);
    assert_eq!(found[1].role_map["system:serviceaccount:shop:sync"], Role::Writer);
    assert_eq!(found[1].ca_file.as_deref(), Some(Path::new("/ca.crt")));
    let both = issuers("serve", &[ISSUER, ("ROSTER_OIDC_ISSUERS_FILE", named)]).expect_err("both");
    assert!(both.ends_with("ROSTER_OIDC_ISSUERS_FILE: ROSTER_OIDC_ISSUER is set too; set one or the other"));
    let absent = issuers("serve --oidc-issuers-file /nowhere", &[]).expect_err("no file");
    assert!(absent.starts_with("error: --oidc-issuers-file: the file /nowhere: "), "{absent}");
}

#[test]
fn mistakes_in_the_file_are_told_at_once_with_their_place() {
    let text = r#"
title = "x"
[[issuer]]
issuer = "http://id.example"
audience = ["roster"]
[[issuer]]
issuer = "https://a.example"
audiences = []
ca_file = 1
role_map = { x = "boss", y = 2 }
[[issuer]]
issuer = "https://a.example"
audiences = ["roster", ""]
token_file = ""
[[issuer]]
audiences = "roster"
"#;
    let problems = read(text).expect_err("mistakes");
    let expected = [
        r#""title" is not known; there are [[issuer]] tables"#,
        r#"[[issuer]] 1: "audience" is not known; there are issuer, audiences, ca_file"#,
        "[[issuer]] 1: issuer does not begin with https://",
        "[[issuer]] 1: audiences is missing",
        "[[issuer]] 2: audiences must have at least one string",
        "[[issuer]] 2: ca_file is not a string",
        r#"[[issuer]] 2: role_map."x" names "boss", which is no role; there are provisioner, reader"#,
        r#"[[issuer]] 2: role_map."y" names 2, which is no role"#,
        "[[issuer]] 3: audiences must have at least one string",
        "[[issuer]] 3: token_file is empty",
        "[[issuer]] 3: issuer is that of an earlier table too",
        "[[issuer]] 4: issuer is missing",
        "[[issuer]] 4: audiences is missing, or is not an array of strings",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(expected) {
        assert!(problem.starts_with(start), "{problem:?} is not {start:?}");
    }
    for (text, start) in [
        ("\n\n[[issuer", "line 3: "),
        ("", "there is no [[issuer]] table"),
        ("issuer = []", "write each issuer"),
        ("[issuer]\nissuer = 'https://a.example'", "write each issuer"),
        ("issuer = [1]", "[[issuer]] 1 is not a table"),
    ] {
        let problems = read(text).expect_err(text);
        assert!(problems.len() == 1 && problems[0].starts_with(start), "{text:?}: {problems:?}");
        assert!(!problems[0].contains('\n'), "{problems:?}");
    }
}

#[test]
fn addresses_are_secure_or_this_machine() {
    for text in [
        "https://id.example",
        "https://id.example/realms/x/",
        "HTTPS://ID.EXAMPLE:8443",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.255.0.9:8080/x",
        "http://[::1]:8080",
    ] {
        let url = endpoint(text).unwrap_or_else(|problem| panic!("{text} {problem}"));
        assert_eq!(is_loopback(&url), text.starts_with("http://"), "{text}");
    }
    for text in [
        "",
        "id.example",
        "ftp://id.example",
        "file:///etc/passwd",
        "http://id.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://128.0.0.1",
        "http://[::2]",
        "http://localhost@evil.example",
        "https://user@id.example",
        "https://:secret@id.example",
        "https://",
    ] {
        assert!(endpoint(text).is_err(), "{text}");
    }
    for text in ["https://id.example?x=1", "https://id.example/#x"] {
        assert!(super::issuer(text).is_err(), "{text}");
    }
}
