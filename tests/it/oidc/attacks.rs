//! Tokens that must be refused, each signed with a real key unless that is the point.

use jsonwebtoken::{Algorithm, EncodingKey};
use roster::auth::oidc::{Issuers, MAX_TOKEN, Refusal};
use serde_json::{Value, json};

use super::keys::{Key, decode, encode, sign, with};
use super::{Setup, assert_invalid};

/// Asserts that each of these is refused, after one that is accepted.
async fn refuse_all(setup: &Setup, tokens: Vec<(String, String)>) {
    setup.verify(&setup.token(0)).await.unwrap();
    assert!(tokens.len() > 2);
    for (name, token) in &tokens {
        assert_invalid(name, &setup.verify(token).await);
        assert!(setup.issuers.recall(token).is_none(), "{name}");
    }
    super::http::refuse_all(setup, &tokens).await;
}

/// Names of cases with their changes to a header or claims.
fn named(changes: &[Value]) -> Vec<(String, &Value)> {
    changes.iter().map(|change| (change.to_string(), change)).collect()
}

#[tokio::test]
async fn every_accepted_algorithm_verifies_and_no_other_key_does() {
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let setup = Setup::new(name).await;
        let identity = setup.verify(&setup.token(1)).await.unwrap();
        assert_eq!(identity.actor.id, super::id(&setup.issuer.url, "u1"), "{name}");
        let mut stranger = Key::new("first", name);
        assert_invalid(name, &setup.verify(&stranger.token(&setup.claims())).await);
        // A key of the same kind that the issuer does not have, under a name that it does not have either.
        stranger.id = "other".to_owned();
        assert_invalid(name, &setup.verify(&stranger.token(&setup.claims())).await);
    }
}

#[tokio::test]
async fn algorithms_are_not_the_tokens_choice() {
    let setup = Setup::today("RS256").await;
    let claims = setup.claims().to_string();
    let header = |alg: &str| with(&setup.key.header(), &json!({ "alg": alg })).to_string();
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "noNe", "", "rs256", "ES256K", "RS1", "dir"] {
        let unsigned = format!("{}.{}", encode(header(alg)), encode(&claims));
        tokens.push((format!("alg {alg:?}, no signature"), format!("{unsigned}.")));
        tokens.push((format!("alg {alg:?}, any signature"), format!("{unsigned}.AAAA")));
        tokens.push((format!("alg {alg:?}, signed"), setup.key.sign(&header(alg), &claims)));
    }
    // The public key, in each form in which a careless verifier may take it for a secret.
    let modulus = setup.key.public["n"].as_str().unwrap();
    let secrets = [modulus.to_owned(), setup.key.public.to_string(), String::new(), "secret".to_owned()];
    for (alg, algorithm) in
        [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
    {
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret.as_bytes());
            tokens.push((format!("{alg} with a public key"), sign(&key, algorithm, &header(alg), &claims)));
        }
        let raw = EncodingKey::from_secret(&decode(modulus));
        tokens.push((format!("{alg} with the modulus"), sign(&raw, algorithm, &header(alg), &claims)));
    }
    // The key says RS256, so that the other algorithms of its kind are refused too, even with its own signature.
    for alg in ["RS384", "RS512", "PS256"] {
        tokens.push((format!("signed with {alg}"), setup.key.sign_as(alg, &header(alg), &claims)));
        tokens.push((format!("{alg} called RS256"), setup.key.sign_as(alg, &header("RS256"), &claims)));
    }
    let elliptic = Key::new("first", "ES256");
    tokens.push(("a key of another kind".to_owned(), elliptic.token(&setup.claims())));
    refuse_all(&setup, tokens).await;
}

