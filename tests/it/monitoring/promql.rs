//! Which metrics a query names. It reads as much of `PromQL` as that takes; whether a query is right, promtool says.

use std::collections::BTreeSet;

/// Words that are neither a function nor a metric.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];
/// Functions after which a list of labels may come before the parenthesis.
const AGGREGATIONS: [&str; 5] = ["sum", "min", "max", "avg", "count"];
/// Words before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The names of metrics in a query.
pub(super) fn metrics(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_alphabetic() || first == '_' || first == ':' {
            let end =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after.trim_start();
            if LISTS.contains(&word) {
                rest = rest
                    .strip_prefix('(')
                    .and_then(|list| list.split_once(')'))
                    .map_or(rest, |(_, after)| after);
            } else if !rest.starts_with('(') && !WORDS.contains(&word) && !AGGREGATIONS.contains(&word) {
                found.insert(word.to_owned());
            }
        } else if first == '{' || first == '[' {
            rest = past(rest);
        } else if first.is_ascii_digit() {
            // With its unit, such as 5m.
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// What follows a bracket's end; brackets within quotes are text.
fn past(text: &str) -> &str {
    let mut quoted = false;
    let end = text.find(|c| {
        if c == '"' {
            quoted = !quoted;
        }
        !quoted && (c == '}' || c == ']')
    });
    end.map_or("", |end| &text[end + 1..])
}

#[test]
fn names_of_metrics_are_found() {
    let query = r#"sum by (le, route) (rate(a_bucket{job="x", b=~"y}z"}[5m])) / on (job) group_left (q) c:d > 2 * time() and e offset 1h"#;
    let names: Vec<String> = metrics(query).into_iter().collect();
    assert_eq!(names, ["a_bucket", "c:d", "e"]);
    assert_eq!(
        metrics("histogram_quantile(0.99, sum(x)) or vector(0)").into_iter().collect::<Vec<_>>(),
        ["x"]
    );
}
