//! Imports into a database whose disk becomes full.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::process::Command;

use super::{Place, numbered};
use crate::asking::of_user;
use crate::commands::{Ended, call, end};
use crate::full_disk::{NO_MOUNT, SmallDisk, may_mount};
use crate::postgres_server::PostgresServer;
use crate::support::{Database, Engine};

/// More users than any of these disks holds.
const USERS: usize = 40_000;

/// Mounts a small file system that only this shell and its children see, imports into a database on it, and brings the
/// database out with all that belongs to it.
const IMPORT: &str = r#"
mount -t tmpfs -o size="$1" none "$2" || exit 77
export ROSTER_DATABASE_URL="sqlite:$2/roster.db"
"$3" migrate || exit 78
"$3" import --quiet "$4"
code=$?
cp "$2"/roster.db* "$5" || exit 79
exit $code
"#;

/// The number behind a name in the totals.
fn total(stdout: &str, name: &str) -> usize {
    let totals = stdout.lines().last().unwrap();
    let of = |part: &str| part.strip_prefix(name)?.strip_prefix(": ")?.parse().ok();
    totals.split(", ").find_map(of).unwrap_or_else(|| panic!("{name} in {stdout}"))
}

/// Asserts that an SQLite file is sound.
async fn assert_sound(url: &str) {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(sound, "ok");
    connection.close().await.unwrap();
}

/// Asserts that an import ended with one clear line and its exit code; gives how many users it counts.
fn assert_full(ended: &Ended) -> usize {
    assert_eq!(ended.code, 2, "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.starts_with("error: storage is full: "), "{ended:?}");
    let created = total(&ended.stdout, "created");
    assert_eq!((total(&ended.stdout, "rows"), total(&ended.stdout, "refused")), (created, 0), "{ended:?}");
    assert_eq!(total(&ended.stdout, "commits"), created.div_ceil(1000), "{ended:?}");
    created
}

/// Asserts that a database has this many users, each of them whole, and one entry of the journal for each.
async fn assert_whole(database: &Database, count: usize) {
    let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
    let exported = call(&["export", "--format", "ndjson", "--quiet"], &url).await;
    let users: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((exported.code, users.len()), (0, count));
    let store = database.store().await;
    let journal = super::journal(&store).await;
    store.close().await;
    assert_eq!(journal.len(), count);
    for (number, (user, entry)) in users.iter().zip(&journal).enumerate() {
        assert_eq!(user["name"], format!("user{number}"));
        assert_eq!(
            (&user["external_id"], &user["profile"]),
            (&json!(format!("x-{number}")), &json!({ "title": "x" }))
        );
        assert_eq!(
            (user["version"].as_i64(), user["id"].as_i64()),
            (Some(entry.version), Some(entry.subject_id))
        );
        assert_eq!(entry.action, "user.created");
    }
}

async fn import_on(flags: &[&str], size: &str) -> usize {
    let place = Place::create(Engine::Sqlite).await;
    let file = place.file("people.csv", numbered(USERS, "x"));
    let mount = tempfile::tempdir().unwrap();
    // The database of the disk takes the place of this one.
    let target = place.database.path();
    std::fs::remove_file(&target).unwrap();
    let mut command = Command::new("unshare");
    command.args(flags).args(["sh", "-c", IMPORT, "sh", size]).arg(mount.path());
    command.args([env!("CARGO_BIN_EXE_roster"), &file]).arg(target.parent().unwrap()).kill_on_drop(true);
    let ended = end(command).await;
    let created = assert_full(&ended);
    assert_sound(&place.database.url).await;
    assert_whole(&place.database, created).await;
    assert_goes_on(&place.database, &file, created).await;
    created
}

/// Asserts that where there is space, the same import goes on from there.
async fn assert_goes_on(database: &Database, file: &str, created: usize) {
    let again = call(&["import", "--quiet", file], &[("ROSTER_DATABASE_URL", &database.url)]).await;
    assert_eq!(again.code, 0, "{again:?}");
    let counts = (total(&again.stdout, "created"), total(&again.stdout, "unchanged"));
    assert_eq!(counts, (USERS - created, created), "{again:?}");
    assert_whole(database, USERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_stays_and_is_counted() {
    let Some(flags) = may_mount().await else {
        println!("{NO_MOUNT}");
        return;
    };
    // The disk is full at another place of a batch, or of the writing back of the log, each time.
    let mut counts = Vec::new();
    for size in ["1500k", "4m", "7200k"] {
        counts.push(import_on(&flags, size).await);
    }
    println!("users on the disks: {counts:?}");
    assert!(counts.is_sorted() && counts[2] > 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_stays_on_postgres_too() {
    let Some((server, disk)) = PostgresServer::with_small_disk("20m") else {
        println!("{NO_MOUNT}");
        return;
    };
    let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.display());
    for statement in [&tablespace, "CREATE DATABASE roster TABLESPACE small"] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
    let database = Database::of_others(server.url("roster"));
    database.store().await.close().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("people.csv");
    std::fs::write(&file, numbered(USERS, "x")).unwrap();
    let file = file.to_str().unwrap();
    let ended = call(&["import", "--quiet", file], &[("ROSTER_DATABASE_URL", &database.url)]).await;
    let created = assert_full(&ended);
    assert!(created > 0, "{ended:?}");
    assert_whole(&database, created).await;
    server.enlarge(&disk, "200m");
    assert_goes_on(&database, file, created).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_over_http_ends_with_the_problem() {
    let Some(flags) = may_mount().await else {
        println!("{NO_MOUNT}");
        return;
    };
    let disk = SmallDisk::new(&flags, "6m").await;
    let url = format!("{}/users/import", disk.program.url);
    let send = async |text: String| {
        let request = disk.client.post(&url).header(CONTENT_TYPE, "text/csv").body(text);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()
    };
    let told = send(numbered(USERS, "x")).await;
    let created = told["created"].as_u64().unwrap();
    assert_eq!((&told["type"], &told["complete"]), (&json!("end"), &json!(false)), "{told}");
    assert_eq!(
        (&told["problem"]["type"], &told["problem"]["status"]),
        (&json!("urn:roster:problem:storage-full"), &json!(507))
    );
    assert!(created > 0 && told["rows"] == created && told["refused"] == 0, "{told}");
    assert_eq!(told["commits"], created.div_ceil(1000), "{told}");
    assert_eq!(disk.users().await.as_array().unwrap().len() as u64, created);
    std::fs::remove_file(disk.file("reserve")).unwrap();
    let more = created + 500;
    let told = send(numbered(usize::try_from(more).unwrap(), "x")).await;
    assert_eq!(
        (&told["created"], &told["unchanged"], &told["complete"]),
        (&json!(500), &json!(created), &json!(true))
    );
    let page = disk.client.get(format!("{}/changes?limit=1000", disk.program.url)).send().await.unwrap();
    let page: Value = page.json().await.unwrap();
    assert!(
        page["changes"].as_array().unwrap().iter().filter(|entry| of_user(entry)).count() >= 500,
        "{page}"
    );
}