#[tokio::test]
async fn headers_with_anything_odd_are_refused() {
    let setup = Setup::today("ES256").await;
    let claims = setup.claims();
    let own = setup.key.header();
    let changes = [
        json!({ "typ": "JWE" }),
        json!({ "typ": "id+jwt" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "typ": "application/jwt+x" }),
        json!({ "typ": "" }),
        json!({ "typ": 1 }),
        json!({ "typ": ["JWT"] }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A128GCM" }),
        json!({ "alg": null }),
        json!({ "alg": 1 }),
        json!({ "alg": ["ES256"] }),
        json!({ "kid": 1 }),
        json!({ "kid": ["first"] }),
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "/etc/passwd" }),
        json!({ "kid": "first' OR '1'='1" }),
        json!({ "kid": "first\u{0}" }),
        json!({ "kid": "" }),
        json!({ "kid": "x".repeat(600) }),
        json!({ "kid": "https://evil.example/key" }),
    ];
    let cases = named(&changes).into_iter();
    let mut tokens: Vec<(String, String)> = cases
        .map(|(name, change)| (name, setup.key.sign(&with(&own, change).to_string(), &claims.to_string())))
        .collect();
    for header in [
        r#"{"alg":"none","alg":"ES256","kid":"first"}"#,
        r#"{"alg":"ES256","kid":"first","kid":"first"}"#,
        r#"{"alg":"ES256","kid":"first","a\u006cg":"none"}"#,
        r#"["ES256"]"#,
        r#""ES256""#,
        "",
        "{",
        "{}",
        "null",
        r#"{"alg":"ES256","kid":"first"} x"#,
        r#"{"alg":"ES256","kid":"first","x":"\ud800"}"#,
    ] {
        tokens.push((header.to_owned(), setup.key.sign(header, &claims.to_string())));
    }
    refuse_all(&setup, tokens).await;
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_never_used() {
    let setup = Setup::today("ES256").await;
    let attacker = Key::new("evil", "ES256");
    let evil = super::Issuer::start(&[&attacker]).await;
    let address = format!("{}/openid/v1/jwks", evil.url);
    let mut tokens = Vec::new();
    for kid in ["first", "evil"] {
        for change in [
            json!({ "jku": address }),
            json!({ "x5u": address }),
            json!({ "jwk": attacker.public }),
            json!({ "x5c": ["AAAA"] }),
            json!({ "jku": address, "jwk": attacker.public, "x5u": address, "x5t": "AAAA" }),
        ] {
            let header = with(&with(&attacker.header(), &json!({ "kid": kid })), &change).to_string();
            tokens.push((header.clone(), attacker.sign(&header, &setup.claims().to_string())));
        }
    }
    // Nor is the issuer that the token names, unless it is configured.
    let foreign = with(&setup.claims(), &json!({ "iss": evil.url }));
    tokens.push(("another issuer".to_owned(), attacker.token(&foreign)));
    refuse_all(&setup, tokens).await;
    assert!(evil.behaviour().asked.is_empty(), "the attacker was asked");
}

#[tokio::test]
async fn claims_with_anything_odd_are_refused() {
    let setup = Setup::today("EdDSA").await;
    // The program's clock goes on while these are tried, so that none may become good within a minute.
    let (now, far) = (setup.now, setup.now + 600);
    let changes = [
        json!({ "exp": null }),
        json!({ "aud": null }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "exp": far.to_string() }),
        json!({ "exp": [far] }),
        json!({ "exp": true }),
        json!({ "exp": -1 }),
        json!({ "exp": -1.5 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": i64::MAX }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": 253_402_300_800_i64 }),
        json!({ "exp": far * 1000 }),
        json!({ "exp": now - 60 }),
        json!({ "exp": now - 61 }),
        json!({ "exp": 0 }),
        json!({ "nbf": far.to_string() }),
        json!({ "nbf": now.to_string() }),
        json!({ "nbf": now + 200 }),
        json!({ "nbf": now * 1000 }),
        json!({ "nbf": false }),
        json!({ "iat": now.to_string() }),
        json!({ "iat": {} }),
        json!({ "aud": "other" }),
        json!({ "aud": "Roster" }),
        json!({ "aud": "roster " }),
        json!({ "aud": "roster,other" }),
        json!({ "aud": [] }),
        json!({ "aud": ["other"] }),
        json!({ "aud": ["roster", 1] }),
        json!({ "aud": { "roster": true } }),
        json!({ "aud": 1 }),
        json!({ "sub": "" }),
        json!({ "sub": 1 }),
        json!({ "sub": ["u1"] }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "x".repeat(513) }),
        json!({ "iss": 1 }),
        json!({ "iss": [setup.issuer.url] }),
        json!({ "iss": format!("{}/", setup.issuer.url) }),
        json!({ "iss": setup.issuer.url.to_uppercase() }),
        json!({ "iss": format!("{}@evil.example", setup.issuer.url) }),
    ];
    let cases = named(&changes).into_iter();
    let mut tokens: Vec<(String, String)> =
        cases.map(|(name, change)| (name, setup.key.token(&with(&setup.claims(), change)))).collect();
    let own = setup.claims().to_string();
    let open = own.strip_suffix('}').unwrap();
    for more in [r#","exp":4102444800"#, r#","sub":"admin""#, r#","roles":"admin""#, r#","x":{"a":1,"a":2}"#]
    {
        let claims = format!("{open}{more}}}");
        tokens.push((claims.clone(), setup.key.sign(&setup.key.header().to_string(), &claims)));
    }
    for claims in ["", "{}", "[]", "null", "{", &format!("{open},\"x\":1e400}}"), &format!("[{own}]")] {
        tokens.push((claims.to_owned(), setup.key.sign(&setup.key.header().to_string(), claims)));
    }
    refuse_all(&setup, tokens).await;
}

