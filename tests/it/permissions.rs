//! Who may ask what: every operation of the contract, with every role, with none, and with no credential.

use reqwest::{Client, Method};
use roster::auth::gate::Access;
use roster::model::role::{Permission, Role};
use roster::routes;
use serde_json::{Value, json};

use crate::support::{Server, assert_problem, both, client_of, parts};

/// One request that each operation answers with success when its caller may ask it. `None` in the place of a body is
/// no body. The row of an operation that is missing makes the test fail.
fn requests() -> Vec<(&'static str, &'static str, &'static str, Option<Value>, u16)> {
    let created = || Some(json!({ "name": "new" }));
    vec![
        ("openRoot", "GET", "/", None, 307),
        ("listUsers", "GET", "/users", None, 200),
        ("createUser", "POST", "/users", created(), 201),
        (
            "batchUsers",
            "POST",
            "/users/batch",
            Some(json!({ "operations": [{ "op": "patch", "id": 1, "body": {} }] })),
            200,
        ),
        ("importUsers", "POST", "/users/import", Some(json!([{ "name": "one" }])), 200),
        ("getUser", "GET", "/users/1", None, 200),
        ("replaceUser", "PUT", "/users/1", Some(json!({ "name": "one" })), 200),
        ("patchUser", "PATCH", "/users/1", Some(json!({})), 200),
        ("deleteUser", "DELETE", "/users/2", None, 204),
        ("listChanges", "GET", "/changes", None, 200),
        ("getMe", "GET", "/me", None, 200),
        ("listTokens", "GET", "/tokens", None, 200),
        ("createToken", "POST", "/tokens", Some(json!({ "name": "t", "role": "reader" })), 201),
        ("getToken", "GET", "/tokens/1", None, 200),
        ("patchToken", "PATCH", "/tokens/1", Some(json!({})), 200),
        ("revokeToken", "DELETE", "/tokens/2", None, 204),
        ("getContract", "GET", "/openapi.json", None, 200),
        ("openDocs", "GET", "/docs", None, 200),
    ]
}

/// What each role may ask, written by hand: the matrix of the code must not be its own proof.
fn granted(role: Option<&str>) -> Vec<&'static str> {
    const ANYONE: &[&str] = &["openRoot", "getContract", "openDocs"];
    const KNOWN: &[&str] = &["getMe"];
    const READS: &[&str] = &["listUsers", "getUser", "listChanges"];
    const WRITES: &[&str] =
        &["createUser", "batchUsers", "importUsers", "replaceUser", "patchUser", "deleteUser"];
    const TOKENS: &[&str] = &["listTokens", "createToken", "getToken", "patchToken", "revokeToken"];
    match role {
        Some("provisioner") => [ANYONE, KNOWN].concat(),
        Some("reader") => [ANYONE, KNOWN, READS].concat(),
        Some("writer") => [ANYONE, KNOWN, READS, WRITES].concat(),
        Some("admin") => [ANYONE, KNOWN, READS, WRITES, TOKENS].concat(),
        _ => ANYONE.to_vec(),
    }
}

/// Users 1 and 2, and tokens 2 and 3 beside the first.
async fn prepare(server: &Server) {
    for name in ["one", "two"] {
        server.create(&json!({ "name": name })).await;
    }
    for name in ["a", "b"] {
        token(server, name, "reader").await;
    }
}

/// Gives a token; returns its secret.
async fn token(server: &Server, name: &str, role: &str) -> String {
    let (status, given) = parts(server.post("/tokens", &json!({ "name": name, "role": role })).await).await;
    assert_eq!(status, 201, "{given}");
    given["token"].as_str().unwrap().to_owned()
}

async fn ask(
    server: &Server,
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> reqwest::Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = client.request(method, format!("{}{path}", server.url));
    body.map_or_else(|| request.try_clone().unwrap(), |body| request.try_clone().unwrap().json(body))
        .send()
        .await
        .unwrap()
}

