//! Why the files of a model cannot be imported.
//!
//! Owns the sentences about archives and directories. Must not know how they are read.

use std::io;

use zip::CompressionMethod;
use zip::result::ZipError;

use super::zip_directory::ZipDirectoryError;
use crate::model::{MODEL, MODEL_JSON};
use crate::text::Untrusted;
use crate::units::ByteSize;

const MAX_NAME_CHARS: usize = 60;
/// Characters of a library's error that are shown: it may repeat parts of the file.
const MAX_CAUSE_CHARS: usize = 200;

/// Why an import is refused. `Display` is a clause that follows "The import cannot be used:".
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message describes it")]
pub enum ImportError {
    #[error(transparent)]
    Directory(#[from] ZipDirectoryError),
    #[error("{}", cause(.0))]
    Zip(#[from] ZipError),
    #[error("there are bytes before its first file")]
    LeadingBytes,
    #[error("{0} bytes of it belong to no file")]
    UnusedBytes(u64),
    #[error("it contains two entries with the same name")]
    DuplicateName,
    #[error("{0}; {ZIP_REMEDY}")]
    NotAZip(&'static str),
    #[error(
        "it contains several models ({}); send one, with {MODEL} and {MODEL_JSON} at the top of the zip",
        shown_names(.0)
    )]
    SeveralModels(Vec<String>),
    #[error(
        "it is an export of Moodle without the trained model; export the model in Moodle again and tick \"Include the \
         weights of the trained model\""
    )]
    NoWeights,
    #[error(
        "it is an export of Moodle whose mlbackend/ was not made by a Python machine learning backend; a model of \
         Moodle's PHP backend cannot be converted, so train the model again"
    )]
    OtherBackend,
    #[error("it contains {}, {problem}", Untrusted(name).quoted(MAX_NAME_CHARS))]
    Name { name: String, problem: NameProblem },
    #[error("its {0} is a link")]
    Link(&'static str),
    #[error("its {0} is encrypted; send it without a password")]
    Encrypted(&'static str),
    #[error("its {name} is compressed with {method}; send it deflated or stored")]
    Compression { name: &'static str, method: CompressionMethod },
    #[error("its directory {0} has content")]
    DirectoryContent(&'static str),
    #[error("its {name} has {bytes} bytes, but the archive declares {declared}")]
    DeclaredSize { name: &'static str, bytes: u64, declared: u64 },
    #[error("its {name} is damaged ({source})")]
    Damaged { name: &'static str, source: io::Error },
    #[error("its {name} cannot be read ({source})")]
    Unreadable { name: &'static str, source: io::Error },
    #[error("its {0} is a link or no file; put a copy of the file there")]
    NotAFile(&'static str),
    #[error("its {name} is larger than {max}, a fixed limit")]
    FileTooLarge { name: &'static str, max: ByteSize },
    #[error("its files are larger than {0} together (the server's MOODLE_MLBACKEND_MAX_UNPACKED_BYTES)")]
    TooLarge(ByteSize),
    #[error(
        "its {MODEL} and {MODEL_JSON} do not belong together: the sha256 in {MODEL_JSON} is that of another file; \
         export the model again, and keep the files of an export together"
    )]
    OtherDescription,
}

/// Why the name of an archive's entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message describes it")]
pub enum NameProblem {
    #[error("a name that leads out of the archive")]
    LeadsOut,
    #[error("an absolute path")]
    Absolute,
    #[error("a Windows path; names in an archive have / between their parts")]
    Windows,
    #[error("which must be written {0:?}")]
    Case(&'static str),
    #[error("which is no part of a model; {MODEL} and {MODEL_JSON} belong at the top of the zip")]
    Unknown,
    #[error(
        "which is no part of a model: save weights and graph in one .onnx file (PyTorch: external_data=False)"
    )]
    SecondFile,
}

/// What to send instead of a file that is no zip.
const ZIP_REMEDY: &str =
    "put model.onnx and its model.json into a zip: zip -j model.zip model.onnx model.json";

/// A few of the names.
fn shown_names(names: &[String]) -> String {
    let shown = |name: &String| match name.as_str() {
        "" => "at the top".to_owned(),
        name => Untrusted(name).quoted(MAX_NAME_CHARS),
    };
    names.iter().take(3).map(shown).collect::<Vec<_>>().join(", ")
}

fn cause(error: &ZipError) -> String {
    let (kind, cause) = match error {
        ZipError::UnsupportedArchive(cause) => {
            ("a kind of zip file that is not supported", (*cause).to_owned())
        }
        ZipError::InvalidArchive(cause) => {
            let cause = cause.strip_prefix("header inconsistency detected: ").unwrap_or(cause);
            ("not a valid zip file", cause.to_owned())
        }
        ZipError::Io(error) => ("not a valid zip file", error.to_string()),
        other => ("not a valid zip file", other.to_string()),
    };
    format!("it is {kind} ({})", Untrusted(&cause).line(MAX_CAUSE_CHARS))
}
