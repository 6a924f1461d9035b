//! The bytes of an input, counted, so that no row can be larger than is good.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use super::ReadError;

/// Most bytes of one row as it stands in the input.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// A buffered input without its byte-order mark.
pub(super) struct Source {
    input: BufReader<Box<dyn Read + Send>>,
    /// Bytes since the last row began.
    taken: Rc<Cell<usize>>,
    line: Rc<Cell<u64>>,
}

impl Source {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let (start, input) = with_first_line(input)?;
        let mut input = BufReader::with_capacity(BUFFER, Box::new(Cursor::new(start).chain(input)) as Box<_>);
        let start = input.fill_buf()?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            let detail = "the file is in UTF-16, and must be saved as UTF-8".to_owned();
            return Err(ReadError::Content { line: 1, detail });
        }
        if start.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        Ok(Self { input, taken: Rc::default(), line: Rc::new(Cell::new(1)) })
    }

    /// The first bytes: a whole line, unless it has more than fits.
    pub(super) fn start(&self) -> &[u8] {
        self.input.buffer()
    }

    /// The next bytes; `None` at the end of the input.
    pub(super) fn chunk(&mut self) -> io::Result<Option<&[u8]>> {
        let chunk = self.input.fill_buf()?;
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    /// Passes over bytes that were looked at.
    pub(super) fn skip(&mut self, count: usize) {
        self.input.consume(count);
    }

    /// A handle on the count of bytes and lines.
    pub(super) fn gauge(&self) -> Gauge {
        Gauge { taken: self.taken.clone(), line: self.line.clone() }
    }
}

/// Reads until the first line is there, by which the form of an input is told: a pipe may give it in pieces.
fn with_first_line(mut input: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut start = vec![0; BUFFER];
    let mut count = 0;
    while let Some(room) = start.get_mut(count..).filter(|room| !room.is_empty()) {
        let read = match input.read(room) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let line_ends = room.get(..read).unwrap_or_default().contains(&b'\n');
        count += read;
        if read == 0 || line_ends {
            break;
        }
    }
    start.truncate(count);
    Ok((start, input))
}

/// How much was read.
#[derive(Clone)]
pub(super) struct Gauge {
    taken: Rc<Cell<usize>>,
    line: Rc<Cell<u64>>,
}

impl Gauge {
    /// A row ends here.
    pub(super) fn row_ends(&self) {
        self.taken.set(0);
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line.get()
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken.get() > ROW_BYTES_MAX {
            return Err(io::Error::other(TooLong));
        }
        let count = self.input.read(out)?;
        let read = out.get(..count).unwrap_or_default();
        self.taken.set(self.taken.get() + count);
        let lines: u64 = read.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        self.line.set(self.line.get() + lines);
        Ok(count)
    }
}

/// A row has more than [`ROW_BYTES_MAX`] bytes.
#[derive(Debug)]
pub(super) struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the row that begins here has more than {ROW_BYTES_MAX} bytes; is a quote missing?")
    }
}

impl std::error::Error for TooLong {}

/// An error of reading, with the line of the row that it happened in.
pub(super) fn at_line(error: io::Error, line: u64) -> ReadError {
    let too_long = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooLong>);
    if too_long { ReadError::Content { line, detail: TooLong.to_string() } } else { ReadError::Io(error) }
}

/// One line, without its end; `None` at the end of the input. The rest of a line that is too long is skipped,
/// and the line is `Err`.
pub(super) fn next_line(source: &mut Source, line: &mut Vec<u8>) -> io::Result<Option<Result<(), TooLong>>> {
    line.clear();
    let mut any = false;
    let mut long = false;
    loop {
        let chunk = source.input.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        long |= line.len() + part.len() > ROW_BYTES_MAX;
        if !long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |end| end + 1);
        source.input.consume(used);
        if end.is_some() {
            source.line.set(source.line.get() + 1);
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(any.then_some(if long { Err(TooLong) } else { Ok(()) }))
}
