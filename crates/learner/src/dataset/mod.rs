//! Reads Moodle's dataset files into samples.
//!
//! Owns the CSV format, errors with line and column, and the compact form of samples in memory and on disk. Must not know
//! how a model is trained, nor where files come from: it reads any [`std::io::Read`].
//!
//! The format is three header lines (keys, values, column names) and then one line for each sample; an empty cell is a
//! missing value.
//!
//! ```
//! use learner::dataset::{Limits, read_labelled};
//!
//! let file = "nfeatures,targetclasses\n2,\"[0,1]\"\nclicks,posts,dropout\n0.5,,1\n-1,0.25,0\n";
//! let samples = read_labelled(file.as_bytes(), &Limits::default())?.into_samples()?;
//! assert_eq!(samples.features().rows(), 2);
//! assert_eq!(samples.class_counts(), [1, 1]);
//! # Ok::<(), learner::dataset::DatasetError>(())
//! ```

mod archive;
mod batches;
mod builder;
mod column;
mod day;
mod error;
mod features;
mod foreign_format;
mod hash;
mod header;
mod labelled;
mod limits;
mod newlines;
mod quality;
mod reader;
mod stored_samples;
mod table;
mod target_classes;
mod writer;

pub use archive::ArchiveError;
pub use column::Column;
pub use day::Day;
pub use error::{DatasetError, Dimension, Mismatch, Position};
pub use features::Features;
pub use header::{Class, Header};
pub use labelled::{Labelled, LabelledFile};
pub use limits::Limits;
pub use quality::DataQuality;
pub use reader::{Unlabelled, read_labelled, read_unlabelled};
pub use stored_samples::StoredSamples;
pub use table::{Table, read_table};
pub use writer::CsvWriter;