both! {
    async fn each_operation_is_open_to_those_who_may(engine) {
        let requests = requests();
        let mut rows: Vec<&str> = requests.iter().map(|row| row.0).collect();
        let routes = routes::public();
        let mut wanted: Vec<&str> = routes.iter().map(|route| route.id).collect();
        rows.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(rows, wanted, "an operation has no row, or a row no operation");
        let callers = [Some("reader"), Some("writer"), Some("provisioner"), Some("admin"), Some("nonsense"), None];
        for caller in callers {
            for (id, method, path, body, success) in &requests {
                // Each on a directory of its own, so that no row leaves something to the next.
                if granted(caller).contains(id) && *method != "GET" {
                    let server = Server::start(engine).await;
                    prepare(&server).await;
                    let client = client_of(Some(&token(&server, "caller", caller.unwrap()).await));
                    let response = ask(&server, &client, method, path, body.as_ref()).await;
                    assert_eq!(response.status().as_u16(), *success, "{caller:?} {id}");
                    server.stop().await;
                }
            }
            let server = Server::start(engine).await;
            prepare(&server).await;
            let secret = match caller {
                Some("nonsense") => Some("rst_nobody-ever-gave-this-token-to-any-caller00".to_owned()),
                Some(role) => Some(token(&server, "caller", role).await),
                None => None,
            };
            let client = client_of(secret.as_deref());
            for (id, method, path, body, success) in &requests {
                let allowed = granted(caller).contains(id);
                if allowed && *method != "GET" {
                    continue;
                }
                let response = ask(&server, &client, method, path, body.as_ref()).await;
                let status = response.status().as_u16();
                match (allowed, caller) {
                    (true, _) => assert_eq!(status, *success, "{caller:?} {id}"),
                    (false, None) => {
                        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"roster\"");
                        assert_problem(response, 401, "unauthenticated").await;
                    }
                    (false, Some("nonsense")) => {
                        let challenge = "Bearer realm=\"roster\", error=\"invalid_token\"";
                        assert_eq!(response.headers()["www-authenticate"], challenge, "{id}");
                        assert_problem(response, 401, "invalid-token").await;
                    }
                    (false, Some(_)) => {
                        let challenge = "Bearer realm=\"roster\", error=\"insufficient_scope\"";
                        assert_eq!(response.headers()["www-authenticate"], challenge, "{id}");
                        let route = routes.iter().find(|route| route.id == *id).unwrap();
                        let Access::Needs(permission) = route.access else { panic!("{id}") };
                        let problem = assert_problem(response, 403, "forbidden").await;
                        assert_eq!(problem["detail"], format!("this takes the permission {}", permission.name()));
                    }
                }
            }
            server.stop().await;
        }
    }

    async fn who_may_not_ask_learns_nothing_of_what_is_there(engine) {
        let server = Server::start(engine).await;
        prepare(&server).await;
        let reader = client_of(Some(&token(&server, "r", "reader").await));
        for (client, status) in [(client_of(None), 401), (reader, 403)] {
            let mut bodies = Vec::new();
            for path in ["/users/1", "/users/999", "/users/x", "/users/1?nonsense=1"] {
                let response = ask(&server, &client, "DELETE", path, None).await;
                assert_eq!(response.status().as_u16(), status, "{path}");
                bodies.push(response.text().await.unwrap());
            }
            assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        }
        server.stop().await;
    }

    async fn a_token_in_the_query_is_no_credential(engine) {
        let server = Server::start(engine).await;
        let secret = token(&server, "r", "reader").await;
        for path in [format!("/users?access_token={secret}"), format!("/users?token={secret}")] {
            assert_problem(ask(&server, &client_of(None), "GET", &path, None).await, 401, "unauthenticated").await;
            // With a credential too, it is a parameter that nobody knows.
            assert_problem(server.get(&path).await, 422, "invalid").await;
        }
        server.stop().await;
    }
}

#[test]
fn the_matrix_is_that_of_the_documents() {
    let may =
        |role: Role| Permission::ALL.into_iter().filter(move |one| role.may(*one)).map(Permission::name);
    let text = include_str!("../../docs/authentication.md");
    for role in Role::ALL {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{}` |", role.name()))).unwrap();
        let documented: Vec<&str> = row.split('`').skip(3).step_by(2).collect();
        assert_eq!(documented, may(role).collect::<Vec<_>>(), "{row}");
    }
}
