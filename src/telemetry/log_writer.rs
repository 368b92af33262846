//! A log writer that never blocks: a bounded queue, and a thread that writes its lines.
//!
//! Owns the queue and the count of dropped lines. Must not know what a line looks like. Lines lie one behind another in a
//! buffer that the thread takes as a whole: a queue of single lines, such as that of `tracing-appender`, allocates each in one thread
//! and frees it in another, which costs a request more than its line.

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long the end of the log waits for what is queued: standard error may be a pipe that is not read.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the thread lets lines queue up after it has written all of them, unless one is urgent. To wake a thread and to
/// write costs more than a line does, so under load lines are written together; one of an idle server is written at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gathering {
    /// For each line that was written last: the more there are, the more will come.
    pub(crate) per_line: Duration,
    pub(crate) longest: Duration,
}

impl Gathering {
    fn after(self, lines: usize) -> Duration {
        self.per_line.saturating_mul(u32::try_from(lines).unwrap_or(u32::MAX)).min(self.longest)
    }
}

/// The running log. Dropping it waits until the queued lines are written, for a second at most.
pub(crate) struct Log {
    queue: Arc<Queue>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Log {
    /// Starts the thread. `capacity` is the maximum number of queued lines. `report` gets the number of lines that were
    /// dropped since its last call; it is called when the queue is empty and has room for a line about them.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        capacity: usize,
        gathering: Gathering,
        report: impl Fn(usize) + Send + 'static,
    ) -> io::Result<(Self, LogWriter)> {
        let queue = Arc::new(Queue { capacity, state: Mutex::default(), wake: Condvar::new() });
        let (running, ended) = channel();
        let writing = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            writing.write_to(out, gathering, report);
            drop(running);
        })?;
        Ok((Self { queue: Arc::clone(&queue), ended }, LogWriter(queue)))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.is_closed = true;
        drop(state);
        self.queue.wake.notify_one();
        let _: Result<(), _> = self.ended.recv_timeout(END_TIMEOUT);
    }
}

/// Puts lines into the queue.
#[derive(Clone)]
pub(crate) struct LogWriter(Arc<Queue>);

impl LogWriter {
    /// Queues a line, or counts it as dropped. Warnings and errors are written at once: they may be the last lines of a process.
    pub(super) fn push(&self, line: &[u8], level: Level) {
        self.0.push(line, level <= Level::WARN);
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self, Level::INFO)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter(self, *metadata.level())
    }
}

/// Writes a line of a level.
pub(crate) struct LineWriter<'a>(&'a LogWriter, Level);

impl Write for LineWriter<'_> {
    /// The bytes of one call are one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line, self.1);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines one behind another.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Lines {
    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(&0).chain(&self.ends);
        begins.zip(&self.ends).map(|(&begin, &end)| &self.bytes[begin..end])
    }

    /// Keeps the memory for the next lines.
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[derive(Default)]
struct State {
    lines: Lines,
    /// Lines that were dropped and not reported.
    dropped: usize,
    wait: Wait,
    /// Whether a line must not wait for others.
    is_urgent: bool,
    is_closed: bool,
}

/// What the thread waits for: to wake it is a system call.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Wait {
    #[default]
    Nothing,
    AnyLine,
    UrgentLine,
}

