//! The first version of the service, a Flask app of a few lines, still runs over the same table and answers the same.

use std::process::Stdio;

use roster::store::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{Database, Server, both, parts, variable};

/// The app in a process of its own; killed with this value.
struct App {
    url: String,
    _child: Child,
}

impl App {
    async fn start(engine: Engine, database: &Database) -> Self {
        let url = match engine {
            Engine::Sqlite => format!("sqlite:///{}", database.path().display()),
            Engine::Postgres => format!("postgresql+psycopg://{}", database.url.split_once("://").unwrap().1),
        };
        let mut child = Command::new(variable("ROSTER_TEST_PYTHON"))
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/v1/app.py")])
            .env("DATABASE_URL", url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("the app ended before it listened");
        Self { url: format!("http://127.0.0.1:{port}"), _child: child }
    }

    async fn users(&self, server: &Server) -> Vec<Value> {
        let response = server.client.get(format!("{}/users", self.url)).send().await.unwrap();
        by_id(parts(response).await)
    }
}

fn by_id((status, list): (u16, Value)) -> Vec<Value> {
    assert_eq!(status, 200, "{list}");
    let Value::Array(mut users) = list else { panic!("{list}") };
    users.sort_by_key(|user| user["id"].as_i64());
    users
}

/// What JSON, SQL and Python escape, fold or count differently.
const AWKWARD: [&str; 16] = [
    "plain",
    "it's \"quoted\" `so`",
    "back\\slash \\u0041 \\n",
    "Zoë O'Néill",
    "Zoe\u{308} combining",
    "Ωμέγα ΣΊΣΥΦΟΣ",
    "محمد بن سلمان",
    "山田 太郎 𠮷",
    "🧑🏽\u{200d}💻👩\u{200d}👩\u{200d}👧 🇧🇷",
    "<script>&amp;</script>",
    "%s %d {} ${x} '; --",
    "\u{2028}line\u{2029}separators",
    "  spaces  ",
    "\u{feff}mark",
    "\u{202e}right to left",
    "\u{10ffff}\u{fffd}",
];

fn user(number: usize) -> Value {
    let name = format!("{} {number}", AWKWARD[number % AWKWARD.len()]);
    let email = match number % 5 {
        0 | 3 => Value::Null,
        1 => json!(format!("o'neill+{number}@example.com")),
        2 => json!(format!("пользователь.{number}@пример.рф")),
        _ => json!(format!("{{🧑}}{number}@例え.jp")),
    };
    json!({ "name": name, "email": email, "active": !number.is_multiple_of(7), "profile": { "number": number } })
}

async fn create(server: &Server, numbers: std::ops::Range<usize>) {
    let all: Vec<usize> = numbers.collect();
    for numbers in all.chunks(1000) {
        let operations: Vec<Value> =
            numbers.iter().map(|number| json!({ "op": "create", "body": user(*number) })).collect();
        let response = server.post("/users/batch", &json!({ "operations": operations })).await;
        assert_eq!(response.status(), 200);
    }
}

both! {
    async fn both_versions_answer_the_same(engine) {
        let server = Server::start(engine).await;
        let app = App::start(engine, &server.database).await;
        for (have, want) in [(0, 0), (0, 1), (1, 10_000)] {
            create(&server, have..want).await;
            let ours = by_id(parts(server.get("/users").await).await);
            assert_eq!(ours.len(), want);
            for (number, user_of_list) in ours.iter().enumerate() {
                let sent = user(number);
                assert_eq!((&user_of_list["name"], &user_of_list["email"]), (&sent["name"], &sent["email"]));
            }
            let theirs = app.users(&server).await;
            let differing = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            assert_eq!((differing, theirs.len()), (None, want));
        }
        server.stop().await;
    }
}
