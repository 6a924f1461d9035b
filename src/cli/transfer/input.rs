//! What an import reads.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::named;
use crate::cli::Failure;
use crate::config::ImportConfig;

/// The input, and its size in bytes when it has one.
pub(super) fn open_input(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = named(path, File::open(path))?;
    let kind = named(path, file.metadata())?;
    if kind.is_dir() {
        return Err(format!("{}: is a directory", path.display()).into());
    }
    Ok((Box::new(file), kind.is_file().then_some(kind.len())))
}

/// The file of the refused rows takes the place of one that is there: it must not be what is read.
pub(super) fn refuse_same(config: &ImportConfig) -> Result<(), Failure> {
    let file =
        |path: &Path| path.metadata().ok().filter(Metadata::is_file).map(|file| (file.dev(), file.ino()));
    match &config.errors {
        Some(errors) if file(errors).is_some_and(|kept| file(&config.input) == Some(kept)) => {
            Err(format!("--errors: {} is the input", errors.display()).into())
        }
        _ => Ok(()),
    }
}

/// Counts what is read.
pub(super) struct Counted {
    pub(super) input: Box<dyn Read + Send>,
    pub(super) read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
