//! From an event to VDSM's line.

use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::queue::{Line, Queue};
use crate::clock;

/// The longest message, in bytes; the rest of a longer one is cut off, and said to be.
const LONGEST: usize = 16 * 1024;

/// Makes lines of events and hands them to the sinks' queues.
#[derive(Debug)]
pub struct LogLayer {
    queues: Vec<Arc<Queue>>,
}

impl LogLayer {
    pub(super) fn new(queues: Vec<Arc<Queue>>) -> LogLayer {
        LogLayer { queues }
    }
}

/// Fields as text; kept in the extensions of each span.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: String,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let level = *event.metadata().level();
        let body = body(event, context.lookup_current().map_or("-", |span| span.name()));
        let mut text = head(level);
        text.push_str(&body);
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let others = extensions.get::<Fields>().map_or("", |fields| fields.others.as_str());
            // Writing into a String cannot fail.
            let _ = write!(text, " [{}{}]", span.name(), cut(others));
        }
        text.push('\n');
        let repeats = (level <= Level::WARN).then(|| Arc::from(body));
        let (now, text) = (Instant::now(), Arc::<str>::from(text));
        for queue in &self.queues {
            queue.push(now, Line { level, text: text.clone(), repeats: repeats.clone() });
        }
    }
}

/// `module::line::logger::(span) message field=value`: what is equal when the same thing happens again.
fn body(event: &Event<'_>, span: &str) -> String {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let metadata = event.metadata();
    let file = metadata.file().unwrap_or_default();
    let module = file.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or("-");
    let line = metadata.line().unwrap_or_default();
    let text = format!("{}{}", fields.message, fields.others);
    let (text, dots) = (cut(text.trim_start()), if text.len() > LONGEST { " (cut)" } else { "" });
    format!("{module}::{line}::{}::({span}) {text}{dots}", metadata.target())
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// `thread::LEVEL::time::`.
fn head(level: Level) -> String {
    let thread = std::thread::current();
    format!("{}::{}::{}::", thread.name().unwrap_or("-"), level_name(level), clock::text(clock::now()))
}

/// A line of the log about itself, or a warning told again.
pub(super) fn own(level: Level, text: &str) -> Arc<str> {
    Arc::from(format!("{}{text}\n", head(level)))
}

/// Python's name of a level.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"') && !value.contains(char::is_control);
        let plain = !value.is_empty() && value.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '"');
        // Writing into a String cannot fail.
        let _ = match (field.name(), plain || quoted) {
            ("message", _) => write_message(&mut self.message, value),
            (name, true) => write!(self.others, " {name}={value}"),
            (name, false) => write!(self.others, " {name}={value:?}"),
        };
    }
}

/// Further lines of a message are indented, so that none can be taken for a line of the log.
fn write_message(out: &mut String, text: &str) -> std::fmt::Result {
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\n    "),
            '\t' => out.push('\t'),
            control if control.is_control() => write!(out, "{}", control.escape_default())?,
            other => out.push(other),
        }
    }
    Ok(())
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        self.add(field, &causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
    }
}

#[cfg(test)]
mod tests {}
