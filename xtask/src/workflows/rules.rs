//! Rules that actionlint does not have: what a workflow may do, and whose code it runs.
//!
//! They read lines, not YAML: the workflows are written in one style, and a line that leaves it is refused.

/// The rules that a workflow's text breaks, as `line: what`.
pub(super) fn broken(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut broken: Vec<(usize, &str)> = Vec::new();
    if !lines.contains(&"permissions: {}") {
        broken.push((0, "no line `permissions: {}` at the top; each job says what it may do"));
    }
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start().trim_start_matches("- ");
        if let Some(action) = code.strip_prefix("uses:").map(str::trim) {
            if !is_pinned(action) {
                broken.push((at, "an action is named by its commit, with its version as a comment"));
            }
            if action.starts_with("actions/checkout@")
                && !step(&lines, at).contains("persist-credentials: false")
            {
                broken.push((at, "a checkout leaves no token behind: persist-credentials: false"));
            }
        }
    }
    broken.extend(shell_expressions(&lines));
    for (at, job) in jobs(&lines) {
        let says = |key: &str| job.iter().any(|line| line.starts_with(&format!("    {key}:")));
        if !says("permissions") {
            broken.push((at, "a job says what it may do: permissions"));
        }
        if !says("timeout-minutes") && !says("uses") {
            broken.push((at, "a job ends by itself: timeout-minutes"));
        }
    }
    broken.sort_unstable();
    broken.into_iter().map(|(at, what)| format!("{}: {what}", at + 1)).collect()
}

/// `owner/name@COMMIT # vN.N.N`, or a workflow of this repository.
fn is_pinned(action: &str) -> bool {
    if action.starts_with("./") {
        return true;
    }
    let Some((name, version)) = action.split_once(" # v") else { return false };
    let numbers: Vec<&str> = version.split('.').collect();
    let Some((_, commit)) = name.split_once('@') else { return false };
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    commit.len() == 40
        && commit.chars().all(hexadecimal)
        && numbers.len() == 3
        && numbers.iter().all(|number| number.parse::<u32>().is_ok())
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The text of the step that has a line.
fn step(lines: &[&str], at: usize) -> String {
    let column = lines[at].find("uses:").unwrap_or_default();
    let rest = lines[at + 1..].iter().take_while(|line| indent(line) >= column || line.trim().is_empty());
    rest.copied().collect::<Vec<_>>().join("\n")
}

/// Lines of shell that an expression is pasted into: what it holds would be run.
fn shell_expressions(lines: &[&str]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut column = None;
    for (at, line) in lines.iter().enumerate() {
        if column.is_some_and(|column| !line.trim().is_empty() && indent(line) <= column) {
            column = None;
        }
        if line.trim_start().trim_start_matches("- ").starts_with("run:") {
            column = line.find("run:");
        }
        if column.is_some() && line.contains("${{") {
            found.push((at, "shell takes a value from its environment, not from an expression"));
        }
    }
    found
}

/// The jobs: the index of a job's first line, and its lines.
fn jobs<'a>(lines: &'a [&'a str]) -> Vec<(usize, &'a [&'a str])> {
    let start = lines.iter().position(|line| *line == "jobs:").map_or(lines.len(), |at| at + 1);
    let names: Vec<usize> = (start..lines.len())
        .filter(|at| indent(lines[*at]) == 2 && !lines[*at].trim().starts_with('#'))
        .collect();
    let ends = names.iter().skip(1).copied().chain([lines.len()]);
    names.iter().zip(ends).map(|(from, to)| (*from, &lines[*from..to])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "\
name: fine
permissions: {}
jobs:
  # What it is for.
  one:
    permissions:
      contents: read
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v6.0.2
        with:
          persist-credentials: false
      - name: Say it
        env:
          REF: ${{ github.ref }}
        run: |
          echo \"$REF\"
      - run: echo done
        env:
          REF: ${{ github.ref }}
  two:
    permissions:
      contents: read
    uses: ./.github/workflows/other.yml
";

    fn without(line: &str) -> Vec<String> {
        assert!(FINE.contains(line), "{line}");
        broken(&FINE.replacen(line, "", 1))
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        assert_eq!(broken(FINE), Vec::<String>::new());
        assert_eq!(without("permissions: {}\n")[0].split(':').next(), Some("1"));
        assert_eq!(without(" # v6.0.2").len(), 1);
        assert_eq!(without("01234567 # v6.0.2").len(), 1);
        assert_eq!(
            without("          persist-credentials: false\n"),
            ["10: a checkout leaves no token behind: persist-credentials: false"]
        );
        assert_eq!(without("    timeout-minutes: 5\n"), ["5: a job ends by itself: timeout-minutes"]);
        assert_eq!(without("    permissions:\n").len(), 1);
    }

    #[test]
    fn expressions_are_seen_in_shell_alone() {
        let pasted = FINE.replace("echo \"$REF\"", "echo ${{ github.ref }}");
        assert_eq!(broken(&pasted), ["17: shell takes a value from its environment, not from an expression"]);
        let inline = FINE.replace("echo done", "echo ${{ github.sha }}");
        assert_eq!(broken(&inline).len(), 1);
    }

    #[test]
    fn a_pin_is_a_commit_and_a_version() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert!(is_pinned("./.github/workflows/ci.yml"));
        assert!(is_pinned(&format!("a/b@{commit} # v1.2.3")));
        assert!(!is_pinned(&format!("a/b@{commit} # v1")));
        assert!(!is_pinned("a/b@v1.2.3 # v1.2.3"));
        assert!(!is_pinned("docker://alpine"));
    }
}
