//! Where an output goes: to stdout as it comes, or into a file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// An output.
pub struct Output(Kind);

enum Kind {
    /// Stdout, or what is no regular file: a device, a pipe.
    Direct(BufWriter<Box<dyn Write + Send>>),
    File {
        writer: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
}

impl Output {
    /// Stdout.
    pub fn stdout() -> Self {
        Self::direct(io::stdout())
    }

    fn direct(writer: impl Write + Send + 'static) -> Self {
        Self(Kind::Direct(BufWriter::with_capacity(BUFFER, Box::new(writer))))
    }

    /// A file. It has its name only after [`Output::finish`]; until then it stands beside it, readable by its owner
    /// alone, with a name that begins with `.roster-` and ends in `.part`. A link stays, and leads to the new file; a
    /// device or a pipe is written as it is.
    pub fn file(path: &Path) -> io::Result<Self> {
        let path = match fs::metadata(path) {
            Ok(there) if there.is_file() => fs::canonicalize(path)?,
            Ok(there) if !there.is_dir() => {
                return Ok(Self::direct(File::options().write(true).open(path)?));
            }
            Ok(_) => return Err(io::ErrorKind::IsADirectory.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => match fs::read_link(path) {
                Ok(target) => return Self::file(&path.parent().unwrap_or(path).join(target)),
                Err(_) => path.to_owned(),
            },
        };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".roster-")
            .suffix(".part")
            .tempfile_in(directory.unwrap_or_else(|| Path::new(".")))?;
        let writer = BufWriter::with_capacity(BUFFER, file);
        Ok(Self(Kind::File { writer, path }))
    }

    /// Writes the rest, and gives a file its name once it is on the disk. An error leaves what was there before.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Kind::Direct(mut writer) => writer.flush(),
            Kind::File { writer, path } => {
                let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|failed| failed.error)?;
                sync_directory(&path)
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Direct(writer) => writer.write(bytes),
            Kind::File { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Direct(writer) => writer.flush(),
            Kind::File { writer, .. } => writer.flush(),
        }
    }
}

/// Has the name of a file survive a power cut too.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
