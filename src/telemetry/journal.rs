//! Log lines as entries of systemd's journal, through its native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>), with a field for each value.
//!
//! Owns the names of the fields and the encoding. Must not know what is logged. The crate `tracing-journald` sends from the
//! thread that logs, which blocks while the journal is busy; here, an entry goes through the same queue as other lines.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::log_writer::LogWriter;
use super::request_id::CurrentRequest;

/// The journal's socket (systemd-journald.service(8)).
const SOCKET: &str = "/run/systemd/journal/socket";

/// Writes each entry as one datagram.
pub(super) struct JournalSocket(UnixDatagram);

impl JournalSocket {
    /// Fails if no journal listens.
    pub(super) fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        UnixDatagram::unbound()?.connect(SOCKET)?;
        Ok(Self(socket))
    }
}

impl Write for JournalSocket {
    /// Sent to the path, not to a connection, so that it works after a restart of the journal.
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.0.send_to(entry, Path::new(SOCKET))?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Encodes events.
pub(super) struct JournalLayer(LogWriter);

impl JournalLayer {
    pub(super) fn new(writer: LogWriter) -> Self {
        Self(writer)
    }
}

/// The fields of a span, encoded.
struct SpanFields(Vec<u8>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JournalLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Entry::default();
        attributes.record(&mut fields);
        if !fields.bytes.is_empty() {
            span.extensions_mut().insert(SpanFields(fields.bytes));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let metadata = event.metadata();
        entry.field("PRIORITY", priority(*metadata.level()));
        entry.field("SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME"));
        entry.field("TARGET", metadata.target());
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(bytes)) = span.extensions().get() {
                // A field of the event itself has precedence.
                if !entry.has_field_of(bytes) {
                    entry.bytes.extend(bytes);
                }
            }
        }
        if let Some(id) = CurrentRequest::get().id()
            && !entry.has_field("MLBACKEND_ID")
        {
            entry.field("MLBACKEND_ID", id);
        }
        let message = format!("{}{}", entry.message, entry.text);
        entry.field("MESSAGE", &message);
        self.0.push(&entry.bytes, *metadata.level());
    }
}

/// The priorities of syslog(3).
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// An entry in the making.
#[derive(Default)]
struct Entry {
    bytes: Vec<u8>,
    message: String,
    /// The fields as text, since `journalctl` shows the message only.
    text: String,
}

impl Entry {
    fn field(&mut self, name: &str, value: &str) {
        self.bytes.extend(name.as_bytes());
        if value.contains('\n') {
            self.bytes.push(b'\n');
            self.bytes.extend((value.len() as u64).to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend(value.as_bytes());
        self.bytes.push(b'\n');
    }

    /// Whether it has the first field of other encoded ones.
    fn has_field_of(&self, other: &[u8]) -> bool {
        let end = other.iter().position(|byte| matches!(byte, b'=' | b'\n')).unwrap_or(other.len());
        self.has_field(&other[..end])
    }

    fn has_field(&self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        self.bytes.split(|byte| *byte == b'\n').any(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'='))
        })
    }

    fn value(&mut self, field: &Field, value: &str, as_text: fmt::Arguments<'_>) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
            return;
        }
        let _ = write!(self.text, " {}={as_text}", field.name());
        self.field(&journal_name(field.name()), value);
    }
}

/// `MLBACKEND_` and the name in the characters that the journal permits.
fn journal_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("MLBACKEND_{}", name.chars().map(allowed).collect::<String>())
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        self.value(field, &text, format_args!("{text}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Escaped in the text, so that a value cannot look like another field.
        self.value(field, value, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_a_line_end_has_its_length_in_front() {
        let mut entry = Entry::default();
        entry.field("A", "one\nPRIORITY=0");
        entry.field("B", "two");
        assert_eq!(entry.bytes, b"A\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\nB=two\n");
    }

    #[test]
    fn names_have_the_characters_that_the_journal_permits() {
        assert_eq!(journal_name("log_loss"), "MLBACKEND_LOG_LOSS");
        assert_eq!(journal_name("time.busy"), "MLBACKEND_TIME_BUSY");
    }
}
