//! What the program tells of itself: log lines, metrics, traces, and that none of it stands in the way.

pub(crate) mod collector;
mod gauges;
mod log;
mod openmetrics;
mod pipes;
mod traces;

mod metrics;

use serde_json::Value;

use crate::support::Program;

/// A service on a fresh SQLite file, ending at once when told to.
async fn start(arguments: &[&str]) -> (Program, crate::support::Database) {
    let database = crate::support::Database::create(crate::support::Engine::Sqlite).await;
    let all = [&["--drain-seconds", "0"], arguments].concat();
    (Program::serve(&database.url, &all).await, database)
}

/// Ends the program by the signal; gives the lines of its log, each of which must be a JSON object.
async fn end(mut program: Program) -> Vec<Value> {
    let log = program.drain_log();
    program.signal("TERM");
    let status = program.child.wait().await.unwrap();
    assert!(status.success(), "{status}");
    log.await.unwrap().iter().map(|line| parse(line)).collect()
}

fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for name in ["timestamp", "level", "target", "message"] {
        assert!(value[name].is_string(), "{name} in {line}");
    }
    // Nothing that ends a line for some reader, or steers a terminal.
    assert!(!line.contains(|c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}')), "{line:?}");
    value
}

/// The lines that tell of a request.
fn requests(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["message"] == "request").collect()
}
