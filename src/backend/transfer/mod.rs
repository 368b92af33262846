//! Models that travel: export and import, as a zip or as files in a directory.
//!
//! An export holds `model.onnx`, which is all that is needed, and for people and tools `model.json` and
//! `model-card.md`. Nothing of an archive is unpacked to disk, no size that it declares is believed, and only
//! names of an allow-list are read.

mod archive;
mod card;
mod description;
mod export;
mod files;
mod import;
mod zip_directory;

pub use archive::read_archive;
pub(super) use description::{label, log_loss_of_shares};
pub use export::{export, export_to};
pub(super) use files::is_part_of_a_model;
pub use files::{ImportLimits, read_directory};
pub use import::{import, import_from};

use super::BackendError;

/// An import that is refused, with the reason; a sentence without its full stop.
fn unusable(why: &dyn std::fmt::Display) -> BackendError {
    BackendError::InvalidImport(why.to_string())
}
