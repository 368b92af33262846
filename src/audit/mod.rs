//! The audit trail: which operation a user has started on which model, and how it ended.
//!
//! Owns the files of the trail, the order of their lines, and how long they are kept. Must not know how an operation
//! works, nor where a request comes from.
//!
//! ```text
//! DIR/.mlbackend/audit/YYYY-MM-DD.jsonl    the lines of one day (UTC), one JSON object each
//! DIR/.mlbackend/audit/processes/*         one lock for each process that changes something
//! ```
//!
//! In a bucket each line is an object, see `bucket.rs`.
//!
//! An operation that changes something has two lines: `began`, which is on the disk before the operation changes anything,
//! and `ended`, which is written before the answer is sent. If a process ends in between, the next one to start adds the
//! line `interrupted`. An operation that changes nothing has one line, `done`, which is not synced.
//!
//! A line has no sample, no password and no path. Ids in it consist of safe characters; a user's name is escaped by JSON.
//!
//! Several processes may write: each line is one write to the end of the file, under the file's lock. A line that a crash
//! left incomplete is ended by the next writer; readers report it and go on.

mod bucket;
mod check;
mod days;
mod error;
mod filter;
mod interrupted;
mod line;
mod lines;
mod newest;
mod operation;
mod outcome;
mod place;
mod reader;
mod trail;
mod writer;

pub use check::check;
pub use days::RemovedDay;
pub use error::AuditError;
pub use filter::Filter;
pub use line::{Actor, Event, Line, Subject};
pub use newest::newest;
pub use operation::Operation;
pub use outcome::{Outcome, Verdict};
pub use reader::{Damaged, read};
pub use trail::{Recording, Trail};
