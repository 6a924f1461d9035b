//! One step brings everything up; again changes nothing; from nothing begins afresh.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::stack::{Stack, image, inspect, logs, request};
use crate::shell::{self, told};

/// From `up` to the first answer, when the images are there.
const START: Duration = Duration::from_secs(10);
/// The people of deploy/sample/people.csv.
const PEOPLE: usize = 100;

/// The time of a container's state, as the engine writes it: texts of one form, which order as times do.
fn time(container: &Value, name: &str) -> String {
    container["State"][name].as_str().unwrap().to_owned()
}

/// Brings everything up; gives the time from the command to the first answer.
fn first_answer(stack: &Stack) -> Duration {
    let begun = Instant::now();
    let mut up = stack.command(&["up", "--detach"]).stderr(Stdio::null()).spawn().unwrap();
    while stack.status("/openapi.json", None) != Some(200) {
        assert!(begun.elapsed() < 6 * START, "no answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed();
    assert!(up.wait().unwrap().success());
    took
}

#[test]
fn one_step_and_the_first_answer() {
    // The best of three, since others may be at work on this machine.
    let (mut stack, mut best) = (Stack::new(), Duration::MAX);
    for attempt in 0..3 {
        if attempt > 0 {
            assert!(stack.remove().status.success());
            stack = Stack::new();
        }
        let took = first_answer(&stack);
        println!("compose up to the first 200: {:.1} s", took.as_secs_f64());
        best = best.min(took);
        if best < START {
            break;
        }
    }
    assert!(best < START, "{best:?}");
    let web = stack.inspect("web");
    for service in ["secrets", "migrate", "seed"] {
        let container = stack.inspect(service);
        assert_eq!(container["State"]["ExitCode"], 0, "{service}");
        assert_eq!(container["State"]["Status"], "exited", "{service}");
        assert!(time(&container, "FinishedAt") <= time(&web, "StartedAt"), "{service} ended after web began");
    }
    let told = logs(&stack.container("migrate")).join("\n");
    assert!(told.starts_with("applied: 0001_"), "{told}");
    let known = shell::run("docker", &["image", "inspect", "--format", "{{.Id}}", &image()]);
    for service in ["migrate", "seed", "web"] {
        assert_eq!(stack.inspect(service)["Image"], known, "{service} runs another image");
    }
}

#[test]
fn nothing_may_more_than_it_has_to() {
    let stack = Stack::new();
    stack.up(&[]);
    for service in ["secrets", "db", "migrate", "seed", "web"] {
        let container = stack.inspect(service);
        let host = &container["HostConfig"];
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{service}");
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges:true"]), "{service}");
        assert!(
            service == "secrets" || host["Memory"].as_u64().unwrap() > 0,
            "{service} has no limit of memory"
        );
    }
    assert_eq!(stack.inspect("web")["HostConfig"]["CapAdd"], Value::Null);
    let password = stack.with_secrets("cat /run/secrets/database-password");
    assert_eq!(password.len(), 48, "{password}");
    for service in ["db", "migrate", "seed", "web"] {
        assert!(!stack.inspect(service).to_string().contains(&password), "{service} shows the password");
        assert!(
            !logs(&stack.container(service)).join("\n").contains(&password),
            "{service} logs the password"
        );
    }
    // The database is in a network that has no way out, and is published nowhere.
    assert_eq!(stack.inspect("db")["HostConfig"]["PortBindings"], json!({}));
    let web = stack.inspect("web");
    assert_eq!(web["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
}

#[test]
fn once_more_changes_nothing_and_afresh_is_afresh() {
    let stack = Stack::new();
    stack.up(&[]);
    let token = stack.token();
    assert_eq!(stack.users(&token).len(), PEOPLE);
    let web = stack.web;
    let renamed = json!({ "name": "Renamed", "email": "renamed@example.com" });
    let put = request(Method::PUT, web, "/users/1", Some(&token), Some(&renamed)).unwrap();
    assert_eq!(put.0, 200, "{}", put.1);
    assert_eq!(request(Method::DELETE, web, "/users/2", Some(&token), None).unwrap().0, 204);
    let (users, before) = (stack.users(&token), stack.inspect("web"));
    let password = stack.with_secrets("cat /run/secrets/database-password");
    stack.up(&[]);
    let after = stack.inspect("web");
    assert_eq!((&before["Id"], time(&before, "StartedAt")), (&after["Id"], time(&after, "StartedAt")));
    assert_eq!(stack.users(&token), users);
    assert_eq!(stack.with_secrets("cat /run/secrets/database-password"), password);
    let seed = logs(&stack.container("seed"));
    assert_eq!(seed.last().unwrap(), "nothing was imported: the directory has had users before");

    stack.run(&["down", "--volumes"]);
    stack.up(&[]);
    assert_eq!(stack.status("/users", Some(&token)), Some(401), "a token of the database before");
    let token = stack.token();
    assert_eq!(stack.users(&token).len(), PEOPLE);
    assert!(!stack.users(&token).contains(&"Renamed".to_owned()));
    assert_ne!(stack.with_secrets("cat /run/secrets/database-password"), password);
}

#[test]
fn commands_run_in_containers_that_end() {
    let stack = Stack::new();
    stack.up(&[]);
    let token = stack.token();
    assert!(
        token.starts_with("rst_") && !token.contains(char::is_whitespace),
        "more than the secret on stdout"
    );
    let mut import = stack.command(&["run", "--rm", "--no-TTY", "roster", "import", "-"]);
    let mut import =
        import.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(b"name,email\nZoe,zoe@example.com\n").unwrap();
    let output = import.wait_with_output().unwrap();
    let text = told(&output);
    assert!(output.status.success() && text.contains("rows: 1, created: 1,"), "{text}");
    assert!(stack.users(&token).contains(&"Zoe".to_owned()));
    let exported = stack.run(&["run", "--rm", "--no-TTY", "roster", "export", "--quiet"]);
    assert_eq!(exported.lines().count(), PEOPLE + 2);
    let failed = stack.outcome(&["run", "--rm", "--no-TTY", "roster", "import", "/nowhere.csv"]);
    assert_eq!(failed.status.code(), Some(2), "{}", told(&failed));
    let left = shell::run(
        "docker",
        &[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            "label=com.docker.compose.oneoff=True",
            "--filter",
            "label=com.docker.compose.project=roster-e2e",
        ],
    );
    assert_eq!(left, "", "a container is left");
    assert_eq!(inspect(&stack.container("web"))["RestartCount"], 0);
}
