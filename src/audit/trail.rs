//! The trail of a data directory: what callers use.
//!
//! Owns which lines an operation has, and in which order they are written. Must not know how lines are stored.

use std::collections::BTreeMap;
use std::path::{self, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::bucket::BucketTrail;
use super::days::{self, RemovedDay, day_of};
use super::error::AuditError;
use super::interrupted::{self, Process};
use super::line::{Event, Line, Subject};
use super::outcome::{Outcome, Verdict};
use super::place::{TrailPlace, below};
use super::writer::{Durability, Writer};
use crate::fs::nofollow::NoFollowPath;
use crate::store::Store;

/// Other servers on a bucket can end at any time.
const INTERRUPTIONS_INTERVAL: Duration = Duration::from_mins(1);

/// The audit trail of a data directory. Nothing is created before the first line is written.
#[derive(Debug, Clone)]
pub struct Trail(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    state: Mutex<State>,
}

/// Where lines are written.
#[derive(Debug)]
enum Target {
    Files { dir: NoFollowPath, writer: Writer },
    Bucket(BucketTrail),
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    /// The lines of operations whose last line is not written yet: the first one while the operation runs, or the last
    /// one, if writing it failed.
    running: BTreeMap<u64, Line>,
    next: u64,
}

impl Trail {
    /// The trail of a data directory.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        Self::new(TrailPlace::of(store))
    }

    /// The trail of a directory that is no [`Store`], as Moodle's local mode uses it.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        // Fails only without a working directory, and then all that follows fails, too.
        let root = path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self::new(TrailPlace::Directory(below(&NoFollowPath::root(&root))))
    }

    fn new(place: TrailPlace) -> Self {
        let target = match place {
            TrailPlace::Directory(dir) => Target::Files { writer: Writer::new(dir.clone()), dir },
            TrailPlace::Bucket(bucket) => Target::Bucket(bucket),
        };
        Self(Arc::new(Inner { target, state: Mutex::default() }))
    }

    /// Writes that an operation begins, and syncs it. Call this before the operation changes anything, and not on an
    /// async worker.
    ///
    /// # Errors
    /// [`AuditError`]; the operation must not begin then.
    pub fn begin(&self, subject: Subject) -> Result<Recording, AuditError> {
        let (number, id) = self.0.next_id()?;
        let mut line = Line::new(subject, Event::Began, None, Some(id));
        self.0.write(&mut line, Durability::Synced)?;
        self.0.state().running.insert(number, line);
        Ok(Recording(Arc::new(Running { trail: self.clone(), number })))
    }

    /// Writes the only line of an operation that changes nothing.
    ///
    /// # Errors
    /// [`AuditError`]; [`Operation::needs_line`](super::Operation::needs_line) says whether the operation must fail then.
    pub fn record(&self, subject: Subject, outcome: Outcome) -> Result<(), AuditError> {
        let mut line = Line::new(subject, Event::Done, Some(outcome), None);
        self.0.write(&mut line, Durability::Written)
    }

    /// Runs an operation and records it, before and after or only after it. `outcome` takes its result.
    ///
    /// # Errors
    /// [`AuditError`] if a line that the operation needs cannot be written. The result of an operation that needs none is
    /// returned all the same, and the error is logged.
    pub fn run<T>(
        &self,
        subject: Subject,
        operation: impl FnOnce() -> T,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, AuditError> {
        if subject.operation.is_change() {
            let recording = self.begin(subject)?;
            let result = operation();
            recording.end(outcome(&result));
            return Ok(result);
        }
        let needs_line = subject.operation.needs_line();
        let result = operation();
        match self.record(subject, outcome(&result)) {
            Err(error) if needs_line => Err(error),
            Err(error) => {
                log_unwritten(&error);
                Ok(result)
            }
            Ok(()) => Ok(result),
        }
    }

    /// Reports the operations of processes that have ended before them: with a line each, and in the log. Returns their
    /// number. Operations of running processes are not affected.
    ///
    /// # Errors
    /// [`AuditError`]; the next call then reports the rest.
    pub fn report_interrupted(&self) -> Result<usize, AuditError> {
        let mut count = 0;
        let report = |began: Line| {
            tracing::warn!(
                operation = %began.operation,
                model = began.model(),
                began = %began.time,
                id = began.request,
                "an operation was interrupted: its process ended before it. It was completed, or it changed nothing"
            );
            let mut line = began.ended(Event::Interrupted, Outcome::of(Verdict::Interrupted));
            self.0.write(&mut line, Durability::Synced)?;
            count += 1;
            Ok(())
        };
        match &self.0.target {
            Target::Files { dir, .. } => interrupted::find(dir, report)?,
            Target::Bucket(bucket) => bucket.find_interrupted(report)?,
        }
        Ok(count)
    }

    /// After which time [`Self::report_interrupted`] can find more, without a new start of this process; `None` if it cannot.
    #[must_use]
    pub fn interruptions_interval(&self) -> Option<Duration> {
        match &self.0.target {
            Target::Files { .. } => None,
            Target::Bucket(_) => Some(INTERRUPTIONS_INTERVAL),
        }
    }

    /// Removes the lines of days that ended more than `keep` days ago; 0 keeps all. With `dry_run`, removes nothing.
    ///
    /// # Errors
    /// [`AuditError`] when a file cannot be removed.
    pub fn remove_outdated(&self, keep: u32, dry_run: bool) -> Result<Vec<RemovedDay>, AuditError> {
        let today = day_of(Timestamp::now());
        match &self.0.target {
            Target::Files { dir, .. } => days::remove_outdated(dir, keep, today, dry_run),
            Target::Bucket(bucket) => bucket.remove_outdated(keep, today, dry_run),
        }
    }

    /// Ends the use of the trail by this process. Call it after [`Store::close`]: operations that still run can no longer
    /// publish and are recorded as interrupted.
    pub fn close(&self) {
        let mut state = self.0.state();
        let running = std::mem::take(&mut state.running);
        let process = state.process.take();
        drop(state);
        let mut unwritten = None;
        for line in running.into_values() {
            let mut line = match line.event {
                Event::Began => line.ended(Event::Interrupted, Outcome::of(Verdict::Interrupted)),
                _ => line,
            };
            unwritten = unwritten.or(self.0.write(&mut line, Durability::Synced).err());
        }
        if let Target::Bucket(bucket) = &self.0.target {
            bucket.end(unwritten.is_some());
        }
        if let Some(error) = unwritten {
            log_unwritten(&error);
            // The next start reports them.
            process.into_iter().for_each(Process::leave_behind);
        }
    }
}

