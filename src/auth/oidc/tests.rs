//! The pure parts: reading, keys, the cache; and the corpus of the fuzzer.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cache::{Cache, Entry, fingerprint};
use super::keys::KeySet;
use super::read;
use crate::auth::caller::Identity;
use crate::config::IssuerConfig;
use crate::model::actor::Actor;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/jwt");
/// The time of these tests in microseconds since 1970.
const NOW: i64 = 1_800_000_000_000_000;

fn rules(role_claim: &str) -> IssuerConfig {
    IssuerConfig {
        issuer: "https://id.example".to_owned(),
        audiences: vec!["roster".to_owned()],
        ca_file: None,
        token_file: None,
        role_claim: role_claim.to_owned(),
        role_map: [("staff".to_owned(), crate::model::role::Role::Reader)].into(),
    }
}

/// What the fuzzer asserts of one input: a header on the first line, claims on the others. Whether it was accepted.
fn replay(input: &[u8]) -> bool {
    let (header, claims) = super::halves(input);
    let Ok(statement) = read(header, claims) else { return false };
    let Ok(said) = statement.check(&rules("realm_access.roles"), NOW) else { return false };
    assert!(said.expires_at + 60_000_000 > NOW);
    assert!(!said.subject.is_empty() && said.subject.len() <= 512);
    assert!(said.name.chars().count() <= 200 && !said.name.contains(char::is_control));
    true
}

#[test]
fn the_corpus_of_the_fuzzer_holds() {
    let entries = std::fs::read_dir(Path::new(CORPUS)).expect("the corpus is committed");
    let results: Vec<bool> = entries
        .map(|entry| replay(&std::fs::read(entry.expect("readable").path()).expect("readable")))
        .collect();
    let accepted = results.iter().filter(|accepted| **accepted).count();
    assert!(accepted > 2 && results.len() - accepted > 10, "{accepted} of {}", results.len());
}

/// How many keys are kept of a set with this one.
fn kept(key: &Value) -> usize {
    KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).expect("a set").len()
}

fn with(key: &Value, name: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[name] = value;
    key
}

/// One sound key of each kind.
fn keys() -> [Value; 4] {
    let bytes = |length: usize| encode(&vec![0xff; length]);
    [
        json!({ "kty": "RSA", "n": bytes(256), "e": "AQAB", "kid": "1" }),
        json!({ "kty": "EC", "crv": "P-256", "x": bytes(32), "y": bytes(32) }),
        json!({ "kty": "EC", "crv": "P-384", "x": bytes(48), "y": bytes(48) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes(32) }),
    ]
}

#[test]
fn only_keys_that_are_for_signatures_are_kept() {
    for key in &keys() {
        assert_eq!(kept(key), 1, "{key}");
        assert_eq!(kept(&with(key, "use", "sig".into())), 1, "{key}");
        assert_eq!(kept(&with(key, "key_ops", json!(["sign", "verify"]))), 1, "{key}");
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(1)),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!([])),
            ("key_ops", json!("verify")),
            ("alg", json!("HS256")),
            ("alg", json!("RSA-OAEP")),
            ("alg", json!("none")),
            ("alg", json!(1)),
            ("kid", json!(1)),
            ("kty", json!("oct")),
            ("kty", json!(null)),
        ] {
            assert_eq!(kept(&with(key, name, value.clone())), 0, "{name} {value} {key}");
        }
    }
}

#[test]
fn only_keys_of_a_sound_size_are_kept() {
    let [rsa, p256, p384, edwards] = &keys();
    let bytes = |length: usize| json!(encode(&vec![0xff; length]));
    let mut short = vec![0xff; 256];
    short[0] = 0;
    for (key, name, value) in [
        (rsa, "n", bytes(128)),
        (rsa, "n", json!(encode(&short))),
        (rsa, "n", bytes(1025)),
        (rsa, "n", json!("")),
        (rsa, "n", json!("***")),
        (rsa, "e", json!("")),
        (rsa, "e", json!("AQ")),
        (rsa, "e", json!("Ag")),
        (rsa, "e", json!("AQAAAAAB")),
        (rsa, "alg", json!("ES256")),
        (p256, "crv", json!("P-384")),
        (p256, "crv", json!("P-521")),
        (p256, "x", bytes(31)),
        (p256, "y", bytes(33)),
        (p256, "alg", json!("ES384")),
        (p384, "alg", json!("RS256")),
        (edwards, "crv", json!("X25519")),
        (edwards, "x", bytes(31)),
    ] {
        assert_eq!(kept(&with(key, name, value.clone())), 0, "{name} {value} {key}");
    }
    // A zero before the modulus is no part of its length.
    assert_eq!(kept(&with(rsa, "n", encode(&[vec![0], vec![0xff; 256]].concat()).into())), 1);
    assert_eq!(kept(&with(rsa, "n", bytes(1024))), 1);
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn sets_are_compared_by_their_keys() {
    let key = |id: &str| json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&[1; 32]), "kid": id });
    let set = |keys: Value| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set");
    let both = set(json!([key("a"), key("b")]));
    assert!(both.same(&set(json!([key("b"), { "kty": "oct" }, key("a"), 1]))));
    assert!(!both.same(&set(json!([key("a")]))) && !both.same(&set(json!([key("a"), key("c")]))));
    let many: Vec<Value> = (0..200).map(|number| key(&number.to_string())).collect();
    assert_eq!(set(many.into()).len(), 100);
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let cache = Cache::new(100);
    let entry = |number: u64| {
        let identity = Identity::new(Actor::jwt("i", &number.to_string(), ""), None, None);
        Entry { identity: Arc::new(identity), expires_at: 0, issuer: 0, generation: number }
    };
    let print = |number: u64| fingerprint(&number.to_string());
    cache.insert(print(0), entry(0));
    for number in 1..10_000 {
        cache.insert(print(number), entry(number));
        assert!(cache.len() <= 100);
        if number % 20 == 0 {
            assert_eq!(cache.get(&print(0)).map(|entry| entry.generation), Some(0), "after {number}");
        }
    }
    assert!(cache.get(&print(1)).is_none() && cache.get(&print(9_999)).is_some());
    cache.insert(print(0), entry(7));
    assert_eq!(cache.get(&print(0)).map(|entry| entry.generation), Some(7));
    cache.remove(&print(0));
    assert!(cache.get(&print(0)).is_none());
}
