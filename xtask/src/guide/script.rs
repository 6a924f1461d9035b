//! A chapter as one script: what a block sets, changes or starts is there for the next one, as in a terminal.

use std::fmt::Write as _;
use std::io::Result;
use std::path::{Path, PathBuf};

use super::chapter::Chapter;

/// Where the stdout of a step is kept.
pub(super) fn output(directory: &Path, step: usize) -> PathBuf {
    directory.join(format!("{step}.out"))
}

/// Writes `chapter.sh` and a file for each step. The script stops at the first command that fails, and then runs
/// those steps which undo.
pub(super) fn write(chapter: &Chapter, directory: &Path) -> Result<()> {
    let mut script = String::from(
        "set -euo pipefail\n\
         exec 3>&1 </dev/null\n\
         stopped() {\n  echo \"-- stopped in: $BASH_COMMAND\" >&3\n  exit 130\n}\n\
         undo() {\n  status=$?\n  trap - EXIT\n  if [ $status != 0 ]; then\n    \
         echo \"-- failed with exit code $status; undoing\" >&3\n    exec >&3\n    set +euo pipefail\n",
    );
    let place = |step: usize| quoted(&directory.join(format!("{step}.sh")));
    for (step, _) in chapter.steps.iter().enumerate().filter(|(_, step)| step.undoes) {
        let _ = writeln!(script, "    . {}", place(step));
    }
    script.push_str("  fi\n  exit $status\n}\ntrap undo EXIT\ntrap 'stopped' INT TERM\n");
    for (index, step) in chapter.steps.iter().enumerate() {
        std::fs::write(directory.join(format!("{index}.sh")), &step.commands)?;
        let out = quoted(&output(directory, index));
        let line = step.line;
        let _ = write!(
            script,
            "printf -- '-- line %s, second %s\\n' {line} $SECONDS >&3\nsed 's/^/  $ /' {place} >&3\nexec >{out}\n\
             . {place}\nexec >&3\ncat {out}\n",
            place = place(index)
        );
    }
    std::fs::write(directory.join("chapter.sh"), script)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(page: &str, name: &str) -> (bool, String) {
        let directory = std::env::temp_dir().join(format!("guide-{name}-{}", std::process::id()));
        assert!(std::fs::create_dir_all(&directory).is_ok());
        let written = Chapter::read(page, &[]).map(|chapter| write(&chapter, &directory));
        assert!(written.is_ok_and(|result| result.is_ok()));
        let output = Command::new("bash").arg(directory.join("chapter.sh")).output();
        let _ = std::fs::remove_dir_all(&directory);
        output.map_or((false, String::new()), |output| {
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        })
    }

    #[test]
    fn steps_share_a_shell() {
        let (ok, out) = run("```sh\none=1\ncd /\n```\n```sh\necho $one $PWD\n```\n", "shared");
        assert!(ok && out.contains("\n1 /\n"), "{out}");
    }

    #[test]
    fn a_failure_ends_the_chapter_and_undoes_it() {
        let page = "```sh\nname=x\nfalse\n```\n```sh\necho not reached\n```\n## Undo\n```sh\necho undone $name\n```\n";
        let (ok, out) = run(page, "failed");
        assert!(!ok && out.contains("undone x") && !out.contains("\nnot reached"), "{out}");
    }
}
