//! What a chapter shows, against what its commands printed.

use std::path::Path;

use super::chapter::Chapter;
use super::script;

/// Stands for anything within a line, or as a line of its own for any number of lines.
const ANYTHING: &str = "…";

/// One text for each block that is not as shown, beginning with its line. Blocks that did not run are left out.
pub(super) fn all(chapter: &Chapter, directory: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for (index, step) in chapter.steps.iter().enumerate() {
        let Some(shown) = &step.shown else { continue };
        let Ok(printed) = std::fs::read_to_string(script::output(directory, index)) else { continue };
        let (wanted, got): (Vec<&str>, Vec<&str>) = (lines(&shown.text), lines(&printed));
        if !same_lines(&wanted, &got) {
            broken.push(format!(
                "{}: shown\n{}\nbut printed\n{}",
                shown.line,
                wanted.join("\n"),
                got.join("\n")
            ));
        }
    }
    broken
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

fn same_lines(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == ANYTHING => {
            (0..=printed.len()).any(|skipped| same_lines(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, others)| same(first, line) && same_lines(rest, others))
        }
    }
}

fn same(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|start| printed.strip_prefix(start)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_anything_in_a_line() {
        assert!(same("a…c", "abc") && same("a…", "a") && same("…", "") && same("a…b…c", "a1b2c"));
        assert!(!same("a…c", "ab") && !same("ab", "abc") && !same("a…b…c", "ac") && !same("x…", "ax"));
        assert!(same("{\"id\":…,\"name\":\"Ada\"}", "{\"id\":7,\"name\":\"Ada\"}"));
    }

    #[test]
    fn a_line_of_dots_stands_for_lines() {
        assert!(
            same_lines(&["a", "…", "z"], &["a", "z"]) && same_lines(&["a", "…", "z"], &["a", "b", "c", "z"])
        );
        assert!(
            same_lines(&["…", "z"], &["z"]) && !same_lines(&["a", "…"], &["b"]) && !same_lines(&[], &["a"])
        );
    }
}