struct Queue {
    capacity: usize,
    state: Mutex<State>,
    wake: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8], is_urgent: bool) {
        let mut state = self.state();
        if state.lines.ends.len() >= self.capacity {
            state.dropped += 1;
            return;
        }
        state.lines.push(line);
        state.is_urgent |= is_urgent;
        let wakes = match state.wait {
            Wait::Nothing => false,
            Wait::AnyLine => true,
            Wait::UrgentLine => is_urgent,
        };
        if wakes {
            state.wait = Wait::Nothing;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for lines and exchanges them for empty ones. Returns the number of lines that were dropped before; `None` at the end.
    fn take(&self, empty: &mut Lines) -> Option<usize> {
        let mut state = self.state();
        while state.lines.ends.is_empty() && state.dropped == 0 {
            if state.is_closed {
                return None;
            }
            state.wait = Wait::AnyLine;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wait = Wait::Nothing;
        state.is_urgent = false;
        mem::swap(&mut state.lines, empty);
        Some(mem::take(&mut state.dropped))
    }

    /// Writes lines until the log ends. There is no place to report a failed write to.
    fn write_to(&self, mut out: impl Write, gathering: Gathering, report: impl Fn(usize)) {
        let mut lines = Lines::default();
        while let Some(dropped) = self.take(&mut lines) {
            for line in lines.iter() {
                let _ = out.write_all(line);
            }
            let _ = out.flush();
            let pause = gathering.after(lines.ends.len());
            lines.clear();
            if dropped > 0 {
                report(dropped);
            }
            self.gather(pause);
        }
    }

    /// Lets lines queue up.
    fn gather(&self, time: Duration) {
        let mut state = self.state();
        state.wait = Wait::UrgentLine;
        let waits = |state: &mut State| !state.is_urgent && !state.is_closed;
        drop(self.wake.wait_timeout_while(state, time, waits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Sender;

    const HOUR: Duration = Duration::from_hours(1);
    const AT_ONCE: Gathering = Gathering { per_line: Duration::ZERO, longest: HOUR };

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
        writer: LogWriter,
        gate: Sender<()>,
        written: Arc<Mutex<Vec<u8>>>,
        reports: Receiver<usize>,
    }

    fn gated_log(capacity: usize, gathering: Gathering) -> GatedLog {
        let ((gate, receiver), (sender, reports)) = (channel(), channel());
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let out = GatedWriter { gate: receiver, written: Arc::clone(&written) };
        let report = move |lines| sender.send(lines).expect("the test listens");
        let (log, writer) = Log::start(out, capacity, gathering, report).expect("a thread");
        GatedLog { log, writer, gate, written, reports }
    }

    fn text(written: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(written.lock().expect("no panic").clone()).expect("UTF-8")
    }

    #[test]
    fn writes_whole_lines_in_order_before_the_end() {
        let GatedLog { log, writer, gate, written, .. } = gated_log(1000, AT_ONCE);
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}\n")).collect();
        lines.iter().for_each(|line| writer.push(line.as_bytes(), Level::INFO));
        drop(gate);
        drop(log);
        assert_eq!(text(&written), lines.concat());
    }

    #[test]
    fn counts_and_reports_lines_that_found_no_room_without_blocking() {
        const LINES: usize = 200;
        let GatedLog { log, writer, gate, written, reports } = gated_log(16, AT_ONCE);
        // The gate is closed: a call that waited for the writer would never return.
        (0..LINES).for_each(|_| writer.push(b"a line\n", Level::INFO));
        drop(gate);
        drop(log);
        let dropped = reports.try_iter().sum::<usize>();
        // 16 lines are queued, and the thread may hold as many.
        assert!((LINES - 32..=LINES - 16).contains(&dropped), "{dropped}");
        assert_eq!(text(&written), "a line\n".repeat(LINES - dropped));
    }

    /// Waits until this is written, for as long as a broken log would need to show it.
    fn wait_for(written: &Mutex<Vec<u8>>, expected: &str) {
        for _ in 0..10_000 {
            if text(written) == expected {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("{:?} instead of {expected:?}", text(written));
    }

    #[test]
    fn a_line_is_written_without_another_one() {
        let GatedLog { log: _log, writer, gate, written, .. } = gated_log(16, AT_ONCE);
        drop(gate);
        for number in 1..=3 {
            writer.push(b"a line\n", Level::INFO);
            wait_for(&written, &"a line\n".repeat(number));
        }
    }

    #[test]
    fn lines_wait_for_others_but_not_behind_a_warning() {
        let GatedLog { log, writer, gate, written, .. } =
            gated_log(16, Gathering { per_line: HOUR, longest: HOUR });
        drop(gate);
        writer.push(b"first\n", Level::INFO);
        wait_for(&written, "first\n");
        writer.push(b"second\n", Level::INFO);
        writer.push(b"warning\n", Level::WARN);
        wait_for(&written, "first\nsecond\nwarning\n");
        writer.push(b"last\n", Level::INFO);
        drop(log);
        assert_eq!(text(&written), "first\nsecond\nwarning\nlast\n");
    }
}
