//! What is stored, for the list of models, and changes to a stored model that are no training.
//!
//! Must not know users, pages or how anything is shown.

mod detail;
mod evaluation;
mod list;
mod report_head;
mod rollback;
mod samples;
mod summary;

pub use detail::{Detail, detail, is_stored};
pub use evaluation::{EvaluationResult, ImportantFeature, StoredEvaluation};
pub use list::{Cursor, Direction, ListQuery, Page, Place, Sort, SortBy, count, list};
pub use rollback::{RolledBack, roll_back};
pub(super) use samples::trained_on;
pub use samples::{KeptSamples, samples};
pub use summary::{ModelOrigin, Summary};
