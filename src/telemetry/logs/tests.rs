use std::{fmt, io};

use tracing::subscriber::with_default;
use tracing::{debug, error, error_span, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use super::*;
use crate::telemetry::testing::Captured;

const HOSTILE: [&str; 6] = [
    "a\r\n{\"level\":\"ERROR\"}",
    "\x1b[31mred\x1b[0m \u{9b}2J",
    "quote \" backslash \\ nul \0 bell \x07 del \x7f",
    "\u{2028}\u{2029}\u{202e}right\u{2066}",
    "naïve 日本 🦀",
    "",
];

fn capture(style: Style, filter: &str, work: impl FnOnce()) -> String {
    let captured = Captured::default();
    let clock = || Timestamp::from_microsecond(1_700_000_000_000_001).unwrap();
    let layer = LogLayer { style, writer: captured.clone(), clock };
    let subscriber = registry().with(layer.with_filter(parse_filter(filter).unwrap()));
    with_default(subscriber, work);
    captured.text()
}

fn parsed(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn a_line_has_its_fields_typed_and_in_order() {
    let text = capture(Style::Json, "", || {
        info!(target: "roster::test", count = 3_u64, ratio = 0.5, yes = true, nan = f64::NAN, who = %"Ada", "done");
    });
    assert_eq!(
        text,
        concat!(
            r#"{"timestamp":"2023-11-14T22:13:20.000001Z","level":"INFO","target":"roster::test","#,
            r#""message":"done","count":3,"ratio":0.5,"yes":true,"nan":null,"who":"Ada"}"#,
            "\n"
        )
    );
}

#[test]
fn hostile_values_stay_one_json_line_and_come_back_unchanged() {
    for value in HOSTILE {
        let text = capture(Style::Json, "info", || {
            warn!(value, shown = %value, level = value, "{value}");
        });
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(
            !text.trim_end().contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c))
        );
        let line = &parsed(&text)[0];
        for name in ["value", "shown", "level_", "message"] {
            assert_eq!(line[name], value, "{name}");
        }
        assert_eq!(line["level"], "WARN");
    }
}

#[test]
fn hostile_values_do_not_reach_a_terminal() {
    for value in HOSTILE {
        let plain = capture(Style::Plain, "info", || error!(value, "{value}"));
        assert!(!plain.trim_end().contains(char::is_control), "{plain:?}");
        let coloured = capture(Style::Coloured, "info", || error!(value, "{value}"));
        let ours = ["\x1b[2m", "\x1b[0m", "\x1b[31m"];
        let rest = ours.iter().fold(coloured, |text, code| text.replace(code, ""));
        assert!(!rest.trim_end().contains(char::is_control), "{rest:?}");
    }
}

#[test]
fn long_values_are_cut() {
    let text = capture(Style::Json, "info", || info!(value = "é".repeat(100_000), "long"));
    assert!(text.len() < 9_000);
    assert!(parsed(&text)[0]["value"].as_str().unwrap().ends_with('…'));
}

#[test]
fn ids_are_hoisted_from_any_depth() {
    let text = capture(Style::Json, "debug", || {
        let request = error_span!("request", request_id = "r-1", trace_id = tracing::field::Empty);
        request.record("trace_id", tracing::field::display("t-1"));
        let _request = request.enter();
        let _inner = info_span!("query", operation = "x").entered();
        let _deeper = info_span!("row").entered();
        debug!(request_id = "forged", "inside");
    });
    let line = &parsed(&text)[0];
    assert_eq!((&line["request_id"], &line["trace_id"]), (&"r-1".into(), &"t-1".into()));
    assert_eq!(line["request_id_"], "forged");
    assert!(line.get("operation").is_none());
}

#[test]
fn errors_are_logged_with_their_causes() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let text = capture(Style::Json, "info", || {
        let outer = Outer(io::Error::other("disk on fire"));
        let error: &(dyn std::error::Error + 'static) = &outer;
        error!(error, "failed");
    });
    assert_eq!(parsed(&text)[0]["error"], "cannot read: disk on fire");
}

#[test]
fn filters() {
    assert!(
        ["", "info", "warn,roster::store=trace", "off", "roster[request]=debug"]
            .iter()
            .all(|f| parse_filter(f).is_ok())
    );
    for wrong in ["inof", "info,roster", "roster=loud", "a=b=c", "[unclosed"] {
        let error = parse_filter(wrong).expect_err(wrong);
        assert!(error.contains('`'), "{error}");
    }
    let quiet = capture(Style::Json, "warn", || {
        info!("not this");
        warn!("this");
    });
    assert_eq!(parsed(&quiet).len(), 1);
}

#[test]
fn auto_is_pretty_on_a_terminal_alone() {
    assert_eq!(LogFormat::Auto.style(true), Style::Coloured);
    assert_eq!(LogFormat::Auto.style(false), Style::Json);
    assert_eq!(LogFormat::Pretty.style(false), Style::Plain);
    assert_eq!(LogFormat::Json.style(true), Style::Json);
}
