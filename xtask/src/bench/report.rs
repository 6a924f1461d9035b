//! Tables of ratios, and where they are kept.

use std::fmt::Write as _;

use super::process::Run;
use crate::shell::{self, Failure, Workspace, say};

/// The runs of one contender, one of each round.
pub(super) struct Contender {
    pub(super) name: String,
    /// The index of the contender that it is compared with; its own for those that others are compared with.
    pub(super) peer: usize,
    pub(super) runs: Vec<Run>,
}

/// A table: medians over the rounds, and the median of the ratios within each round with its range.
pub(super) fn table(title: &str, contenders: &[Contender]) -> String {
    let mut text = format!("| {title} | seconds | ratio to its peer | peak memory |\n|---|---|---|---|\n");
    for contender in contenders {
        let seconds = median(contender.runs.iter().map(|run| run.seconds).collect());
        let peak = contender.runs.iter().map(|run| run.peak).max().unwrap_or(0) / 1_000_000;
        let peer = &contenders[contender.peer];
        let ratio = if std::ptr::eq(peer, contender) {
            "1".to_owned()
        } else {
            let ratios: Vec<f64> = contender
                .runs
                .iter()
                .zip(&peer.runs)
                .map(|(own, other)| own.seconds / other.seconds)
                .collect();
            let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let high = ratios.iter().copied().fold(0.0, f64::max);
            format!("{:.2} ({low:.2} to {high:.2}) of {}", median(ratios), peer.name)
        };
        let _ = writeln!(text, "| {} | {seconds:.2} | {ratio} | {peak} MB |", contender.name);
    }
    text
}

fn median(mut values: Vec<f64>) -> f64 {
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
    std::fs::write(&path, replaced(&before, name, &section))
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

    fn contender(name: &str, peer: usize, seconds: &[f64]) -> Contender {
        let runs = seconds.iter().map(|seconds| Run { seconds: *seconds, peak: 12_000_000 }).collect();
        Contender { name: name.to_owned(), peer, runs }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let text =
            table("x", &[contender("floor", 0, &[1.0, 2.0, 4.0]), contender("ours", 0, &[3.0, 4.0, 8.0])]);
        assert!(text.contains("| floor | 2.00 | 1 | 12 MB |"), "{text}");
        assert!(text.contains("| ours | 4.00 | 2.00 (2.00 to 3.00) of floor | 12 MB |"), "{text}");
    }

    #[test]
    fn a_section_takes_the_place_of_the_old_one() {
        let one = replaced("", "b", "## b\n\nold");
        let two = replaced(&one, "a", "## a\n\nfirst");
        assert_eq!(replaced(&two, "b", "## b\n\nnew\n"), format!("{HEAD}\n## a\n\nfirst\n\n## b\n\nnew\n"));
    }
}
