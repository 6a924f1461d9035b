//! `cargo xtask guide`: every command of a chapter of docs/guide, run as it stands there, and what it prints
//! compared with what the chapter shows.

mod chapter;
mod compare;
mod limit;
mod script;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shell::{self, Failure, Workspace, say, warn};
use chapter::Chapter;

const DIRECTORY: &str = "docs/guide";
/// The most that a chapter may take.
const LIMIT: Duration = Duration::from_mins(30);
/// What it may take to undo, when that is over.
const GRACE: Duration = Duration::from_mins(5);

/// Commands of the guide that another cluster than the one shown needs otherwise, and the setting that says how.
const REPLACEABLE: [(&str, &str); 1] = [("kind load docker-image", "ROSTER_TEST_LOAD_IMAGE")];

/// Runs one chapter, or lists them.
///
/// # Errors
/// There is no such chapter, a command of it fails or takes too long, or it prints something else than is shown.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    match args {
        [] => {
            say(&names(workspace)?.join("\n"));
            Ok(())
        }
        [name] => chapter(workspace, name),
        _ => Err(Failure::usage("usage: cargo xtask guide [CHAPTER]")),
    }
}

/// Runs the chapter with this name: its file's, without the number before and `.md` after it.
///
/// # Errors
/// As [`run`].
pub(crate) fn chapter(workspace: &Workspace, name: &str) -> Result<(), Failure> {
    let known = names(workspace)?;
    let file = known.iter().find(|file| *file == name || short(file) == name).ok_or_else(|| {
        Failure::usage(format!("no chapter {name:?} in {DIRECTORY}; there are {}", known.join(", ")))
    })?;
    let path = format!("{DIRECTORY}/{file}.md");
    let text = std::fs::read_to_string(workspace.root.join(&path))
        .map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let chapter =
        Chapter::read(&text, &replacements()).map_err(|what| Failure::new(format!("{path}:{what}")))?;
    say(&format!("== guide: {path}, {} blocks of commands", chapter.steps.len()));
    let directory = fresh(workspace, file)?;
    let script = directory.join("chapter.sh");
    script::write(&chapter, &directory).map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let mut bash = Command::new("bash");
    bash.arg(&script).current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
    shell::without_settings(&mut bash);
    let ended = limited(&mut bash, &chapter, &directory, &path);
    let broken = compare::all(&chapter, &directory);
    for line in &broken {
        warn(&format!("{path}:{line}"));
    }
    ended?;
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("{path} shows what is not so"))) }
}

/// Runs the chapter's shell, and says where it was when its time was up.
fn limited(bash: &mut Command, chapter: &Chapter, directory: &Path, path: &str) -> Result<(), Failure> {
    let ended = match limit::run(bash, LIMIT, GRACE)? {
        limit::Ended::Itself(status) if status.success() => return Ok(()),
        limit::Ended::Itself(status) => format!("{status}"),
        limit::Ended::Stopped => format!("not done within {} minutes", LIMIT.as_secs() / 60),
    };
    // The output of a step is made when the step begins.
    let begun = (0..chapter.steps.len()).rev().find(|step| script::output(directory, *step).exists());
    let line = begun.map_or(1, |step| chapter.steps[step].line);
    Err(Failure::new(format!("{path}:{line}: {ended}, in the block that begins here")))
}

/// The chapters' files, without `.md`, in order.
fn names(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let directory = workspace.root.join(DIRECTORY);
    let entries = std::fs::read_dir(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".md")?.to_owned()))
        .filter(|name| name != "README")
        .collect();
    names.sort();
    Ok(names)
}

/// `docker` of `2-docker`.
fn short(file: &str) -> &str {
    file.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('-')
}

fn replacements() -> Vec<(&'static str, String)> {
    let set =
        |(shown, setting)| Some((shown, std::env::var(setting).ok().filter(|value| !value.is_empty())?));
    REPLACEABLE.into_iter().filter_map(set).collect()
}

fn fresh(workspace: &Workspace, file: &str) -> Result<PathBuf, Failure> {
    let directory = workspace.target.join("guide").join(file);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_chapter_is_known_without_its_number() {
        assert_eq!(
            (short("2-docker"), short("10-workflow-code"), short("docker")),
            ("docker", "workflow-code", "docker")
        );
    }
}