#[tokio::test]
async fn a_token_of_the_future_is_refused_to_the_second() {
    let setup = Setup::new("ES256").await;
    let starting = |time: i64| setup.key.token(&with(&setup.claims(), &json!({ "nbf": time })));
    setup.verify(&starting(setup.now + 60)).await.unwrap();
    assert_invalid("nbf", &setup.verify(&starting(setup.now + 61)).await);
}

#[tokio::test]
async fn what_is_cut_or_changed_is_refused() {
    let setup = Setup::today("ES256").await;
    let good = setup.token(1);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{good}") };
    let admin = encode(with(&setup.claims(), &json!({ "roles": "admin" })).to_string());
    let zeros = encode([0; 64]);
    let mut tokens: Vec<(String, String)> = [
        ("claims changed", format!("{header}.{admin}.{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("no signature, no dot", format!("{header}.{claims}")),
        ("signature of zeros", format!("{header}.{claims}.{zeros}")),
        ("signature cut", format!("{header}.{claims}.{}", &signature[..40])),
        ("signature longer", format!("{header}.{claims}.{signature}AAAA")),
        ("padded", format!("{good}==")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("two tokens", format!("{good},{good}")),
        ("space before", format!(" {good}")),
        ("newline after", format!("{good}\n")),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("many dots", ".".repeat(10_000)),
        ("not ASCII", format!("{header}.{claims}.é")),
        ("a megabyte", "a".repeat(1 << 20)),
        ("a megabyte of claims", format!("{header}.{}.{signature}", "A".repeat(1 << 20))),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .into();
    for length in (0..good.len()).step_by(17) {
        tokens.push((format!("cut at {length}"), good[..length].to_owned()));
    }
    let long = with(&setup.claims(), &json!({ "x": "x".repeat(MAX_TOKEN) }));
    tokens.push(("valid, but too long".to_owned(), setup.key.token(&long)));
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    tokens.push(("deep".to_owned(), setup.key.sign(&setup.key.header().to_string(), &deep)));
    refuse_all(&setup, tokens).await;
}

#[tokio::test]
async fn reasons_do_not_repeat_what_a_token_says() {
    let setup = Setup::new("ES256").await;
    let claims = with(&setup.claims(), &json!({ "sub": "hunter2", "aud": "hunter2", "roles": "hunter2" }));
    let refused = setup.verify(&setup.key.token(&claims)).await;
    assert!(matches!(&refused, Err(Refusal::Invalid(_))) && !format!("{refused:?}").contains("hunter2"));
    // Issuers have nothing to show but their names.
    assert_eq!(format!("{:?}", setup.issuers), format!("[{:?}]", setup.issuer.url));
}

#[test]
fn the_shape_of_a_jwt_is_told_from_others() {
    for yes in ["eyJh.eyJp.c2ln", "eyJh.eyJp.", "..", "a-_.b.c"] {
        assert!(Issuers::looks_like_jwt(yes), "{yes}");
    }
    for no in ["", "rst_0123456789abcdef", "a.b", "a.b.c.d", "a.b.c=", "a.b. c", "a.b.é", "a b.c.d"] {
        assert!(!Issuers::looks_like_jwt(no), "{no}");
    }
}
