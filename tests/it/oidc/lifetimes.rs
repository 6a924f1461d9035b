//! What happens to keys and to what they verified: rotation, removal, outages, storms of unknown keys.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use roster::auth::oidc::{Issuers, Refusal};
use roster::clock::Clock;
use serde_json::json;

use super::keys::{Key, with};
use super::{Setup, assert_invalid, config};
use crate::support::{eventually, metrics};

const DISCOVERY: &str = "openid-configuration";
const KEYS: &str = "jwks";

#[tokio::test]
async fn a_verified_token_is_remembered_until_it_expires() {
    let setup = Setup::new("ES256").await;
    let token = setup.token(1);
    assert!(setup.issuers.recall(&token).is_none(), "nobody verified it yet");
    assert_eq!(
        (setup.issuer.asked(DISCOVERY), setup.issuer.asked(KEYS)),
        (0, 0),
        "asked before it is needed"
    );
    let identity = setup.verify(&token).await.unwrap();
    assert_eq!(setup.issuers.recall(&token).as_deref(), Some(&*identity));
    assert!(setup.issuers.recall(&setup.token(2)).is_none());
    // Until exp and a minute of leeway, whether it is remembered or not.
    for (seconds, accepted) in [(599, true), (1, true), (59, true), (1, false)] {
        setup.pass(Duration::from_secs(seconds));
        assert_eq!(setup.verify(&token).await.is_ok(), accepted);
        assert_eq!(setup.issuers.recall(&token).is_some(), accepted);
    }
    assert_eq!(setup.metric("roster_oidc_fetches_total{result=\"failed\"}"), Some(0.0));
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let setup = Setup::new("ES256").await;
    setup.verify(&setup.token(1)).await.unwrap();
    let second = Key::new("second", "RS256");
    setup.issuer.set_keys(&[&setup.key, &second]);
    let token = second.token(&setup.claims());
    // The issuer was asked just now and is not asked again so soon.
    assert_invalid("at once", &setup.verify(&token).await);
    setup.pass(Duration::from_secs(10));
    setup.verify(&token).await.unwrap();
    setup.verify(&setup.token(1)).await.unwrap();
    assert_eq!(setup.issuer.asked(KEYS), 2);
}

