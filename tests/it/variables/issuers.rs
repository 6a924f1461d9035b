//! Whose JWTs are accepted, and what they say.

use roster::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Serving;
use crate::oidc::issuer::Issuer;
use crate::oidc::keys::{Key, with};
use crate::oidc::kubernetes::authority;
use crate::support::client_of;

/// An issuer and its key.
struct Scene {
    issuer: Issuer,
    key: Key,
}

impl Scene {
    async fn new() -> Self {
        let key = Key::new("first", "ES256");
        Self { issuer: Issuer::start(&[&key]).await, key }
    }

    /// What a server with these variables says to a bearer of these claims besides the usual ones.
    async fn status(&self, claims: &Value, variables: &[(&str, &str)]) -> u16 {
        let both = [("ROSTER_OIDC_ISSUER", self.issuer.url.as_str()), ("ROSTER_OIDC_AUDIENCE", "roster")];
        self.status_with(claims, &[&both, variables].concat()).await
    }

    async fn status_with(&self, claims: &Value, variables: &[(&str, &str)]) -> u16 {
        let now = Clock::System.now() / 1_000_000;
        let usual =
            json!({ "iss": self.issuer.url, "sub": "u1", "aud": "roster", "exp": now + 600, "iat": now });
        let bearer = client_of(Some(&self.key.token(&with(&usual, claims))));
        let serving = Serving::with(variables).await;
        bearer.get(serving.at("/users")).send().await.unwrap().status().as_u16()
    }
}

fn reader() -> Value {
    json!({ "roles": ["reader"] })
}

pub(super) async fn issuer_and_audience(issuer: &str, audience: &str) {
    let scene = Scene::new().await;
    let url = scene.issuer.url.as_str();
    for (own, meant, status) in
        [(url, "roster", 200), (url, "other", 401), ("https://id.example", "roster", 401), ("", "", 401)]
    {
        assert_eq!(
            scene.status_with(&reader(), &[(issuer, own), (audience, meant)]).await,
            status,
            "{own} {meant}"
        );
    }
}

pub(super) async fn role_claim(name: &str) {
    let scene = Scene::new().await;
    let claims = json!({ "realm": { "groups": ["reader"] } });
    assert_eq!(scene.status(&claims, &[(name, "realm.groups")]).await, 200);
    assert_eq!(scene.status(&claims, &[]).await, 403);
}

pub(super) async fn role_map(name: &str) {
    let scene = Scene::new().await;
    let claims = json!({ "roles": ["staff"] });
    assert_eq!(scene.status(&claims, &[(name, "staff=reader")]).await, 200);
    assert_eq!(scene.status(&claims, &[]).await, 403);
}

pub(super) async fn ca_file(name: &str) {
    let (pem, acceptor) = authority(&["localhost"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let key = Key::new("first", "ES256");
    let scene = Scene { issuer: Issuer::on(listener, url, &[&key], Some(acceptor)), key };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    assert_eq!(scene.status(&reader(), &[(name, file.path().to_str().unwrap())]).await, 200);
    assert_eq!(scene.status(&reader(), &[]).await, 503);
}

pub(super) async fn token_file(name: &str) {
    let scene = Scene::new().await;
    scene.issuer.behaviour().bearer = Some("Bearer of-the-pod".to_owned());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "of-the-pod").unwrap();
    assert_eq!(scene.status(&reader(), &[(name, file.path().to_str().unwrap())]).await, 200);
    assert_eq!(scene.status(&reader(), &[]).await, 503);
}

pub(super) async fn issuers_file(name: &str) {
    let scene = Scene::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let table = format!("[[issuer]]\nissuer = \"{}\"\naudiences = [\"roster\"]\n", scene.issuer.url);
    std::fs::write(file.path(), table).unwrap();
    assert_eq!(scene.status_with(&reader(), &[(name, file.path().to_str().unwrap())]).await, 200);
}
