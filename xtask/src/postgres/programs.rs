//! Where PostgreSQL's server programs are.

use std::path::{Path, PathBuf};

use crate::apt;
use crate::shell::{self, Failure};

const PROGRAMS: &[&str] = &["initdb", "pg_ctl", "postgres"];

/// The directory of PostgreSQL's server programs, installed if it is missing and this may install.
///
/// # Errors
/// They are missing; the message says how to get them.
pub(crate) fn find_or_install() -> Result<PathBuf, Failure> {
    if let Some(bin) = find() {
        return Ok(bin);
    }
    if apt::may_install() {
        apt::install(&["postgresql"])?;
    }
    find().ok_or_else(|| {
        Failure::missing(
            "PostgreSQL's server programs (initdb, pg_ctl, postgres) are missing: install them \
             (Debian: apt-get install postgresql) or name a server in ROSTER_TEST_POSTGRES_URL",
        )
    })
}

/// The directory of PostgreSQL's server programs: in `PATH`, the newest where distributions put
/// them beside each other, or the one that `pg_config` names.
pub(crate) fn find() -> Option<PathBuf> {
    shell::find_in_path(PROGRAMS)
        .map(|bin| behind_links(&bin).unwrap_or(bin))
        .or_else(|| newest(Path::new("/usr/lib/postgresql"), ""))
        .or_else(|| newest(Path::new("/usr"), "pgsql-"))
        .or_else(|| {
            let bin = PathBuf::from(shell::ask("pg_config", &["--bindir"])?);
            shell::has_programs(&bin, PROGRAMS).then_some(bin)
        })
}

/// Where the links in a directory like `/usr/local/bin` lead: there the other programs are too.
fn behind_links(bin: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(bin.join("initdb")).ok()?.parent()?.to_path_buf();
    shell::has_programs(&real, PROGRAMS).then_some(real)
}

/// The `bin` of the highest version among `parent/PREFIXversion/`.
fn newest(parent: &Path, prefix: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir(parent).ok()?.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
        let bin = entry.path().join("bin");
        shell::has_programs(&bin, PROGRAMS).then_some((version, bin))
    });
    versions.max_by_key(|(version, _)| *version).map(|(_, bin)| bin)
}
