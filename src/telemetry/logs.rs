//! The format of log lines: JSON for machines, text for a terminal. One event is one line, whatever its values hold.

use std::fmt::Write as _;
use std::io::Write as _;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::line::{Fields, Ids, escape};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Pretty` when the lines go to a terminal, else `Json`.
    Auto,
    /// One JSON object per line.
    Json,
    /// One line of text per event, with colours on a terminal.
    Pretty,
}

/// What a [`LogFormat`] comes to where the lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    Plain,
    Coloured,
}

impl LogFormat {
    pub(super) fn style(self, terminal: bool) -> Style {
        match (self, terminal) {
            (Self::Json, _) | (Self::Auto, false) => Style::Json,
            (Self::Pretty, false) => Style::Plain,
            (Self::Auto | Self::Pretty, true) => Style::Coloured,
        }
    }
}

/// Reads directives such as `info` or `info,roster::store=debug`; nothing at all means `info`.
///
/// # Errors
/// Names the directive that cannot be understood. A word alone must be a level: taken for a target, as
/// `EnvFilter` would, a misspelt level would silence the log.
pub(super) fn parse_filter(directives: &str) -> Result<EnvFilter, String> {
    if !directives.contains('[') {
        for word in
            directives.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains('='))
        {
            let level = LevelFilter::from_str(word);
            level.map_err(|_| format!("`{word}` is not a log level; for one target write TARGET=LEVEL"))?;
        }
    }
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(directives)
        .map_err(|error| format!("`{directives}` is not a log filter: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a log line tells when it was written, in tests too")]
pub(super) fn system_clock() -> Timestamp {
    Timestamp::now()
}

/// The layer that writes events. The ids of the innermost span that has them stand on every line within it.
pub(super) struct LogLayer<W> {
    pub(super) style: Style,
    pub(super) writer: W,
    pub(super) clock: fn() -> Timestamp,
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().fields().field("request_id").is_none() {
            return;
        }
        let mut ids = Ids::default();
        attributes.record(&mut ids);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(ids);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(ids) = span.extensions_mut().get_mut::<Ids>()
        {
            values.record(ids);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields { json: self.style == Style::Json, ..Fields::default() };
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(ids) = span.extensions().get::<Ids>() {
                fields.ids(ids);
                break;
            }
        }
        let line = self.line(event, &fields);
        // The queue takes or drops a line and says neither; there is no better place to complain.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

impl<W> LogLayer<W> {
    fn line(&self, event: &Event<'_>, Fields { message, rest, .. }: &Fields) -> String {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let mut line = String::with_capacity(160 + message.len() + rest.len());
        let written = match self.style {
            Style::Json => {
                let time = self.time(6);
                let start = format_args!(r#"{{"timestamp":"{time}","level":"{level}","target":""#);
                line.write_fmt(start)
                    .map(|()| escape(&mut line, target))
                    .and_then(|()| writeln!(line, r#"","message":"{message}"{rest}}}"#))
            }
            Style::Plain => writeln!(line, "{} {level:>5} {target}: {message}{rest}", self.time(3)),
            Style::Coloured => {
                let (time, colour) = (self.time(3), colour(level));
                let head = format_args!("\x1b[2m{time}\x1b[0m \x1b[{colour}m{level:>5}\x1b[0m");
                writeln!(line, "{head} \x1b[2m{target}:\x1b[0m {message}{rest}")
            }
        };
        debug_assert!(written.is_ok(), "a String takes every write");
        line
    }

    /// RFC 3339, UTC.
    fn time(&self, decimals: u8) -> String {
        DateTimePrinter::new().precision(Some(decimals)).timestamp_to_string(&(self.clock)())
    }
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

#[cfg(test)]
mod tests;
