//! Lines of one JSON object each.
//!
//! Owns the order of the members, and how values are escaped. Must not know where lines go.

use std::fmt::{self, Debug};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::time::push_now;
use super::write_line;
use crate::telemetry::request_id::CurrentRequest;

/// The whole line; the fields of spans are objects of [`JsonFields`].
pub(crate) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write_line(&mut writer, |line| push_line(line, context, event))
    }
}

fn push_line<S>(line: &mut String, context: &FmtContext<'_, S, JsonFields>, event: &Event<'_>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let metadata = event.metadata();
    line.push_str("{\"timestamp\":\"");
    push_now(line);
    line.push_str("\",\"level\":\"");
    line.push_str(metadata.level().as_str());
    line.push('"');
    event.record(&mut JsonVisitor(line));
    line.push_str(",\"target\":");
    push_text(line, metadata.target());
    let request = CurrentRequest::get();
    let current = context.lookup_current();
    let parent = event.parent().and_then(|id| context.span(id));
    let innermost = parent.as_ref().or(current.as_ref());
    if innermost.is_some() || request.id().is_some() {
        line.push_str(",\"span\":");
        match innermost {
            Some(innermost) => push_span(line, innermost),
            None => push_request(line, &request),
        }
        line.push_str(",\"spans\":[");
        push_request(line, &request);
        for span in current.iter().flat_map(|current| current.scope().from_root()) {
            if !line.ends_with('[') {
                line.push(',');
            }
            push_span(line, &span);
        }
        line.push(']');
    }
    line.push_str("}\n");
}

/// Pushes the request like a span around all others; nothing without one.
fn push_request(line: &mut String, request: &CurrentRequest) {
    let Some(id) = request.id() else { return };
    line.push_str("{\"id\":");
    push_text(line, id);
    line.push_str(",\"name\":\"request\"}");
}

/// Pushes the fields of a span and its name.
fn push_span<S: for<'a> LookupSpan<'a>>(line: &mut String, span: &SpanRef<'_, S>) {
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<JsonFields>>().map_or("{}", |fields| &fields.fields);
    let fields = fields.strip_suffix('}').unwrap_or("{");
    line.push_str(fields);
    line.push_str(if fields == "{" { "\"name\":" } else { ",\"name\":" });
    push_text(line, span.name());
    line.push('}');
}

fn push_text(line: &mut String, text: &str) {
    if text.bytes().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\')) {
        return push_json(line, text);
    }
    line.push('"');
    line.push_str(text);
    line.push('"');
}

fn push_json<T: Serialize + ?Sized>(line: &mut String, value: &T) {
    // Texts and numbers are always valid.
    line.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// Pushes `,"name":value`.
struct JsonVisitor<'l>(&'l mut String);

impl JsonVisitor<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut String)) {
        self.0.push(',');
        push_text(self.0, field.name());
        self.0.push(':');
        value(self.0);
    }
}

impl Visit for JsonVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, |line| push_text(line, &format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |line| push_text(line, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |line| line.push_str(itoa::Buffer::new().format(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |line| line.push_str(itoa::Buffer::new().format(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // A number that is not finite is `null`.
        self.field(field, |line| push_json(line, &value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |line| line.push_str(if value { "true" } else { "false" }));
    }
}