impl Inner {
    fn write(&self, line: &mut Line, durability: Durability) -> Result<(), AuditError> {
        match &self.target {
            Target::Files { writer, .. } => writer.write(line, durability),
            Target::Bucket(bucket) => bucket.write(line),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new operation of this process.
    fn next_id(&self) -> Result<(u64, String), AuditError> {
        if let Target::Bucket(bucket) = &self.target {
            bucket.start()?;
        }
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let dir = match &self.target {
            Target::Bucket(bucket) => return Ok((number, format!("{}.{number}", bucket.process()))),
            Target::Files { dir, .. } => dir,
        };
        if state.process.is_none() {
            state.process = Some(Process::start(dir)?);
        }
        let process = state.process.as_ref().map(|process| process.name.as_str()).unwrap_or_default();
        Ok((number, format!("{process}.{number}")))
    }
}

/// An operation that has begun. When the last clone is dropped before [`Self::end`], it is recorded as abandoned.
#[derive(Debug, Clone)]
pub struct Recording(Arc<Running>);

#[derive(Debug)]
struct Running {
    trail: Trail,
    number: u64,
}

impl Recording {
    /// Writes how the operation ended; only the first call has an effect. If the line cannot be written, that is logged,
    /// because the change is already made; [`Trail::close`] tries again.
    pub fn end(&self, outcome: Outcome) {
        self.0.end(outcome);
    }
}

impl Running {
    fn end(&self, outcome: Outcome) {
        let inner = &self.trail.0;
        let mut state = inner.state();
        if state.running.get(&self.number).is_none_or(|line| line.event != Event::Began) {
            return;
        }
        let Some(line) = state.running.remove(&self.number) else { return };
        drop(state);
        let mut line = line.ended(Event::Ended, outcome);
        if let Err(error) = inner.write(&mut line, Durability::Written) {
            log_unwritten(&error);
            inner.state().running.insert(self.number, line);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(if thread::panicking() {
            Outcome::error(Verdict::Failed, "internal error")
        } else {
            Outcome::of(Verdict::Abandoned)
        });
    }
}

fn log_unwritten(error: &AuditError) {
    tracing::error!(%error, "a line of the audit trail could not be written");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::audit::{Actor, Operation};

    struct Scene {
        dir: tempfile::TempDir,
        trail: Trail,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            Self { trail: Trail::at(dir.path()), dir }
        }

        fn begin(&self) -> Recording {
            self.trail.begin(training()).expect("written")
        }

        /// The event and the result of each line.
        fn lines(&self) -> Vec<(Event, Option<Verdict>)> {
            let file = days::file_of(&below(&NoFollowPath::root(self.dir.path())), day_of(Timestamp::now()));
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).expect("a line"));
            lines.map(|line| (line.event, line.outcome.map(|outcome| outcome.result))).collect()
        }
    }

