//! One JSON array of objects, taken apart element by element without looking into them: an element that is wrong
//! is one bad row, and only brackets, commas and the end of the input concern the whole.

use super::source::{ROW_BYTES_MAX, Source, TooLong};
use super::{Kept, ReadError, ReaderOptions, Record, Take, object};
use crate::model::user::FieldError;

pub(super) fn read(source: &mut Source, options: &ReaderOptions, take: Take<'_>) -> Result<(), ReadError> {
    let mut splitter = Splitter::default();
    let mut line = 1;
    while let Some(chunk) = source.chunk()? {
        let length = chunk.len();
        for byte in chunk {
            if let Some(element) = splitter.byte(*byte, line)?
                && !element.give(options, take)
            {
                return Ok(());
            }
            line += u64::from(*byte == b'\n');
        }
        source.skip(length);
    }
    if splitter.state == State::After {
        Ok(())
    } else {
        Err(wrong(line, "the input ends before the array does"))
    }
}

fn wrong(line: u64, detail: impl Into<String>) -> ReadError {
    ReadError::Content { line, detail: detail.into() }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    /// An element, or the end if there is none yet.
    First,
    Element,
    /// A comma, or the end.
    Between,
    /// An element, for there was a comma.
    Next,
    After,
}

/// An element as it stands in the input.
struct Element {
    line: u64,
    bytes: Vec<u8>,
    too_long: bool,
}

impl Element {
    fn give(self, options: &ReaderOptions, take: Take<'_>) -> bool {
        let row = if self.too_long {
            Err(vec![FieldError::new("", TooLong.to_string())])
        } else {
            object(&self.bytes, options)
        };
        let size = self.bytes.len();
        let kept = if options.keep { Kept::Row(self.bytes) } else { Kept::Nothing };
        take(Record { line: self.line, row, kept }, size)
    }
}

#[derive(Default)]
struct Splitter {
    state: State,
    bytes: Vec<u8>,
    too_long: bool,
    line: u64,
    /// Open brackets and braces of the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Takes one byte; gives the element that it ends.
    fn byte(&mut self, byte: u8, line: u64) -> Result<Option<Element>, ReadError> {
        if self.state == State::Element {
            return Ok(self.within(byte));
        }
        if byte.is_ascii_whitespace() {
            return Ok(None);
        }
        self.state = match (self.state, byte) {
            (State::Before, b'[') => State::First,
            (State::Before, _) => return Err(wrong(line, "a JSON array begins with [")),
            (State::First | State::Between, b']') => State::After,
            (State::Between, b',') => State::Next,
            (State::Between, _) => return Err(wrong(line, "a comma or ] is missing here")),
            (State::First | State::Next, b',' | b']') => {
                return Err(wrong(line, "an element is missing here"));
            }
            (State::After, _) => return Err(wrong(line, "something follows the array")),
            _ => {
                self.line = line;
                self.state = State::Element;
                return Ok(self.within(byte));
            }
        };
        Ok(None)
    }

    fn within(&mut self, byte: u8) -> Option<Element> {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                // The end of what is neither object nor array belongs to the array around it.
                b',' | b']' if self.depth == 0 => {
                    self.state = if byte == b',' { State::Next } else { State::After };
                    return Some(self.end());
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.too_long |= self.bytes.len() >= ROW_BYTES_MAX;
        if !self.too_long {
            self.bytes.push(byte);
        }
        if matches!(byte, b'}' | b']') && self.depth == 0 && !self.in_string {
            self.state = State::Between;
            return Some(self.end());
        }
        None
    }

    fn end(&mut self) -> Element {
        let bytes = std::mem::take(&mut self.bytes);
        Element { line: self.line, bytes, too_long: std::mem::take(&mut self.too_long) }
    }
}
