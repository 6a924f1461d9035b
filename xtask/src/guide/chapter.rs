//! The blocks of commands in a chapter, and what it shows of their output.

/// A chapter, as far as it is run.
pub(super) struct Chapter {
    pub(super) steps: Vec<Step>,
}

/// One block of commands.
pub(super) struct Step {
    /// Line of the block's first command, from 1.
    pub(super) line: usize,
    pub(super) commands: String,
    /// Whether it stands below a heading that begins with "Undo": it runs even after a failure.
    pub(super) undoes: bool,
    pub(super) shown: Option<Shown>,
}

/// What the block's commands print on stdout.
pub(super) struct Shown {
    /// Line of its first line, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// What has been read of a block so far.
struct Open {
    kind: String,
    line: usize,
    text: String,
}

impl Chapter {
    /// Reads the `sh` blocks, and the `text` or `json` block that directly follows one as its output. Commands at
    /// the beginning of a line that `replacements` names are exchanged.
    ///
    /// # Errors
    /// A block does not end; the text begins with its line.
    pub(super) fn read(text: &str, replacements: &[(&'static str, String)]) -> Result<Self, String> {
        let mut chapter = Self { steps: Vec::new() };
        let (mut open, mut undoes, mut follows): (Option<Open>, bool, bool) = (None, false, false);
        for (index, line) in text.lines().enumerate() {
            match &mut open {
                Some(block) if line.trim_end() == "```" => {
                    follows = chapter.add(block, undoes, follows);
                    open = None;
                }
                Some(block) => {
                    let line =
                        if block.kind == "sh" { exchange(line, replacements) } else { line.to_owned() };
                    block.text.push_str(&line);
                    block.text.push('\n');
                }
                None => {
                    if let Some(kind) = line.strip_prefix("```") {
                        open =
                            Some(Open { kind: kind.trim().to_owned(), line: index + 2, text: String::new() });
                    } else if !line.trim().is_empty() {
                        follows = false;
                        if let Some(heading) = line.strip_prefix('#') {
                            undoes = heading.trim_start_matches('#').trim_start().starts_with("Undo");
                        }
                    }
                }
            }
        }
        open.map_or(Ok(chapter), |block| Err(format!("{}: a block without an end", block.line - 1)))
    }

    /// Takes a block in; returns whether the next one may be its output.
    fn add(&mut self, block: &Open, undoes: bool, follows: bool) -> bool {
        match block.kind.as_str() {
            "sh" => {
                self.steps.push(Step { line: block.line, commands: block.text.clone(), undoes, shown: None });
                true
            }
            "text" | "json" if follows => {
                if let Some(step) = self.steps.last_mut() {
                    step.shown = Some(Shown { line: block.line, text: block.text.clone() });
                }
                false
            }
            _ => false,
        }
    }
}

fn exchange(line: &str, replacements: &[(&'static str, String)]) -> String {
    let found = replacements.iter().find_map(|(shown, other)| {
        let rest = line.trim_start().strip_prefix(shown)?;
        rest.starts_with(' ').then(|| format!("{other}{rest}"))
    });
    found.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n```sh\necho a\n```\n\n```text\na\n```\n\n```text\nnot an output\n```\n\n\
                        ```sh\nload one two\n```\nprose\n```json\n{}\n```\n## Undo it\n```sh\nrm a\n```\n";

    #[test]
    fn commands_and_what_follows_them() {
        let replacements = [("load", "put --here".to_owned())];
        let steps = Chapter::read(PAGE, &replacements).map(|chapter| chapter.steps).unwrap_or_default();
        let told: Vec<_> = steps
            .iter()
            .map(|step| {
                let shown = step.shown.as_ref().map(|shown| (shown.line, shown.text.as_str()));
                (step.line, step.commands.as_str(), step.undoes, shown)
            })
            .collect();
        assert_eq!(
            told,
            [
                (4, "echo a\n", false, Some((8, "a\n"))),
                (16, "put --here one two\n", false, None),
                (24, "rm a\n", true, None)
            ]
        );
    }

    #[test]
    fn a_block_without_an_end_is_told() {
        assert_eq!(Chapter::read("```sh\necho\n", &[]).err().as_deref(), Some("1: a block without an end"));
    }
}
