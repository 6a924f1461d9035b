//! Tables of ratios, and where they are kept.

use std::fmt::Write as _;

use crate::shell::{self, Failure, Workspace, say};

/// The samples of one contender, one of each round.
pub(super) struct Contender {
    pub(super) name: String,
    /// The indexes of the contenders that it is compared with.
    pub(super) peers: Vec<usize>,
    pub(super) samples: Vec<Sample>,
}

impl Contender {
    pub(super) fn new(name: impl Into<String>, peers: &[usize]) -> Self {
        Self { name: name.into(), peers: peers.to_vec(), samples: Vec::new() }
    }
}

/// What one round measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// What ratios are made of.
    pub(super) value: f64,
    /// What is shown beside it.
    pub(super) aside: u64,
}

/// What stands beside the values: its title, and how the worst of the rounds is shown.
pub(super) struct Aside {
    title: &'static str,
    unit: &'static str,
    divisor: f64,
}

/// The best of the rounds, as requests in a second.
pub(super) const RATE: Aside = Aside { title: "best rate", unit: "/s", divisor: 1.0 };
pub(super) const PEAK_MEMORY: Aside = Aside { title: "peak memory", unit: "MB", divisor: 1e6 };
pub(super) const P99: Aside = Aside { title: "worst p99", unit: "ms", divisor: 1e3 };

/// A table: medians over the rounds, and the medians of the ratios within each round with their range.
#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
pub(super) fn table(title: &str, value: &str, aside: &Aside, contenders: &[Contender]) -> String {
    let mut text = format!("| {title} | {value} | ratio | {} |\n|---|---|---|---|\n", aside.title);
    for contender in contenders {
        let median = median(contender.samples.iter().map(|sample| sample.value).collect());
        let worst =
            contender.samples.iter().map(|sample| sample.aside).max().unwrap_or(0) as f64 / aside.divisor;
        let ratios: Vec<String> =
            contender.peers.iter().map(|peer| ratio(contender, &contenders[*peer])).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} {} |",
            contender.name,
            short(median),
            ratios.join("; "),
            short(worst),
            aside.unit
        );
    }
    text
}

fn ratio(own: &Contender, peer: &Contender) -> String {
    let pairs = own.samples.iter().zip(&peer.samples);
    let ratios: Vec<f64> = pairs.map(|(own, other)| own.value / other.value).collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    format!("**{:.2}** ({low:.2} to {high:.2}) of {}", median(ratios), peer.name)
}

/// Three digits or so: more would be noise.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Puts a benchmark's section into bench/RESULTS.md, in place of the one that was there.
pub(super) fn save(workspace: &Workspace, name: &str, table: &str) -> Result<(), Failure> {
    let path = workspace.root.join("bench/RESULTS.md");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let section =
        format!("## {name}\n\n`cargo xtask bench {name} --save`\n\n{}\n\n{table}", machine(workspace));
    let made = std::fs::create_dir_all(workspace.root.join("bench"));
    made.and_then(|()| std::fs::write(&path, replaced(&before, name, &section)))
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    say(&format!("written to {}", path.display()));
    Ok(())
}

const HEAD: &str = "# Results\n\nMade by the commands that stand over them. Ratios travel between machines, seconds do not.\n";

fn replaced(before: &str, name: &str, section: &str) -> String {
    let title = format!("## {name}\n");
    let others = before.split("\n## ").skip(1).map(|rest| format!("## {}", rest.trim_end()));
    let mut sections: Vec<String> = others.filter(|other| !other.starts_with(&title)).collect();
    sections.push(section.trim_end().to_owned());
    sections.sort_unstable();
    format!("{HEAD}\n{}\n", sections.join("\n\n"))
}

/// What was measured, and on what.
fn machine(workspace: &Workspace) -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory: u64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let root = workspace.root.to_string_lossy();
    let ask =
        |program: &str, args: &[&str]| shell::ask(program, args).unwrap_or_else(|| "unknown".to_owned());
    format!(
        "Commit {} of {}; {cores} cores of {}, {} GB; {}; {}.",
        ask("git", &["-C", &root, "rev-parse", "--short", "HEAD"]),
        ask("git", &["-C", &root, "log", "-1", "--format=%cs"]),
        model.trim_start_matches([' ', '\t', ':']),
        memory / 1_000_000,
        ask("psql", &["--version"]),
        ask("rustc", &["--version"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, peers: &[usize], seconds: &[f64]) -> Contender {
        let samples = seconds.iter().map(|value| Sample { value: *value, aside: 12_000_000 }).collect();
        Contender { samples, ..Contender::new(name, peers) }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let contenders =
            [contender("floor", &[], &[1.0, 2.0, 4.0]), contender("ours", &[0], &[3.0, 4.0, 8.0])];
        let text = table("x", "seconds", &PEAK_MEMORY, &contenders);
        assert!(text.contains("| floor | 2.00 |  | 12.0 MB |"), "{text}");
        assert!(text.contains("| ours | 4.00 | **2.00** (2.00 to 3.00) of floor | 12.0 MB |"), "{text}");
    }

    #[test]
    fn a_section_takes_the_place_of_the_old_one() {
        let one = replaced("", "b", "## b\n\nold");
        let two = replaced(&one, "a", "## a\n\nfirst");
        assert_eq!(replaced(&two, "b", "## b\n\nnew\n"), format!("{HEAD}\n## a\n\nfirst\n\n## b\n\nnew\n"));
    }
}
