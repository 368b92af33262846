//! Asynchronous jobs: a client that sends `Prefer: respond-async` gets the address of the job at once, and its result there.
//!
//! Owns the life of a job from its request to its end, also across a restart: it is stored before the response, so the next
//! server takes those that have not ended. A job that was done but whose end was not stored is done again, which counts no
//! sample twice, as for a request of Moodle that is repeated. With a queue, workers perform the long ones. Must not know what a
//! job does.

mod answer;
mod keep;
mod lookup;
mod prefer;
mod queued;
mod record;
mod running;
mod shelf;
mod stored;
mod wait;
mod work;
mod worker;

pub(in crate::http) use answer::answer;
pub(in crate::http) use keep::{connect, keep};
pub(in crate::http) use lookup::{cancel, has_ended, progress, progress_of_all};
pub(in crate::http) use prefer::{APPLIED, Preferences};
pub(in crate::http) use record::{Ending, JobId, Record};
pub(in crate::http) use running::Progress;
pub(in crate::http) use stored::AsyncJobs;
pub(in crate::http) use worker::Worker;
