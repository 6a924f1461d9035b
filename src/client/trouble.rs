//! Attempts that came to nothing, and what that means for another one.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::answer::Answer;
use super::retry;
use super::text::visible;

/// Why an attempt came to nothing, where another might succeed.
#[derive(Debug)]
pub(super) struct Trouble {
    /// In one line.
    pub(super) why: String,
    /// Whether the server may have done it nevertheless.
    pub(super) doubtful: bool,
    /// Whether another attempt would fail alike.
    pub(super) lasting: bool,
    /// How long the server wants to be left alone.
    pub(super) pause: Option<Duration>,
}

impl Trouble {
    /// Of a request without an answer, or with one that broke off. What never was connected was never asked.
    pub(super) fn of_transport(error: &reqwest::Error, timeout: Duration) -> Self {
        let handshake = tls_problem(error);
        let why = match handshake {
            Some(problem @ rustls::Error::InvalidCertificate(_)) => {
                format!("the connection is not secure: {problem}; --ca-file names an authority of your own")
            }
            Some(problem) => format!("the connection is not secure: {problem}"),
            None if error.is_timeout() => format!("there was no answer within {timeout:?}"),
            None => deepest(error),
        };
        let lasting = handshake.is_some() || error.is_builder();
        Self { why: visible(&why).into_owned(), doubtful: !error.is_connect(), lasting, pause: None }
    }

    /// Of an answer that is larger than any of Roster's.
    pub(super) fn too_large(most: usize) -> Self {
        let why = format!("the answer has more than {} MiB, which none of Roster's has", most >> 20);
        Self { why, doubtful: true, lasting: true, pause: None }
    }

    /// Of an answer that says "not now"; `None` when it says something else. `now` is in microseconds since
    /// 1970-01-01 UTC.
    pub(super) fn of_answer(answer: &Answer, now: i64) -> Option<Self> {
        let problem = answer.problem();
        let slug = problem.as_ref().and_then(|problem| problem.slug.as_deref());
        let doubtful = match (answer.status, slug) {
            (503, Some("outcome-unknown")) | (409, Some("idempotency-key-running")) | (502 | 504, _) => true,
            (429 | 503, _) => false,
            _ => return None,
        };
        let pause = answer.header("retry-after").and_then(|value| retry::asked(value, now));
        Some(Self { why: answer.line(), doubtful, lasting: false, pause })
    }
}

/// What is wrong with a certificate or the rest of TLS.
fn tls_problem<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    if let Some(problem) = error.downcast_ref() {
        return Some(problem);
    }
    // An io::Error passes over what it wraps when it is asked for its source.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => tls_problem(wrapped),
        None => tls_problem(error.source()?),
    }
}

/// The first cause of an error, which is what people need to know.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    // The address is told anyway, and this text would repeat it.
    text.split(" for url (").next().unwrap_or_default().to_owned()
}
