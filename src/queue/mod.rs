//! The queue in Redis: the order of jobs, who has them, how far they are, and which are cancelled.
//!
//! Owns the keys in Redis and the scripts that change them. Redis has nothing that cannot be lost: jobs, uploads and results are
//! elsewhere, and a queue that was emptied is filled again from there. Must not know what a job does.

mod connection;
mod error;

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use connection::Connection;
pub(crate) use error::QueueError;

/// How long a worker has a job without a sign of life.
const LEASE: Duration = Duration::from_secs(5);
/// How often a worker gives one.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);
/// A job whose workers ended this often while they had it is set aside.
pub(crate) const MAX_ATTEMPTS: u64 = 3;
/// How long a job waits after its first worker ended; twice as long after each further one.
const BACK_OFF: Duration = Duration::from_secs(1);

const PREFIX: &str = "moodle-mlbackend:";

/// A script, with what all of them share.
macro_rules! script {
    ($name:ident, $file:literal) => {
        static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(
                include_str!("scripts/common.lua"),
                "\n",
                include_str!(concat!("scripts/", $file))
            ))
        });
    };
}

script!(ENQUEUE, "enqueue.lua");
script!(TAKE, "take.lua");
script!(HEARTBEATS, "heartbeat.lua");
script!(RETURN, "return.lua");
script!(FORGET, "forget.lua");
script!(CANCEL, "cancel.lua");
script!(LOOK, "look.lua");
script!(STATUS, "status.lua");

/// The queue in Redis.
pub(crate) struct Queue {
    connection: Connection,
}

/// A job as the queue knows it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) user: String,
    /// The model that it changes, of which one job at a time runs; empty if it changes none.
    pub(crate) model: String,
}

/// What a worker says about a job that it has.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) entry: Entry,
    pub(crate) phase: &'static str,
    pub(crate) done: f64,
}

/// A job that a worker gets.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: String,
    /// How often it was taken, this time included.
    pub(crate) attempts: u64,
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) is_running: bool,
    pub(crate) phase: String,
    pub(crate) done: f64,
    pub(crate) is_cancelled: bool,
}

/// The queue as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Status {
    /// Whether it has all jobs: it was not emptied since [`Queue::set_complete`].
    pub(crate) is_complete: bool,
    pub(crate) workers: u64,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
}

/// What a cancellation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// The job waited, and is no longer in the queue.
    Waiting,
    /// A worker has it.
    Running,
    /// The queue does not know it.
    Unknown,
}

impl Queue {
    /// The queue at an address. Nothing is connected yet.
    pub(crate) fn new(url: &str) -> Result<Self, QueueError> {
        Ok(Self { connection: Connection::new(url)? })
    }

    /// Connects, if there is no connection.
    pub(crate) async fn connect(&self) -> Result<(), QueueError> {
        self.connection.connection().await.map(drop)
    }

    /// Adds a job that the queue does not have.
    pub(crate) async fn enqueue(&self, entry: &Entry) -> Result<bool, QueueError> {
        let mut script = call(&ENQUEUE);
        script.arg(&entry.id).arg(&entry.user).arg(&entry.model);
        self.connection.run(&script).await
    }

    /// Takes the next job, and how many jobs of workers that have ended wait again. `share` is the number of running jobs that a
    /// user may have.
    pub(crate) async fn take(
        &self,
        worker: &str,
        share: Option<usize>,
    ) -> Result<(Option<Taken>, u64), QueueError> {
        let mut script = call(&TAKE);
        script.arg(worker).arg(milliseconds(LEASE)).arg(MAX_ATTEMPTS).arg(share.unwrap_or(0));
        script.arg(milliseconds(BACK_OFF));
        let (id, attempts, again): (String, u64, u64) = self.connection.run(&script).await?;
        Ok((Some(Taken { id, attempts }).filter(|taken| !taken.id.is_empty()), again))
    }

    /// Keeps the jobs of a worker. Returns those that were cancelled.
    pub(crate) async fn heartbeat(&self, worker: &str, jobs: &[Held]) -> Result<Vec<String>, QueueError> {
        let mut script = call(&HEARTBEATS);
        script.arg(worker).arg(milliseconds(LEASE));
        for Held { entry, phase, done } in jobs {
            script.arg(&entry.id).arg(&entry.user).arg(&entry.model).arg(*phase).arg(*done);
        }
        self.connection.run(&script).await
    }

    /// Returns a job that its worker does not do: it waits again.
    pub(crate) async fn give_back(
        &self,
        id: &str,
        worker: &str,
        delay: Duration,
        counts: bool,
    ) -> Result<(), QueueError> {
        let mut script = call(&RETURN);
        script.arg(id).arg(worker).arg(milliseconds(delay)).arg(u8::from(counts));
        self.connection.run::<u64>(&script).await.map(drop)
    }

    /// Removes a job that has ended.
    pub(crate) async fn forget(&self, id: &str) -> Result<(), QueueError> {
        let mut script = call(&FORGET);
        script.arg(id);
        self.connection.run::<u64>(&script).await.map(drop)
    }

    /// Cancels a job.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, QueueError> {
        self.cancelled(id, true).await
    }

    /// Removes a job that waits.
    pub(crate) async fn withdraw(&self, id: &str) -> Result<Cancelled, QueueError> {
        self.cancelled(id, false).await
    }

    async fn cancelled(&self, id: &str, running_too: bool) -> Result<Cancelled, QueueError> {
        let mut script = call(&CANCEL);
        script.arg(id).arg(u8::from(running_too));
        let state: String = self.connection.run(&script).await?;
        Ok(match state.as_str() {
            "" => Cancelled::Unknown,
            "waiting" => Cancelled::Waiting,
            _ => Cancelled::Running,
        })
    }

    /// Where jobs are, in the order of the ids; and the number of workers that are alive.
    pub(crate) async fn look(&self, ids: &[&str]) -> Result<(Vec<Option<Seen>>, u64), QueueError> {
        let mut script = call(&LOOK);
        script.arg(milliseconds(LEASE)).arg(ids);
        let found: Vec<String> = self.connection.run(&script).await?;
        let mut fields = found.into_iter();
        let workers = fields.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let fields: Vec<String> = fields.collect();
        let seen = |job: &[String]| match job {
            [state, phase, done, cancelled] if !state.is_empty() => Some(Seen {
                is_running: state == "running",
                phase: phase.clone(),
                done: done.parse().unwrap_or(0.0),
                is_cancelled: !cancelled.is_empty(),
            }),
            _ => None,
        };
        Ok((fields.chunks(4).map(seen).collect(), workers))
    }

    /// The queue as a whole.
    pub(crate) async fn status(&self) -> Result<Status, QueueError> {
        let mut script = call(&STATUS);
        script.arg(milliseconds(LEASE));
        let (complete, workers, waiting, running): (u8, u64, u64, u64) = self.connection.run(&script).await?;
        Ok(Status { is_complete: complete == 1, workers, waiting, running })
    }

    /// The queue has all jobs.
    pub(crate) async fn set_complete(&self) -> Result<(), QueueError> {
        let mut connection = self.connection.connection().await?;
        let mut command = redis::cmd("SET");
        command.arg(format!("{PREFIX}complete")).arg(1);
        Ok(command.query_async::<()>(&mut connection).await?)
    }
}

fn call(script: &'static LazyLock<Script>) -> ScriptInvocation<'static> {
    script.key(PREFIX)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
