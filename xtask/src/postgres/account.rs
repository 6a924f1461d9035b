//! PostgreSQL refuses to run as root; then it runs as a user who may do little.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::shell::{self, Failure, Workspace};

/// Who runs PostgreSQL.
#[derive(Clone, Copy)]
pub(crate) enum Account {
    /// Whoever runs this.
    Own,
    /// Another user, since this is root.
    Other {
        /// The user's number.
        uid: u32,
        /// The user's group.
        gid: u32,
    },
}

impl Account {
    /// This user, or `postgres` or `nobody` when this is root.
    pub(crate) fn choose() -> Result<Self, Failure> {
        if !apt::is_root() {
            return Ok(Self::Own);
        }
        let number = |flag, name| shell::ask("id", &[flag, name])?.parse::<u32>().ok();
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self::Other { uid: number("-u", name)?, gid: number("-g", name)? }))
            .ok_or_else(|| Failure::missing("PostgreSQL does not run as root, and there is no user `nobody`"))
    }

    /// A command of this account, in a directory that it can enter.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        // A developer's PGDATA, PGPORT and the like would steer the server and its tools.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A directory for the server that this account can reach: `target/test-postgres`, or one in the
    /// system's temporary directory when `target` is closed to it (below `/root`, say).
    pub(crate) fn directory(self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let near = workspace.target.join("test-postgres");
        self.prepare(&near)?;
        if self.can_write(&near) {
            return Ok(near);
        }
        // The same for each run of a checkout, so that the next run finds what a killed one left.
        let far = std::env::temp_dir().join(format!("roster-test-postgres-{:016x}", fnv1a(&workspace.root)));
        self.prepare(&far)?;
        if self.can_write(&far) {
            return Ok(far);
        }
        Err(Failure::new(format!(
            "PostgreSQL's user can write neither {} nor {}",
            near.display(),
            far.display()
        )))
    }

    fn prepare(self, directory: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", directory.display()));
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(failed)?;
        let metadata = std::fs::symlink_metadata(directory).map_err(failed)?;
        if let Self::Other { uid, gid } = self {
            // In a temporary directory anybody may have put one there before.
            if !metadata.is_dir() || ![0, uid].contains(&metadata.uid()) {
                return Err(Failure::new(format!("{} is somebody else's: remove it", directory.display())));
            }
            chown(directory, Some(uid), Some(gid)).map_err(failed)?;
        }
        Ok(())
    }

    fn can_write(self, directory: &Path) -> bool {
        let script = "cd \"$1\" && test -w .";
        shell::succeeds(self.command(Path::new("/bin/sh")).args(["-c", script, "sh"]).arg(directory))
    }
}

/// A short name for a path that is the same in each run (FNV-1a, 64 bits).
fn fnv1a(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
