//! Small things that the tests of the API share.

use std::time::Duration;

use reqwest::{Body, Method, Response};
use serde_json::{Value, json};

use crate::support::{Server, assert_problem, client, eventually, parts};

/// How long the journal may take to show what is committed. On a server that others use too, their transactions
/// hold it back.
pub(crate) const SETTLED: Duration = Duration::from_mins(1);

/// A path with a query string, encoded.
pub(crate) fn path(base: &str, pairs: &[(&str, &str)]) -> String {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    format!("{base}?{}", encoded.extend_pairs(pairs).finish())
}

/// The places that a problem names, in its order.
pub(crate) fn places(problem: &Value) -> Vec<&str> {
    let list = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |entry: &'_ Value| {
        ["pointer", "parameter", "header"].into_iter().find(|kind| entry[*kind].is_string())
    };
    list.iter()
        .map(|entry| entry[place(entry).expect("an entry without a place")].as_str().unwrap())
        .collect()
}

/// Asserts that an answer refuses values at exactly these places.
pub(crate) async fn assert_invalid(response: Response, wrong: &[&str]) -> Value {
    let problem = assert_problem(response, 422, "invalid").await;
    assert_eq!(places(&problem), wrong, "{problem}");
    problem
}

/// The value of a metric, by its name and labels; `None` when it is not there, or not yet.
pub(crate) async fn metric(ops: &str, name: &str) -> Option<f64> {
    let text = client().get(format!("{ops}/metrics")).send().await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// A request whose body is said to be JSON, whatever it is.
pub(crate) async fn send(server: &Server, method: Method, path: &str, body: impl Into<Body>) -> Response {
    let request = server.request(method, path).header("content-type", "application/json");
    request.body(body).send().await.unwrap()
}

/// The value of a header field, `None` when it is absent.
pub(crate) fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The names in a list, in its order.
pub(crate) async fn names(server: &Server, path: &str) -> Vec<String> {
    let (status, list) = parts(server.get(path).await).await;
    assert_eq!(status, 200, "{path}: {list}");
    list.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

/// Creates users by one batch; gives what the batch answers for each.
pub(crate) async fn create_all(server: &Server, users: &[Value]) -> Vec<Value> {
    let operations: Vec<Value> = users.iter().map(|user| json!({ "op": "create", "body": user })).collect();
    let (status, body) = parts(server.post("/users/batch", &json!({ "operations": operations })).await).await;
    assert_eq!(status, 200, "{body}");
    body["results"].as_array().unwrap().clone()
}

/// Whether an entry of the feed tells of a user: each test's database has a token too.
pub(crate) fn of_user(entry: &Value) -> bool {
    entry["subject"]["kind"] == "user"
}

/// What the journal tells of users, once it shows at least `count` entries.
pub(crate) async fn journal(server: &Server, count: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    eventually(SETTLED, "the journal shows what was written", async || {
        let (status, page) = parts(server.get("/changes?limit=1000").await).await;
        assert_eq!(status, 200, "{page}");
        entries =
            page["changes"].as_array().unwrap().iter().filter(|entry| of_user(entry)).cloned().collect();
        entries.len() >= count
    })
    .await;
    entries
}
