//! A strict reader of the OpenMetrics text format 1.0, as far as this program uses it.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// All samples of an exposition.
#[derive(Debug)]
pub(super) struct Exposition(pub(super) Vec<Sample>);

impl Exposition {
    /// Reads a whole exposition; panics with the line that breaks a rule.
    pub(super) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the end mark is missing");
        assert!(!body.contains("# EOF") && !body.contains('\r'), "an end mark in the middle, or a CR");
        let mut families = BTreeSet::new();
        let mut family = (String::new(), String::new());
        let mut samples: Vec<Sample> = Vec::new();
        for line in body.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                let found = sample(line);
                assert!(belongs(&found, &family.0, &family.1), "{line} under {family:?}");
                samples.push(found);
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(matches!(kind, "TYPE" | "HELP" | "UNIT"), "{line}");
            if name != family.0 {
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                family = (name.to_owned(), String::new());
            }
            match kind {
                "TYPE" => rest.clone_into(&mut family.1),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                _ => {}
            }
        }
        let all = Self(samples);
        all.check_unique();
        all.check_histograms();
        all
    }

    fn check_unique(&self) {
        let mut seen = BTreeSet::new();
        for sample in &self.0 {
            assert!(seen.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        }
    }

    /// Buckets never fall, and the last one is the count.
    fn check_histograms(&self) {
        let mut last: BTreeMap<(String, BTreeMap<String, String>), f64> = BTreeMap::new();
        for sample in &self.0 {
            let mut series = sample.labels.clone();
            let bound = series.remove("le");
            if let (Some(name), Some(bound)) = (sample.name.strip_suffix("_bucket"), bound) {
                let before = last.insert((name.to_owned(), series.clone()), sample.value).unwrap_or(0.0);
                assert!(sample.value >= before, "{sample:?}");
                if bound == "+Inf" {
                    assert_eq!(
                        self.value(&format!("{name}_count"), &series),
                        Some(sample.value),
                        "{sample:?}"
                    );
                }
            }
        }
    }

    /// The value of the series with exactly these labels.
    pub(super) fn value(&self, name: &str, labels: &BTreeMap<String, String>) -> Option<f64> {
        self.0
            .iter()
            .find(|sample| sample.name == name && sample.labels == *labels)
            .map(|sample| sample.value)
    }

    /// The sum over the series that have at least these labels; `None` when there is none.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |sample: &&Sample| {
            let has =
                |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|found| found == value);
            sample.name == name && labels.iter().all(has)
        };
        let values: Vec<f64> = self.0.iter().filter(fits).map(|sample| sample.value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Every value of a label.
    pub(super) fn values_of(&self, label: &str) -> BTreeSet<&str> {
        self.0.iter().filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect()
    }
}

fn belongs(sample: &Sample, family: &str, kind: &str) -> bool {
    let Some(suffix) = sample.name.strip_prefix(family) else { return false };
    match kind {
        "counter" => suffix == "_total" && sample.value >= 0.0,
        "gauge" => suffix.is_empty(),
        "info" => suffix == "_info" && (sample.value - 1.0).abs() < f64::EPSILON,
        "histogram" => match suffix {
            "_bucket" => sample.labels.contains_key("le"),
            "_sum" | "_count" => !sample.labels.contains_key("le"),
            _ => false,
        },
        _ => false,
    }
}

/// `name{label="value",…} number`: no time stamp, no exemplar.
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let (value, after) = quoted(after).unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label) && labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = after;
            match rest.as_bytes()[0] {
                b',' => rest = &rest[1..],
                b'}' => break,
                _ => panic!("{line}"),
            }
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').and_then(|number| number.parse().ok());
    Sample { name: name.to_owned(), labels, value: value.unwrap_or_else(|| panic!("{line}")) }
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text up to the closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                known @ ('"' | '\\') => known,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}
