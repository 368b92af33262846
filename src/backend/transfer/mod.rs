//! Export and import of models, as a zip or as files in a directory.
//!
//! An export contains `model.onnx`, which is sufficient to run the model, and for people and tools `model.json` and
//! `model-card.md`. Archives are not unpacked to disk, the sizes that they declare are not trusted, and only files of an
//! allow list are read. Must not know how models are trained.

mod archive;
mod card;
mod description;
mod error;
mod export;
mod files;
mod import;
mod layout;
mod measured_quality;
mod other_files;
mod zip_directory;

pub use archive::read_archive;
pub(super) use card::text as card;
pub(super) use description::{Description, describe, label, log_loss_of_shares};
pub use error::{ImportError, NameProblem};
pub use export::{export, export_to};
pub(super) use files::identifies_a_model;
pub use files::{ImportLimits, read_directory};
pub use import::{import, import_from, import_path};
pub(super) use measured_quality::MeasuredQuality;
pub use zip_directory::ZipDirectoryError;
