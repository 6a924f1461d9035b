//! `cargo xtask load`: clients that keep their connections, create users one after the other, and never send
//! anything twice. They show what a rollout, or a node that dies, costs those who call meanwhile.

mod client;
mod connection;
mod count;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::shell::{Failure, say};
use client::Client;
use count::{Count, Event};

const USAGE: &str = "usage: cargo xtask load URL [--clients N] [--seconds N] [--think MILLISECONDS] [--prefix NAME] \
                     [--host NAME] [--token-file FILE] [--get PATH]";

/// What to do, and for how long.
struct Options {
    /// `HOST:PORT` to connect to.
    address: String,
    /// The `Host` of the requests.
    host: String,
    clients: usize,
    seconds: u64,
    /// The longest pause of a client between two requests.
    think: Duration,
    /// What the names of the users begin with.
    prefix: String,
    token: Option<String>,
    /// A path to read, instead of creating users.
    get: Option<String>,
}

/// Puts load on a server and prints one JSON object a line: every second, and at the end, the counts so far; and
/// each request that failed. User `S` of client `C` is named `PREFIX-C-S`; the numbers in `acknowledged` say up to
/// which `S` (exclusively) a client has come, all of which were acknowledged except the failed ones.
///
/// # Errors
/// The usage is wrong. Failed requests are none.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let options = parse(args)?;
    let (events, received) = mpsc::channel();
    let start = Instant::now();
    let end = start + Duration::from_secs(options.seconds);
    std::thread::scope(|scope| {
        for number in 0..options.clients {
            let client = Client::new(&options, number, events.clone());
            scope.spawn(move || client.run(end));
        }
        drop(events);
        report(&received, &options, start);
    });
    Ok(())
}

fn report(received: &mpsc::Receiver<Event>, options: &Options, start: Instant) {
    let mut count = Count::new(options.clients);
    let mut next = start + Duration::from_secs(1);
    loop {
        match received.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(event) => {
                if let Some(line) = count.take(event, start, &options.prefix) {
                    say(&line);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                say(&count.line(start, false));
                next += Duration::from_secs(1);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    say(&count.line(start, true));
}

fn parse(args: &[String]) -> Result<Options, Failure> {
    let usage = || Failure::usage(USAGE);
    let (url, rest) = args.split_first().ok_or_else(usage)?;
    let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).ok_or_else(usage)?;
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut options = Options {
        address,
        host: authority.to_owned(),
        clients: 8,
        seconds: 10,
        think: Duration::from_millis(200),
        prefix: format!("load-{}", std::process::id()),
        token: None,
        get: None,
    };
    let mut rest = rest.iter();
    while let Some(arg) = rest.next() {
        let value = rest.next().ok_or_else(usage)?;
        let number = || {
            value.parse::<u64>().map_err(|_| Failure::usage(format!("{arg} takes a number, not {value:?}")))
        };
        match arg.as_str() {
            "--clients" => options.clients = usize::try_from(number()?).map_err(|_| usage())?.max(1),
            "--seconds" => options.seconds = number()?,
            "--think" => options.think = Duration::from_millis(number()?),
            "--prefix" => options.prefix.clone_from(value),
            "--host" => options.host.clone_from(value),
            "--get" => options.get = Some(value.clone()),
            "--token-file" => {
                let token = std::fs::read_to_string(value)
                    .map_err(|error| Failure::usage(format!("{value}: {error}")))?;
                options.token = Some(token.trim().to_owned());
            }
            _ => return Err(usage()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_port_is_80_unless_it_is_told() {
        let address = |line| parse(&args(line)).ok().map(|options| (options.address, options.host));
        assert_eq!(address("http://roster"), Some(("roster:80".to_owned(), "roster".to_owned())));
        let named = address("http://10.0.0.1:8080/ --host roster.local");
        assert_eq!(named, Some(("10.0.0.1:8080".to_owned(), "roster.local".to_owned())));
        assert!(parse(&args("https://roster")).is_err() && parse(&args("http://roster --clients")).is_err());
    }
}
