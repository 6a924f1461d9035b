//! What accepted tokens say: types and audiences that are fine, names, roles.

use std::collections::BTreeMap;

use roster::auth::caller::Identity;
use roster::auth::oidc::Issuers;
use roster::model::role::Role;
use serde_json::{Value, json};

use super::keys::{Key, with};
use super::{NOW, Setup, config};

/// What becomes of claims with these changes.
async fn identity(setup: &Setup, changes: Value) -> Identity {
    let token = setup.key.token(&with(&setup.claims(), &changes));
    let verified = setup.issuers.verify(&token).await;
    Identity::clone(&verified.unwrap_or_else(|refusal| panic!("{changes}: {refusal:?}")))
}

#[tokio::test]
async fn types_audiences_and_times_that_are_fine() {
    let setup = Setup::new("ES256").await;
    for typ in [
        Value::Null,
        "JWT".into(),
        "jwt".into(),
        "at+jwt".into(),
        "AT+JWT".into(),
        "application/at+jwt".into(),
    ] {
        let header = with(&setup.key.header(), &json!({ "typ": typ })).to_string();
        let token = setup.key.sign(&header, &setup.claims().to_string());
        assert!(setup.verify(&token).await.is_ok(), "{typ}");
    }
    // Without a name of the key, each that fits is tried.
    let header = with(&setup.key.header(), &json!({ "kid": null })).to_string();
    setup.verify(&setup.key.sign(&header, &setup.claims().to_string())).await.unwrap();
    for changes in [
        json!({ "aud": ["other", "roster"] }),
        json!({ "aud": "https://roster.example" }),
        json!({ "nbf": NOW + 60 }),
        json!({ "nbf": 0 }),
        json!({ "exp": NOW - 59 }),
        json!({ "exp": 1_800_000_600.5 }),
        json!({ "exp": 253_402_300_799_i64 }),
        json!({ "iat": null }),
    ] {
        let said = identity(&setup, changes).await;
        assert_eq!(said.actor.id, super::id(&setup.issuer.url, "u1"));
    }
    let half = identity(&setup, json!({ "exp": 1_800_000_100.5 })).await;
    assert_eq!(half.expires_at, Some(NOW * 1_000_000 + 100_500_000));
}

#[tokio::test]
async fn the_name_is_the_first_that_shows_something() {
    let setup = Setup::new("ES256").await;
    let long = "é".repeat(300);
    for (changes, expected) in [
        (json!({}), "ana"),
        (json!({ "preferred_username": null, "name": "Ana Souza", "email": "a@x" }), "Ana Souza"),
        (json!({ "preferred_username": " ", "name": 1, "email": "a@x" }), "a@x"),
        (json!({ "preferred_username": null }), "u1"),
        (json!({ "preferred_username": "\u{1b}[31m ana\r\n" }), "[31m ana"),
        (json!({ "preferred_username": long }), &long[..400]),
    ] {
        assert_eq!(identity(&setup, changes).await.actor.name, expected);
    }
}

#[tokio::test]
async fn roles_come_from_the_claim() {
    let key = Key::new("first", "ES256");
    let issuer = super::Issuer::start(&[&key]).await;
    let url = "https://roster.example/roles";
    let map: BTreeMap<String, Role> =
        [("staff", Role::Reader), ("ops=1", Role::Admin), ("admin", Role::Reader)]
            .map(|(value, role)| (value.to_owned(), role))
            .into();
    let cases = [
        ("roles", json!({ "roles": "reader" }), Some(Role::Reader)),
        ("roles", json!({ "roles": ["reader", "writer"] }), Some(Role::Writer)),
        ("roles", json!({ "roles": ["unknown", "staff"] }), Some(Role::Reader)),
        ("roles", json!({ "roles": ["staff", "ops=1"] }), Some(Role::Admin)),
        ("roles", json!({ "roles": ["provisioner"] }), Some(Role::Provisioner)),
        // The map has the last word on what a name means.
        ("roles", json!({ "roles": ["admin"] }), Some(Role::Reader)),
        ("roles", json!({ "roles": [] }), None),
        ("roles", json!({ "roles": null }), None),
        ("roles", json!({ "roles": "reader writer" }), None),
        ("roles", json!({ "roles": "Reader" }), None),
        ("roles", json!({ "roles": ["unknown"] }), None),
        ("roles", json!({ "roles": [1, null, { "reader": true }] }), None),
        ("roles", json!({ "roles": { "reader": true } }), None),
        ("roles", json!({ "roles": true }), None),
        ("realm_access.roles", json!({ "realm_access": { "roles": ["writer"] } }), Some(Role::Writer)),
        (
            "realm_access.roles",
            json!({ "realm_access.roles": "reader", "realm_access": { "roles": "writer" } }),
            Some(Role::Reader),
        ),
        ("realm_access.roles", json!({ "realm_access": "writer" }), None),
        ("realm_access.roles", json!({ "realm_access": { "roles": { "x": "writer" } } }), None),
        (url, json!({ url: ["writer"] }), Some(Role::Writer)),
        ("a..b", json!({ "a": { "": { "b": "writer" } } }), Some(Role::Writer)),
        (".", json!({}), None),
        ("sub", json!({ "sub": "ops=1" }), Some(Role::Admin)),
    ];
    for (claim, changes, expected) in cases {
        let rules = roster::config::IssuerConfig {
            role_claim: claim.to_owned(),
            role_map: map.clone(),
            ..config(&issuer.url)
        };
        let clock = roster::clock::Clock::fixed(NOW * 1_000_000);
        let issuers = Issuers::new(vec![rules], &clock, &crate::support::metrics()).unwrap();
        let token = key.token(&with(&with(&super::claims(&issuer.url), &json!({ "roles": null })), &changes));
        assert_eq!(issuers.verify(&token).await.unwrap().role, expected, "{claim} {changes}");
    }
}
