//! Each line is equal to that of `tracing_subscriber`, whose format readers of the log know.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, error, info, info_span, trace, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry};

use super::{JsonLines, TextFields, TextLines};
use crate::telemetry::request_id::RequestId;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The lines without their times, whose form is checked.
    fn without_times(&self, before: &str) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).expect("text");
        let line = |line: &str| {
            let (time, rest) = line.strip_prefix(before).expect("the beginning").split_at(27);
            let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(form, "0000-00-00T00:00:00.000000Z", "{line}");
            rest.to_owned()
        };
        text.split_inclusive('\n').map(line).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Logs values of all types, in and out of spans.
fn log_everything() {
    info!("plain");
    error!(text = "a b", quoted = "a \"b\" \\", empty = "", "with {} and {:?}", "text", "it's");
    warn!(hostile = "a\x1b[31m\n\r\t\u{7f}\u{85}\u{202e}ß漢😀\0", "hostile \x1b[31m\x07\u{9b} ß漢\t");
    debug!(big = u64::MAX, small = i64::MIN, zero = 0_u8, half = 0.5, whole = 1.0, tiny = 1e-300);
    trace!(infinite = f64::INFINITY, not = f64::NAN, yes = true, no = false, wide = u128::MAX, "numbers");
    info!(none = None::<u64>, some = Some(3), no_text = None::<&str>, text = Some("x"), "options");
    info!(debugged = ?vec![Some("a"), None], shown = %"a b", r#type = "raw", dotted.name = 1, "forms");
    info!(message = "as a field", other = 1);
    let outer = info_span!("outer", id = "a\"b", number = 3, late = tracing::field::Empty);
    let entered = outer.enter();
    info!("in a span");
    outer.record("late", true);
    let inner = info_span!("inner");
    inner.in_scope(|| info!(id = "own", "in two"));
    info!(parent: &inner, "with a parent");
    info!(parent: None, "at the root");
    drop(entered);
    info!(parent: &outer, "with a parent alone");
}

/// The lines that a request logs, in and out of spans.
async fn log_in_a_request() {
    let log = async {
        info!("plain");
        info_span!("outer", number = 3).in_scope(|| warn!(id = "own", "in a span"));
    };
    RequestId::new("a\"b").scope(log).await;
}

/// The lines of a layer, without their times.
fn lines_of<L: Layer<Registry> + Send + Sync>(layer: impl FnOnce(Lines) -> L, before: &str) -> Vec<String> {
    lines_while(layer, before, log_everything)
}

fn lines_while<L: Layer<Registry> + Send + Sync>(
    layer: impl FnOnce(Lines) -> L,
    before: &str,
    log: impl FnOnce(),
) -> Vec<String> {
    let lines = Lines::default();
    let subscriber = Registry::default().with(layer(lines.clone()));
    tracing::subscriber::with_default(subscriber, log);
    lines.without_times(before)
}

fn in_a_request() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log_in_a_request());
}

#[track_caller]
fn assert_equal(ours: &[String], theirs: &[String]) {
    assert_eq!(ours.len(), 13, "{ours:?}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn lines_of_text_are_those_of_the_library() {
    let layer = |lines| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines);
    let ours = lines_of(|lines| layer(lines).fmt_fields(TextFields).event_format(TextLines), "");
    assert_equal(&ours, &lines_of(layer, ""));
}

#[test]
fn lines_of_json_are_those_of_the_library() {
    let before = "{\"timestamp\":\"";
    let layer = |lines| tracing_subscriber::fmt::layer().with_writer(lines);
    let ours = |lines| layer(lines).fmt_fields(JsonFields::new()).event_format(JsonLines);
    let theirs = |lines| layer(lines).json().flatten_event(true);
    assert_equal(&lines_of(ours, before), &lines_of(theirs, before));
}

#[test]
fn lines_of_a_request_have_its_id_like_that_of_a_span_around_all_others() {
    let text = |lines| {
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines);
        layer.fmt_fields(TextFields).event_format(TextLines)
    };
    let target = module_path!();
    assert_eq!(
        lines_while(text, "", in_a_request),
        [
            format!("  INFO request{{id=\"a\\\"b\"}}: {target}: plain\n"),
            format!("  WARN request{{id=\"a\\\"b\"}}:outer{{number=3}}: {target}: in a span id=\"own\"\n"),
        ]
    );
    let json = |lines| {
        let layer = tracing_subscriber::fmt::layer().with_writer(lines);
        layer.fmt_fields(JsonFields::new()).event_format(JsonLines)
    };
    let (request, outer) = (r#"{"id":"a\"b","name":"request"}"#, r#"{"number":3,"name":"outer"}"#);
    assert_eq!(
        lines_while(json, "{\"timestamp\":\"", in_a_request),
        [
            format!(
                "\",\"level\":\"INFO\",\"message\":\"plain\",\"target\":\"{target}\",\"span\":{request},\"spans\":[{request}]}}\n"
            ),
            format!(
                "\",\"level\":\"WARN\",\"message\":\"in a span\",\"id\":\"own\",\"target\":\"{target}\",\"span\":{outer},\"spans\":[{request},{outer}]}}\n"
            ),
        ]
    );
}

#[test]
fn a_terminal_shows_levels_in_colours() {
    let layer = |lines| {
        let layer = tracing_subscriber::fmt::layer().with_ansi(true).with_writer(lines);
        layer.fmt_fields(TextFields).event_format(TextLines)
    };
    let lines = lines_while(layer, "", || error!("wrong"));
    assert_eq!(lines, [format!("\x1b[31m ERROR \x1b[0m{}: wrong\n", module_path!())]);
}
