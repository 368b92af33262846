//! Lines on their way to where they are written: a bounded queue, and a thread that empties it.
//!
//! Whoever logs waits for nobody and never fails: a line that finds no room, or that cannot be written, is lost and
//! counted, and the count is told when lines can be written again. Must not know what lines look like.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that may wait: thousands of lines. As many may be with the thread that writes.
const ROOM: usize = 1 << 20;

/// The name of the thread that writes.
pub(crate) const WRITER: &str = "log";

/// After which a writer that cannot take anything at the moment is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Where lines are handed in.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// What has not been written yet.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// How many lines are lost of which nobody has been told.
    lost: usize,
    /// Whether the thread has taken some.
    writing: bool,
}

impl Queue {
    /// Starts the thread, which goes on until the process ends. `tell` hears how many lines are lost, from the
    /// thread, when there is room for a line that says so.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        tell: impl Fn(usize) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Self(Arc::clone(&shared));
        thread::Builder::new().name(WRITER.to_owned()).spawn(move || shared.empty(out, tell))?;
        Ok(queue)
    }

    /// Waits until all is written, or lost, but no longer than `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let going_on = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let _ = self.0.changed.wait_timeout_while(self.0.lock(), patience, going_on);
    }
}

/// Takes one line, or several whole ones.
impl Write for Queue {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + lines.len() > ROOM {
            waiting.lost += count(lines);
        } else {
            waiting.lines.extend(lines);
            self.0.changed.notify_all();
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn empty(&self, mut out: impl Write, tell: impl Fn(usize)) {
        let mut broken_off = false;
        loop {
            let lines = self.take();
            if broken_off {
                broken_off = write(&mut out, b"\n") > 0;
            }
            let rest = write(&mut out, &lines);
            let written = lines.len() - rest;
            broken_off = if written == 0 { broken_off } else { lines[written - 1] != b'\n' };
            let mut waiting = self.lock();
            waiting.lost += count(&lines[written..]);
            // While nothing can be written, a line that says so would only be the next one to be lost.
            let lost = if rest == 0 { mem::take(&mut waiting.lost) } else { 0 };
            drop(waiting);
            if lost > 0 {
                tell(lost);
            }
        }
    }

    /// Waits for lines and takes all there are.
    fn take(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        let none = |waiting: &mut Waiting| waiting.lines.is_empty();
        let mut waiting = self.changed.wait_while(waiting, none).unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        mem::take(&mut waiting.lines)
    }
}

/// Writes what can be written; gives how many bytes are left over.
fn write(out: &mut impl Write, lines: &[u8]) -> usize {
    let mut rest = lines;
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => break,
            Ok(count) => rest = &rest[count..],
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => thread::sleep(PAUSE),
                _ => break,
            },
        }
    }
    rest.len()
}

fn count(lines: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', lines).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_mins(1);

    /// Does with each write what it is told to do, and keeps what it took.
    struct Told {
        orders: Receiver<io::Result<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without an order it waits; when nobody can give any more, it takes all.
            let count = self.orders.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.taken.lock().expect("no panic").extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Scene {
        queue: Queue,
        orders: Sender<io::Result<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
        lost: Receiver<usize>,
    }

    fn scene() -> Scene {
        let ((orders, receiver), (tell, lost)) = (channel(), channel());
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let out = Told { orders: receiver, taken: Arc::clone(&taken) };
        let queue =
            Queue::start(out, move |lines| tell.send(lines).expect("somebody listens")).expect("a thread");
        Scene { queue, orders, taken, lost }
    }

    impl Scene {
        fn log(&self, line: &str) {
            self.queue.clone().write_all(line.as_bytes()).expect("it never fails");
        }

        /// Does with the next write that is asked for what is told.
        fn order(&self, write: Result<usize, ErrorKind>) {
            self.orders.send(write.map_err(io::Error::from)).expect("it is asked");
        }

        /// Lets everything be written.
        fn end(self) -> (String, Vec<usize>) {
            drop(self.orders);
            self.queue.flush(LONG);
            let taken = self.taken.lock().expect("no panic").clone();
            (String::from_utf8(taken).expect("text"), self.lost.try_iter().collect())
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let scene = scene();
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}\n")).collect();
        lines.iter().for_each(|line| scene.log(line));
        assert_eq!(scene.end(), (lines.concat(), vec![]));
    }

    #[test]
    fn who_logs_does_not_wait_for_who_reads_and_lines_without_room_are_counted() {
        let scene = scene();
        let line = format!("{}\n", "x".repeat(1023));
        // Nothing is taken meanwhile: what is with the thread and what waits is at most twice the room.
        (0..3000).for_each(|_| scene.log(&line));
        let (taken, lost) = scene.end();
        let written = count(taken.as_bytes());
        assert!((1024..=2048).contains(&written), "{written}");
        assert_eq!(written + lost.iter().sum::<usize>(), 3000);
        assert_eq!(taken, line.repeat(written), "whole lines");
    }

    #[test]
    fn lines_that_cannot_be_written_are_told_of_when_others_can() {
        let scene = scene();
        for line in ["one\n", "two\n"] {
            scene.log(line);
            scene.order(Err(ErrorKind::StorageFull));
            scene.queue.flush(LONG);
        }
        assert!(scene.lost.try_recv().is_err(), "there is no room for saying so");
        scene.log("three\n");
        assert_eq!(scene.end(), ("three\n".to_owned(), vec![2]));
    }

    #[test]
    fn a_line_that_was_broken_off_stays_a_line_of_its_own() {
        let scene = scene();
        scene.log("one\n");
        scene.order(Ok(2));
        scene.order(Err(ErrorKind::StorageFull));
        scene.queue.flush(LONG);
        scene.log("two\n");
        assert_eq!(scene.end(), ("on\ntwo\n".to_owned(), vec![1]));
    }

    #[test]
    fn a_writer_that_is_busy_is_asked_again() {
        let scene = scene();
        scene.log("one\n");
        scene.order(Err(ErrorKind::WouldBlock));
        scene.order(Err(ErrorKind::Interrupted));
        assert_eq!(scene.end(), ("one\n".to_owned(), vec![]));
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let scene = scene();
        scene.log("one\n");
        scene.queue.flush(Duration::from_millis(1));
        assert!(scene.taken.lock().expect("no panic").is_empty());
        assert_eq!(scene.end().0, "one\n");
    }
}
