//! A log writer that never blocks: a bounded queue, and a thread that writes its lines.
//!
//! Owns the count of dropped lines. Must not know what a line looks like.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How long the thread lets lines queue up after it has written all of them. To wake a sleeping thread costs the request
/// that logs more than its line does, so under load lines are written together; a line of an idle server is written at once.
const GATHERING: Duration = Duration::from_millis(10);

/// The running log. Dropping it waits until the queued lines are written, for about a second at most.
pub(crate) struct Log {
    dropped: Arc<DroppedLines>,
    // Its `drop` waits for the thread.
    _worker: WorkerGuard,
}

impl Log {
    /// Starts the thread. `capacity` is the maximum number of queued lines. `report` gets the number of lines that were
    /// dropped since its last call; it is called when the queue is empty and has room for a line about them.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        capacity: usize,
        report: impl Fn(usize) + Send + Sync + 'static,
    ) -> (Self, NonBlocking) {
        let (counter, reported) = (OnceLock::new(), AtomicUsize::new(0));
        let dropped = Arc::new(DroppedLines { counter, reported, report: Box::new(report) });
        let out = ReportingWriter { out, dropped: Arc::clone(&dropped) };
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(capacity);
        let (writer, worker) = builder.thread_name("log").finish(out);
        let _ = dropped.counter.set(writer.error_counter());
        (Self { dropped, _worker: worker }, writer)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.dropped.report();
    }
}

/// The lines that were dropped because the queue was full.
struct DroppedLines {
    counter: OnceLock<ErrorCounter>,
    reported: AtomicUsize,
    report: Box<dyn Fn(usize) + Send + Sync>,
}

impl DroppedLines {
    fn report(&self) {
        let dropped = self.counter.get().map_or(0, ErrorCounter::dropped_lines);
        let lines = dropped.saturating_sub(self.reported.swap(dropped, Ordering::SeqCst));
        if lines > 0 {
            (self.report)(lines);
        }
    }
}

/// Reports dropped lines whenever the queue is empty.
struct ReportingWriter<W> {
    out: W,
    dropped: Arc<DroppedLines>,
}

impl<W: Write> Write for ReportingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    /// The thread flushes when it has written all lines of the queue.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.dropped.report();
        thread::sleep(GATHERING);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, PoisonError};

    /// Blocks each write until `gate` gets a message or is dropped, and collects the written bytes.
    struct GatedWriter {
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for GatedWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.written.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct GatedLog {
        log: Log,
        writer: NonBlocking,
        gate: Sender<()>,
        written: Arc<Mutex<Vec<u8>>>,
        reports: Receiver<usize>,
    }

    fn gated_log(capacity: usize) -> GatedLog {
        let ((gate, receiver), (sender, reports)) = (channel(), channel());
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let out = GatedWriter { gate: receiver, written: Arc::clone(&written) };
        let (log, writer) = Log::start(out, capacity, move |lines| {
            let _ = sender.send(lines);
        });
        GatedLog { log, writer, gate, written, reports }
    }

    fn text(written: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(written.lock().expect("no panic").clone()).expect("UTF-8")
    }

    #[test]
    fn writes_whole_lines_in_order_before_the_end() {
        let GatedLog { log, mut writer, gate, written, .. } = gated_log(1000);
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}\n")).collect();
        lines.iter().for_each(|line| writer.write_all(line.as_bytes()).expect("never fails"));
        drop(gate);
        drop(log);
        assert_eq!(text(&written), lines.concat());
    }

    #[test]
    fn counts_and_reports_lines_that_found_no_room_without_blocking() {
        const LINES: usize = 200;
        let GatedLog { log, mut writer, gate, written, reports } = gated_log(16);
        // The gate is closed: a call that waited for the writer would never return.
        (0..LINES).for_each(|_| writer.write_all(b"a line\n").expect("never fails"));
        // 16 lines are queued, and the thread may hold one more.
        let dropped = writer.error_counter().dropped_lines();
        assert!((LINES - 17..=LINES - 16).contains(&dropped), "{dropped}");
        drop(gate);
        drop(log);
        assert_eq!(text(&written), "a line\n".repeat(LINES - dropped));
        assert_eq!(reports.try_iter().sum::<usize>(), dropped);
    }
}
