//! Lines of text.
//!
//! Owns the order of the parts, how values are escaped, and the colours of a terminal. Must not know where lines go.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::time::push_now;
use super::write_line;
use crate::telemetry::request_id::CurrentRequest;

/// The whole line.
pub(crate) struct TextLines;

/// The fields of a line or a span.
pub(crate) struct TextFields;

impl<S> FormatEvent<S, TextFields> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, TextFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let is_coloured = writer.has_ansi_escapes();
        write_line(&mut writer, |line| push_line(line, is_coloured, context, event))
    }
}

fn push_line<S>(
    line: &mut String,
    is_coloured: bool,
    context: &FmtContext<'_, S, TextFields>,
    event: &Event<'_>,
) where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let metadata = event.metadata();
    push_now(line);
    if is_coloured {
        line.push_str(colour(*metadata.level()));
        line.push_str(level(*metadata.level()));
        line.push_str(NO_COLOUR);
    } else {
        line.push_str(level(*metadata.level()));
    }
    let spans = line.len();
    if let Some(id) = CurrentRequest::get().id() {
        line.push_str("request{id=");
        push_text(line, id);
        line.push_str("}:");
    }
    for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
        line.push_str(span.name());
        if let Some(fields) = span.extensions().get::<FormattedFields<TextFields>>()
            && !fields.is_empty()
        {
            line.push('{');
            line.push_str(fields);
            line.push('}');
        }
        line.push(':');
    }
    if line.len() > spans {
        line.push(' ');
    }
    line.push_str(metadata.target());
    line.push_str(": ");
    push_fields(line, event);
    line.push('\n');
}

/// The level with the spaces around it, as wide as the longest.
const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => " ERROR ",
        Level::WARN => "  WARN ",
        Level::INFO => "  INFO ",
        Level::DEBUG => " DEBUG ",
        Level::TRACE => " TRACE ",
    }
}

/// What makes a terminal show a level in its colour.
const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[34m",
    }
}

const NO_COLOUR: &str = "\x1b[0m";

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = String::new();
        push_fields(&mut text, fields);
        writer.write_str(&text)
    }
}

fn push_fields(line: &mut String, fields: impl RecordFields) {
    fields.record(&mut TextVisitor { line, is_empty: true });
}

/// Pushes the message and `name=value`, with a space in between.
struct TextVisitor<'l> {
    line: &'l mut String,
    is_empty: bool,
}

impl TextVisitor<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut String)) {
        if !self.is_empty {
            self.line.push(' ');
        }
        self.is_empty = false;
        let name = field.name();
        if name != MESSAGE {
            self.line.push_str(name.strip_prefix("r#").unwrap_or(name));
            self.line.push('=');
        }
        value(self.line);
    }
}

/// The field of the message.
const MESSAGE: &str = "message";

impl Visit for TextVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let is_message = field.name() == MESSAGE;
        self.field(field, |line| {
            // A value that fails to format ends there.
            let _ = if is_message { write!(Escaping(line), "{value:?}") } else { write!(line, "{value:?}") };
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == MESSAGE;
        self.field(field, |line| if is_message { push_escaped(line, value) } else { push_text(line, value) });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |line| line.push_str(itoa::Buffer::new().format(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |line| line.push_str(itoa::Buffer::new().format(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |line| line.push_str(if value { "true" } else { "false" }));
    }
}

/// Pushes a text between quotation marks.
fn push_text(line: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        line.push('"');
        line.push_str(text);
        line.push('"');
    } else {
        push(line, format_args!("{text:?}"));
    }
}

/// Escapes what a terminal obeys: a message may have a text from outside.
struct Escaping<'l>(&'l mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

fn push_escaped(line: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\x07' | '\x08' | '\x0c' | '\x1b' | '\x7f' => push(line, format_args!("\\x{:02x}", u32::from(c))),
            '\u{80}'..='\u{9f}' => push(line, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => line.push(c),
        }
    }
}

fn push(line: &mut String, text: fmt::Arguments<'_>) {
    // To write to a String does not fail.
    let _ = line.write_fmt(text);
}