    fn training() -> Subject {
        Subject::new(Operation::Training, Actor::local("me".to_owned()))
    }

    const BEGAN: (Event, Option<Verdict>) = (Event::Began, None);

    #[test]
    fn an_operation_ends_once_and_is_abandoned_when_its_last_clone_is_dropped() {
        let scene = Scene::new();
        let recording = scene.begin();
        recording.end(Outcome::ok());
        recording.end(Outcome::of(Verdict::Failed));
        drop(recording);
        let clone = scene.begin().clone();
        assert_eq!(scene.lines().len(), 3);
        drop(clone);
        let ended = |verdict| (Event::Ended, Some(verdict));
        assert_eq!(scene.lines(), [BEGAN, ended(Verdict::Ok), BEGAN, ended(Verdict::Abandoned)]);
    }

    #[test]
    fn a_panic_is_a_failure() {
        let scene = Scene::new();
        let run = || scene.trail.run(training(), || panic!("on purpose"), |()| Outcome::ok());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        assert_eq!(scene.lines(), [BEGAN, (Event::Ended, Some(Verdict::Failed))]);
    }

    #[test]
    fn closing_records_what_runs_as_interrupted_and_removes_the_lock() {
        let scene = Scene::new();
        let recording = scene.begin();
        scene.trail.close();
        recording.end(Outcome::ok());
        assert_eq!(scene.lines(), [BEGAN, (Event::Interrupted, Some(Verdict::Interrupted))]);
        assert_eq!(Trail::at(scene.dir.path()).report_interrupted().expect("read"), 0);
    }

    #[test]
    fn a_process_reports_the_operations_of_those_that_have_ended_only() {
        let scene = Scene::new();
        let _running = scene.begin();
        let ended = Trail::at(scene.dir.path());
        let recording = ended.begin(training()).expect("written");
        let finished = ended.begin(training()).expect("written");
        finished.end(Outcome::ok());
        assert_eq!(scene.trail.report_interrupted().expect("read"), 0);
        // As a crash does: without lines, but with the release of the lock.
        let process = ended.0.state().process.take().expect("it has begun something");
        process.crash();
        ended.0.state().running.clear();
        drop(recording);
        assert_eq!(Trail::at(scene.dir.path()).report_interrupted().expect("read"), 1);
        assert_eq!(scene.lines().last(), Some(&(Event::Interrupted, Some(Verdict::Interrupted))));
        assert_eq!(Trail::at(scene.dir.path()).report_interrupted().expect("read"), 0);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_line_that_fails_leaves_nothing_and_a_last_line_is_written_at_the_end() {
        use crate::fs::failpoints::{Fault, arm, disarm};

        const ENOSPC: i32 = 28;
        let scene = Scene::new();
        let recording = scene.begin();
        let mut failed = 0;
        for step in 0.. {
            arm(step, Fault::Error(ENOSPC));
            let began = scene.trail.begin(training());
            if disarm() {
                break;
            }
            failed += usize::from(matches!(began, Err(AuditError::Store(error)) if error.is_no_space()));
        }
        assert!(failed >= 2, "{failed}");
        arm(0, Fault::Error(ENOSPC));
        recording.end(Outcome::ok());
        assert!(!disarm());
        let ok = (Event::Ended, Some(Verdict::Ok));
        assert!(!scene.lines().contains(&ok));
        scene.trail.close();
        assert!(scene.lines().contains(&ok), "{:?}", scene.lines());
    }
}