#[tokio::test]
async fn a_removed_key_works_no_longer_than_five_minutes() {
    let setup = Setup::new("ES256").await;
    let token = setup.token(1);
    setup.verify(&token).await.unwrap();
    let second = Key::new("second", "ES256");
    setup.issuer.set_keys(&[&second]);
    setup.pass(Duration::from_secs(200));
    assert!(setup.issuers.recall(&token).is_some());
    assert_eq!(setup.issuer.asked(KEYS), 1);
    // Without any request meanwhile the first one must wait for the keys.
    setup.pass(Duration::from_secs(100));
    assert!(setup.issuers.recall(&token).is_none());
    assert_invalid("removed", &setup.verify(&token).await);
    assert_invalid("removed, another token", &setup.verify(&setup.token(2)).await);
    setup.verify(&second.token(&setup.claims())).await.unwrap();
    assert_eq!(setup.issuer.asked(KEYS), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_keys_alive() {
    let setup = Setup::new("ES256").await;
    setup.verify(&setup.token(1)).await.unwrap();
    let Clock::Fixed(time) = &setup.clock else { unreachable!("it is fixed") };
    // Less than a minute is what clocks do; an hour is not.
    for (seconds, asked) in [(59, 1), (3600, 2)] {
        time.fetch_sub(seconds * 1_000_000, Ordering::Relaxed);
        setup.verify(&setup.token(2)).await.unwrap();
        assert_eq!(setup.issuer.asked(KEYS), asked);
    }
}

#[tokio::test]
async fn keys_are_renewed_beside_the_requests() {
    let setup = Setup::new("ES256").await;
    let token = setup.token(1);
    setup.verify(&token).await.unwrap();
    setup.issuer.set_keys(&[]);
    setup.issuer.behaviour().delay = Duration::from_millis(50);
    setup.pass(Duration::from_mins(4));
    // This one does not wait, but makes the keys be asked for.
    assert!(setup.issuers.recall(&token).is_some());
    eventually(Duration::from_secs(5), "the removed key is known", async || {
        setup.issuers.recall(&token).is_none()
    })
    .await;
    assert_invalid("removed", &setup.verify(&token).await);
    assert_eq!(setup.issuer.asked(KEYS), 2);
}

#[tokio::test]
async fn the_last_keys_are_used_while_the_issuer_is_away() {
    let setup = Setup::new("ES256").await;
    let claims = with(&setup.claims(), &json!({ "exp": super::NOW + 200_000 }));
    let token = setup.key.token(&claims);
    setup.verify(&token).await.unwrap();
    setup.issuer.behaviour().away = true;
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    setup.pass(hours(1));
    for number in 1..=20 {
        setup.verify(&setup.key.token(&with(&claims, &json!({ "jti": number })))).await.unwrap();
    }
    assert_eq!(setup.metric("roster_oidc_fetches_total{result=\"failed\"}"), Some(1.0));
    let age = format!("roster_oidc_keys_age_seconds{{issuer=\"{}\"}}", setup.issuer.url);
    assert_eq!(setup.metric(&age), Some(3600.0));
    // Of a key that was never seen nobody can tell; the known ones go on.
    let stranger = Key::new("second", "ES256").token(&claims);
    assert!(matches!(setup.verify(&stranger).await, Err(Refusal::Unavailable(_))));
    setup.pass(hours(22));
    assert!(setup.issuers.recall(&token).is_some());
    setup.pass(hours(1));
    assert!(setup.issuers.recall(&token).is_none());
    let refused = setup.verify(&token).await;
    assert!(matches!(&refused, Err(Refusal::Unavailable(_))), "after a day: {refused:?}");
    // And when it is back, it takes one attempt.
    setup.issuer.behaviour().away = false;
    setup.pass(Duration::from_secs(10));
    setup.verify(&token).await.unwrap();
    assert_eq!(setup.metric(&age), Some(0.0));
}

#[tokio::test]
async fn an_issuer_that_was_never_there_is_asked_once_in_ten_seconds() {
    let setup = Setup::new("ES256").await;
    setup.issuer.behaviour().away = true;
    for _ in 0..20 {
        let refused = setup.verify(&setup.token(1)).await;
        assert!(matches!(&refused, Err(Refusal::Unavailable(reason)) if reason.contains(&setup.issuer.url)));
    }
    assert_eq!(setup.metric("roster_oidc_fetches_total{result=\"failed\"}"), Some(1.0));
    setup.issuer.behaviour().away = false;
    assert!(setup.verify(&setup.token(1)).await.is_err(), "too soon");
    setup.pass(Duration::from_secs(10));
    setup.verify(&setup.token(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_unknown_keys_costs_one_question_in_ten_seconds() {
    let setup = Setup::new("ES256").await;
    let stranger = Key::new("x", "ES256");
    let header = |number: u32| with(&stranger.header(), &json!({ "kid": format!("k{number}") })).to_string();
    let claims = setup.claims().to_string();
    for round in 1..=3 {
        let mut storm = tokio::task::JoinSet::new();
        for number in 0..200 {
            let (issuers, token) = (setup.issuers.clone(), stranger.sign(&header(number), &claims));
            storm.spawn(async move { issuers.verify(&token).await });
        }
        for verified in storm.join_all().await {
            assert_invalid("unknown key", &verified);
        }
        assert_eq!((setup.issuer.asked(DISCOVERY), setup.issuer.asked(KEYS)), (round, round));
        setup.pass(Duration::from_secs(10));
    }
    // Nor does junk make the issuer be asked.
    for claims in [json!({ "exp": 1 }), json!({ "aud": "other" }), json!({ "sub": null })] {
        let token = setup.key.sign(&header(1), &with(&setup.claims(), &claims).to_string());
        assert_invalid("junk", &setup.verify(&token).await);
    }
    assert_eq!(setup.issuer.asked(KEYS), 3);
    setup.verify(&setup.token(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_issuer_is_asked_once_for_all_who_wait() {
    let setup = Setup::new("ES256").await;
    setup.issuer.behaviour().delay = Duration::from_millis(200);
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (issuers, token) = (setup.issuers.clone(), setup.token(number));
        waiting.spawn(async move { issuers.verify(&token).await });
    }
    // One who gives up does not end what the others wait for.
    let early = setup.token(100);
    assert!(tokio::time::timeout(Duration::from_millis(50), setup.verify(&early)).await.is_err());
    assert!(waiting.join_all().await.iter().all(Result::is_ok));
    assert_eq!((setup.issuer.asked(DISCOVERY), setup.issuer.asked(KEYS)), (1, 1));
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_given_up() {
    let setup = Setup::new("ES256").await;
    setup.issuer.behaviour().delay = Duration::from_mins(1);
    let begun = Instant::now();
    let refused = setup.verify(&setup.token(1)).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert!((4..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

/// The keys with spaces behind them, this long as a whole.
fn padded(setup: &Setup, length: usize) -> Vec<u8> {
    let mut body = json!({ "keys": [setup.key.public] }).to_string().into_bytes();
    body.resize(length, b' ');
    body
}

#[tokio::test]
async fn an_answer_may_have_a_mebibyte() {
    let setup = Setup::new("ES256").await;
    setup.issuer.behaviour().body = Some(padded(&setup, 1 << 20));
    setup.verify(&setup.token(1)).await.unwrap();
}

#[tokio::test]
async fn answers_that_are_not_what_they_must_be_give_no_keys() {
    type Change = fn(&Setup, &str);
    let elsewhere = super::Issuer::start(&[]).await;
    let cases: [(&str, Change); 13] = [
        ("another issuer", |setup, _| setup.issuer.behaviour().name.push('/')),
        ("status 500", |setup, _| setup.issuer.behaviour().status = 500),
        ("status 203", |setup, _| setup.issuer.behaviour().status = 203),
        ("too long", |setup, _| setup.issuer.behaviour().body = Some(padded(setup, (1 << 20) + 1))),
        ("not JSON", |setup, _| setup.issuer.behaviour().body = Some(b"<html>".to_vec())),
        ("no keys", |setup, _| setup.issuer.behaviour().body = Some(b"{}".to_vec())),
        ("keys are no array", |setup, _| setup.issuer.behaviour().body = Some(br#"{"keys":{}}"#.to_vec())),
        ("duplicates", |setup, _| setup.issuer.behaviour().body = Some(br#"{"keys":[],"keys":[]}"#.to_vec())),
        ("keys over plain HTTP", |setup, _| {
            setup.issuer.behaviour().jwks_uri = "http://192.0.2.1/keys".to_owned();
        }),
        ("keys in a file", |setup, _| setup.issuer.behaviour().jwks_uri = "file:///etc/passwd".to_owned()),
        ("a password", |setup, _| setup.issuer.behaviour().jwks_uri = "https://u:p@192.0.2.1/k".to_owned()),
        ("no address", |setup, _| setup.issuer.behaviour().jwks_uri = "keys".to_owned()),
        ("a redirect", |setup, elsewhere| {
            let mut behaviour = setup.issuer.behaviour();
            behaviour.status = 302;
            behaviour.location = Some(format!("{elsewhere}/openid/v1/jwks"));
        }),
    ];
    for (name, change) in cases {
        let setup = Setup::new("EdDSA").await;
        change(&setup, &elsewhere.url);
        let refused = setup.verify(&setup.token(1)).await;
        assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{name}: {refused:?}");
        assert_eq!(setup.metric("roster_oidc_fetches_total{result=\"failed\"}"), Some(1.0), "{name}");
    }
    assert!(elsewhere.behaviour().asked.is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn issuers_do_not_answer_for_each_other() {
    let (first, second) = (Setup::new("ES256").await, Setup::new("ES256").await);
    let configs = vec![config(&first.issuer.url), config(&second.issuer.url)];
    let issuers = Issuers::new(configs, &first.clock, &metrics()).unwrap();
    for setup in [&first, &second] {
        let identity = issuers.verify(&setup.token(1)).await.unwrap();
        assert_eq!(identity.actor.id, super::id(&setup.issuer.url, "u1"));
    }
    // One's key under the other's name.
    let mixed = first.key.token(&second.claims());
    assert_invalid("mixed", &issuers.verify(&mixed).await);
    // While one is away, the other's tokens are accepted.
    first.issuer.behaviour().away = true;
    first.pass(Duration::from_mins(5));
    issuers.verify(&second.token(2)).await.unwrap();
    issuers.verify(&first.token(2)).await.unwrap();
}

#[tokio::test]
async fn no_issuer_means_no_token() {
    let setup = Setup::new("ES256").await;
    let none = Issuers::new(Vec::new(), &setup.clock, &setup.metrics).unwrap();
    assert!(none.is_empty() && !setup.issuers.is_empty());
    assert_invalid("none", &none.verify(&setup.token(1)).await);
    assert!(none.recall(&setup.token(1)).is_none());
}
