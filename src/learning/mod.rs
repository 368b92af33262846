//! Learns from samples: recipes, cross-validation, metrics, evaluation.
//!
//! Pure computing: no files, no HTTP, no clock; randomness is seeded, so the
//! same samples always give the same model. Knows [`crate::dataset`]'s types
//! and nothing else of this crate.

mod evaluation;
mod metrics;

pub use evaluation::{Evaluation, Iteration};
pub use metrics::{Figures, RocCurve};
