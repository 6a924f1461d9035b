//! Tokens: the header on the first line, the claims on the others. Whatever is accepted is fit to be shown and kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roster::auth::oidc::{Issuers, halves, read};
use roster::config::IssuerConfig;
use roster::model::role::Role;

/// The time, in microseconds since 1970.
const NOW: i64 = 1_800_000_000_000_000;

fuzz_target!(|input: &[u8]| {
    let _ = std::str::from_utf8(input).map(Issuers::looks_like_jwt);
    let (header, claims) = halves(input);
    let Ok(statement) = read(header, claims) else { return };
    let rules = IssuerConfig {
        issuer: "https://id.example".to_owned(),
        audiences: vec!["roster".to_owned()],
        ca_file: None,
        token_file: None,
        role_claim: "realm_access.roles".to_owned(),
        role_map: [("staff".to_owned(), Role::Reader)].into(),
    };
    let Ok(said) = statement.check(&rules, NOW) else { return };
    assert_eq!(statement.issuer(), rules.issuer);
    assert!(said.expires_at + 60_000_000 > NOW);
    assert!(!said.subject.is_empty() && said.subject.len() <= 512 && !said.subject.contains(char::is_control));
    assert!(said.name.chars().count() <= 200 && !said.name.contains(char::is_control));
});
