//! One client.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::Options;
use super::connection::Connection;
use super::count::{Event, quoted};

/// A pause after a failure, so that a refused connection is not asked for a thousand times a second.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

pub(super) struct Client<'a> {
    options: &'a Options,
    number: usize,
    events: Sender<Event>,
    /// State of the pauses' generator.
    random: u64,
    kept: Option<Connection>,
}

impl<'a> Client<'a> {
    pub(super) fn new(options: &'a Options, number: usize, events: Sender<Event>) -> Self {
        Self { options, number, events, random: number as u64 + 1, kept: None }
    }

    /// Sends one request after the other until `end`.
    pub(super) fn run(mut self, end: Instant) {
        let mut sequence = 0;
        while Instant::now() < end {
            let start = Instant::now();
            let failed = self.request(sequence).err();
            let pause = if failed.is_some() { AFTER_FAILURE } else { self.pause() };
            let event = Event { client: self.number, sequence, took: start.elapsed(), failed };
            if self.events.send(event).is_err() {
                return;
            }
            sequence += 1;
            std::thread::sleep(pause);
        }
    }

    fn request(&mut self, sequence: u64) -> Result<(), String> {
        let kept = self.kept.take().filter(Connection::is_open);
        let mut connection = match kept {
            Some(open) => open,
            None => Connection::open(&self.options.address).map_err(|error| format!("connect: {error}"))?,
        };
        let answer = connection.ask(&self.text(sequence)).map_err(|error| format!("exchange: {error}"))?;
        if !answer.closes {
            self.kept = Some(connection);
        }
        let wanted = if self.options.get.is_some() { 200 } else { 201 };
        if answer.status == wanted { Ok(()) } else { Err(format!("{} {}", answer.status, answer.body)) }
    }

    fn text(&self, sequence: u64) -> String {
        let Options { host, token, get, prefix, .. } = self.options;
        let token =
            token.as_ref().map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        if let Some(path) = get {
            return format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}\r\n");
        }
        let body = format!("{{\"name\":{}}}", quoted(&format!("{prefix}-{}-{sequence}", self.number)));
        format!(
            "POST /users HTTP/1.1\r\nHost: {host}\r\n{token}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// None in three of ten cases, else anything below the longest (xorshift64).
    fn pause(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let think = u64::try_from(self.options.think.as_millis()).unwrap_or(u64::MAX);
        let pause = if self.random % 10 < 3 { 0 } else { (self.random >> 8) % (think + 1) };
        Duration::from_millis(pause)
    }
}
