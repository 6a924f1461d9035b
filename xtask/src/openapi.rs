//! `cargo xtask openapi`: the contract that is kept in the repository is the one that the program serves.

use crate::shell::{self, Failure, Workspace, say};

/// Writes `openapi.json`, or with `check` says where it differs from the program's.
///
/// # Errors
/// The program does not build or run; with `check`, the file differs.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<(), Failure> {
    let mut command = workspace.cargo(&["run", "--quiet", "--locked", "--bin", "roster", "--", "openapi"]);
    let wanted = shell::stdout_of(&mut command)?;
    let path = workspace.root.join("openapi.json");
    let have = std::fs::read(&path).unwrap_or_default();
    if have == wanted {
        say("openapi.json is the program's");
        return Ok(());
    }
    if check {
        return Err(Failure::new(format!(
            "openapi.json differs from the program's from line {} on: run `cargo xtask openapi`",
            first_difference(&have, &wanted)
        )));
    }
    std::fs::write(&path, wanted).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    say("openapi.json written");
    Ok(())
}

/// The number of the first line that is not the same, from 1.
fn first_difference(left: &[u8], right: &[u8]) -> usize {
    let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (left, right) = (lines(left), lines(right));
    left.iter().zip(&right).take_while(|(left, right)| left == right).count() + 1
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference(b"", b"{\n}\n"), 1);
        assert_eq!(first_difference(b"{\n\"a\": 1\n}\n", b"{\n\"a\": 2\n}\n"), 2);
        assert_eq!(first_difference(b"{\n}", b"{\n}\n"), 3);
    }
}
