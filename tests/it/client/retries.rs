//! What is sent again, and what never is (RFC 9110 section 9.2.2).

use std::time::{Duration, Instant};

use super::assert_ended;
use super::scripted::{AGAIN, PROBLEM, Reply, Scripted, problem, user};
use super::secrets::TOKEN;
use crate::commands::call;
use crate::postgres_server::free_port;

const CREATE: &[&str] = &["users", "create", "--name", "Ana"];
const GUARDED: &[&str] = &["users", "update", "7", "--name", "Ana", "--if-match", "1"];
const UNGUARDED: &[&str] = &["users", "update", "7", "--name", "Ana"];

fn away() -> Reply {
    problem(503, AGAIN, "unavailable")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_safe_is_sent_again_when_the_server_is_away() {
    let empty = Reply::Answer(200, "Content-Type: application/json\r\n", "[]".to_owned());
    let gone = Reply::Answer(204, "", String::new());
    for (arguments, first, last) in [
        (CREATE, away(), user(201)),
        (CREATE, problem(429, AGAIN, "too-many"), user(201)),
        (CREATE, Reply::HangUp, user(201)),
        (CREATE, problem(503, AGAIN, "outcome-unknown"), user(201)),
        (CREATE, problem(409, AGAIN, "idempotency-key-running"), user(201)),
        (GUARDED, away(), user(200)),
        (GUARDED, Reply::HangUp, user(200)),
        (&["users", "get", "7"], Reply::HangUp, user(200)),
        (&["users", "get", "7"], Reply::Answer(502, "", "<html>".to_owned()), user(200)),
        (&["users", "list"], away(), empty),
        (&["users", "delete", "7"], Reply::HangUp, gone),
    ] {
        let server = Scripted::start(vec![first.clone(), last]).await;
        let ended = server.call(arguments).await;
        assert_eq!(ended.code, 0, "{arguments:?} {first:?}: {ended:?}");
        assert!(ended.stderr.contains("asking again in ") && !ended.stderr.contains(TOKEN), "{ended:?}");
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{arguments:?} {first:?}: {seen:?}");
        assert_eq!((&seen[0].head, &seen[0].body), (&seen[1].head, &seen[1].body));
        for request in &seen {
            assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
            let agent = concat!("roster/", env!("CARGO_PKG_VERSION"));
            assert_eq!(request.header("user-agent"), Some(agent));
        }
        assert_eq!(seen[0].header("idempotency-key").is_some(), arguments[1] == "create");
        assert_eq!(seen[0].header("if-match"), (arguments == GUARDED).then_some("\"1\""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_creation_has_a_key_of_its_own() {
    let server = Scripted::start(vec![user(201)]).await;
    for _ in 0..2 {
        assert_eq!(server.call(CREATE).await.code, 0);
    }
    let keys: Vec<String> =
        server.seen().iter().map(|seen| seen.header("idempotency-key").unwrap().to_owned()).collect();
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_been_done_is_not_done_twice() {
    for (reply, code, words) in [
        (Reply::HangUp, 8, "nobody knows whether it was done"),
        (problem(503, AGAIN, "outcome-unknown"), 8, "look with roster users get 7"),
        (Reply::Answer(504, "", String::new()), 8, "504"),
        (away(), 7, "it is unavailable"),
        (problem(429, AGAIN, "too-many"), 7, "it is too-many"),
        (problem(500, PROBLEM, "internal"), 7, "it is internal"),
        (problem(507, PROBLEM, "storage-full"), 7, "it is storage-full"),
    ] {
        let server = Scripted::start(vec![reply.clone(), user(200)]).await;
        assert_ended(&server.call(UNGUARDED).await, code, words);
        assert_eq!(server.seen().len(), 1, "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_end_in_time_and_say_what_is_known() {
    let start = Instant::now();
    for (arguments, reply, code, words) in [
        (&["users", "get", "7"][..], away(), 7, "it is unavailable"),
        (CREATE, away(), 7, "it is unavailable"),
        (CREATE, Reply::HangUp, 8, "--idempotency-key roster-"),
        (&["users", "delete", "7"], Reply::HangUp, 8, "look with roster users get 7"),
    ] {
        let server = Scripted::start(vec![reply]).await;
        let ended = server.call(&[arguments, &["--retry-time", "1s"]].concat()).await;
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.stderr.lines().last().unwrap().contains(words), "{ended:?}");
        let count = server.seen().len();
        assert!((2..10).contains(&count), "{count}");
        let once = server.call(&[arguments, &["--retry-time", "0"]].concat()).await;
        assert_ended(&once, code, words);
        assert_eq!(server.seen().len(), count + 1);
    }
    // Who is asked to wait longer than there is time gives up at once.
    let patient = "Content-Type: application/problem+json\r\nRetry-After: 3600\r\n";
    let server = Scripted::start(vec![problem(503, patient, "unavailable")]).await;
    assert_ended(&server.call(CREATE).await, 7, "it is unavailable");
    assert_eq!(server.seen().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_or_is_not_there_is_unavailable() {
    let server = Scripted::start(vec![Reply::Silence]).await;
    let silent = ["--timeout", "300ms", "--retry-time", "0"];
    let ended = server.call(&[&["users", "get", "7"][..], &silent].concat()).await;
    assert_ended(&ended, 7, "there was no answer within 300ms");
    assert_ended(&server.call(&[UNGUARDED, &silent].concat()).await, 8, "there was no answer within 300ms");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for arguments in [&["users", "list"][..], UNGUARDED, CREATE, &["log"]] {
        let ended = call(&[arguments, &["--retry-time", "0", "--url", &nobody]].concat(), &[]).await;
        assert_ended(&ended, 7, &nobody);
        assert!(ended.stderr.contains("refused"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_that_finds_its_own_work_says_so() {
    let gone = problem(404, PROBLEM, "not-found");
    let server = Scripted::start(vec![Reply::HangUp, gone]).await;
    let ended = server.call(&["users", "delete", "7"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("most likely by an attempt whose answer was lost"), "{ended:?}");

    let moved = problem(412, PROBLEM, "precondition-failed");
    let server = Scripted::start(vec![Reply::HangUp, moved.clone()]).await;
    let ended = server.call(GUARDED).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(ended.stderr.contains("nobody knows whether it was done"), "{ended:?}");
    // Who may not ask any more is not told what became of it.
    for arguments in [CREATE, GUARDED, &["users", "delete", "7"]] {
        for (status, words) in [
            (401, "it is invalid-token"),
            (403, "it is forbidden"),
            (400, "it is malformed"),
            (500, "it is internal"),
        ] {
            let refused = problem(status, PROBLEM, words.strip_prefix("it is ").unwrap());
            let server = Scripted::start(vec![Reply::HangUp, refused.clone()]).await;
            let ended = server.call(arguments).await;
            assert_eq!(ended.code, 8, "{arguments:?}: {ended:?}");
            assert!(ended.stderr.contains(words) && ended.stderr.contains("nobody knows"), "{ended:?}");
        }
    }
    let taken = Scripted::start(vec![Reply::HangUp, problem(409, PROBLEM, "taken")]).await;
    assert_eq!(taken.call(CREATE).await.code, 6);
    // Without a lost answer there is no doubt.
    let server = Scripted::start(vec![away(), moved]).await;
    assert_eq!(server.call(GUARDED).await.code, 6);
}
