//! The terminal: how wide it is, and what is typed without being shown.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::ClientError;
use crate::config::Credential;

/// Most bytes of a line that a terminal hands over (`MAX_CANON` of Linux); it drops the rest without a word.
const LINE_MAX: usize = 4095;
/// Most bytes that are read from elsewhere.
const INPUT_MAX: u64 = 64 << 10;

/// Where stdout goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Whether it is a terminal.
    pub terminal: bool,
    /// How many columns the terminal has, if it knows.
    pub width: Option<u16>,
}

impl Screen {
    /// The screen of this process.
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let size = terminal.then(|| tcgetwinsize(&stdout).ok()).flatten();
        Self { terminal, width: size.map(|size| size.ws_col).filter(|columns| *columns > 0) }
    }
}

/// Has a terminal show nothing of what is typed until this value goes away.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Reads a token: a line that is typed and not shown, or all of stdin when it is no terminal.
///
/// # Errors
///
/// There is no token. Nothing of what was read is repeated.
pub async fn read_token(prompt: &str) -> Result<Credential, ClientError> {
    let typed = io::stdin().is_terminal();
    let hidden = if typed { Some(Hidden::begin().map_err(unreadable)?) } else { None };
    if typed {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A thread of its own, which a signal need not wait for: nothing interrupts the reading of a terminal.
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut stdin = io::stdin().lock();
        let read =
            if typed { stdin.read_line(&mut text) } else { stdin.take(INPUT_MAX).read_to_string(&mut text) };
        // Whoever waited may have gone away.
        let _ = sender.send(read.map(|_| text));
    });
    let read = receiver.await;
    drop(hidden);
    let text = read.map_err(|_| ClientError::usage("stdin cannot be read"))?.map_err(unreadable)?;
    if typed && text.len() >= LINE_MAX {
        return Err(ClientError::usage(
            "the token is too long to be typed: put it into a file, and stdin from it",
        ));
    }
    Credential::token(&text).map_err(|problem| ClientError::usage(format!("the token on stdin {problem}")))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the last that is done with it")]
fn unreadable(error: io::Error) -> ClientError {
    ClientError::usage(format!("stdin cannot be read: {error}"))
}
