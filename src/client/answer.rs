//! What a server answered.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::text::{shortened, visible};
use super::{ClientError, ErrorKind};

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The name that the status has by its standard.
    pub(super) reason: Option<&'static str>,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether an earlier attempt of the same request may have been carried out.
    pub doubtful: bool,
}

impl Answer {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|_| {
            ClientError::usage(
                "what answers there is not Roster, or another release: its answer is not understood",
            )
        })
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        Problem::read(self.header("content-type"), &self.body)
    }

    /// What the answer says, in one line.
    pub(super) fn line(&self) -> String {
        let said = self.problem().map_or_else(|| self.status_line(), |problem| problem.line);
        let id = self.header("x-request-id").filter(|_| self.status >= 500);
        match id.filter(|id| id.len() <= 128) {
            Some(id) => format!("{said} (request {})", visible(id)),
            None => said,
        }
    }

    fn status_line(&self) -> String {
        format!("the server answered {} {}", self.status, self.reason.unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    /// The error that an answer with another status than the wanted one is. `with_token` tells whether a token was
    /// sent.
    pub(super) fn refusal(&self, with_token: bool) -> ClientError {
        let line = self.line();
        match self.status {
            200..=299 => ClientError::usage(format!("{}, which Roster does not do here", self.status_line())),
            300..=399 => {
                let place = self.header("location").unwrap_or("another place");
                let place = visible(&shortened(place, 500)).into_owned();
                ClientError::usage(format!(
                    "the server sends requests on to {place}, and this program follows nobody, since a token is for \
                     one address: name the right one"
                ))
            }
            401 if with_token => {
                ClientError::new(ErrorKind::Refused, format!("the token is not accepted: {line}"))
            }
            401 => {
                let message = format!("{line}; there is no token: set ROSTER_TOKEN, or use roster login");
                ClientError::new(ErrorKind::Refused, message)
            }
            403 => ClientError::new(ErrorKind::Refused, line),
            404 => match self.problem().and_then(|problem| problem.slug).as_deref() {
                Some("not-found") => ClientError::new(ErrorKind::No, line),
                Some("no-such-path") => {
                    ClientError::usage(format!("{line}: the address is not that of Roster's API"))
                }
                _ => ClientError::usage(line),
            },
            409 | 412 => ClientError::new(ErrorKind::Conflict, line),
            408 | 429 | 500.. => ClientError::new(ErrorKind::Unavailable, line),
            _ => ClientError::usage(line),
        }
    }
}
