//! Lines of one JSON object each.
//!
//! Owns the order of the members, and how values are escaped. Must not know where lines go.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::time::write_now;

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
        let metadata = event.metadata();
        writer.write_str("{\"timestamp\":\"")?;
        write_now(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_char('"')?;
        let mut visitor = JsonVisitor { writer: &mut writer, result: Ok(()) };
        event.record(&mut visitor);
        visitor.result?;
        writer.write_str(",\"target\":")?;
        string(&mut writer, metadata.target())?;
        let current = context.lookup_current();
        let span = event.parent().and_then(|id| context.span(id));
        if let Some(span) = span.as_ref().or(current.as_ref()) {
            writer.write_str(",\"span\":")?;
            self::span(&mut writer, span)?;
            writer.write_str(",\"spans\":[")?;
            let scope = current.iter().flat_map(|current| current.scope().from_root());
            for (number, span) in scope.enumerate() {
                if number > 0 {
                    writer.write_char(',')?;
                }
                self::span(&mut writer, &span)?;
            }
            writer.write_char(']')?;
        }
        writer.write_str("}\n")
    }
}

/// The fields of a span and its name.
fn span<S: for<'a> LookupSpan<'a>>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result {
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<JsonFields>>().map_or("{}", |fields| &fields.fields);
    let fields = fields.strip_suffix('}').unwrap_or("{");
    writer.write_str(fields)?;
    writer.write_str(if fields == "{" { "\"name\":" } else { ",\"name\":" })?;
    string(writer, span.name())?;
    writer.write_char('}')
}

fn string(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\')) {
        return writer.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}

/// Writes `,"name":value`.
struct JsonVisitor<'w, 'b> {
    writer: &'w mut Writer<'b>,
    result: fmt::Result,
}

impl JsonVisitor<'_, '_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let result = self.result.and_then(|()| {
            self.writer.write_char(',')?;
            string(self.writer, field.name())?;
            self.writer.write_char(':')?;
            value(self.writer)
        });
        self.result = result;
    }
}

impl Visit for JsonVisitor<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, |writer| string(writer, &format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |writer| string(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |writer| writer.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |writer| writer.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // A number that is not finite is `null`.
        let value = serde_json::to_string(&value);
        self.field(field, |writer| writer.write_str(&value.map_err(|_| fmt::Error)?));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |writer| writer.write_str(if value { "true" } else { "false" }));
    }
}
