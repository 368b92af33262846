//! Recognises files that people upload instead of a zip, by their first bytes.
//!
//! Owns these signatures. Must not know what the files contain: the result is only a sentence.

use std::io::{self, Read, Seek, SeekFrom};

use super::error::ImportError;
use super::zip_directory::ZipDirectoryError;

/// The offset of the signature in a tar archive.
const TAR_AT: usize = 257;
const FIRST_BYTES: u64 = 512;

/// Refuses a file that is recognised as something else than a zip.
///
/// # Errors
/// [`ImportError::NotAZip`].
pub(super) fn check(source: &mut (impl Read + Seek)) -> Result<(), ImportError> {
    let mut first = Vec::new();
    let mut read = || -> io::Result<()> {
        source.seek(SeekFrom::Start(0))?;
        source.by_ref().take(FIRST_BYTES).read_to_end(&mut first)?;
        Ok(())
    };
    read().map_err(ZipDirectoryError::Read)?;
    let what = match first.as_slice() {
        [b'P', b'K', ..] => return Ok(()),
        bytes if is_onnx(bytes) => "it is a bare ONNX file, not a zip",
        [0x1f, 0x8b, ..] => "it is compressed with gzip, not a zip",
        [b'B', b'Z', b'h', ..] => "it is compressed with bzip2, not a zip",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "it is compressed with xz, not a zip",
        [b'7', b'z', 0xbc, 0xaf, ..] => "it is a 7-Zip archive, not a zip",
        [b'R', b'a', b'r', b'!', ..] => "it is a RAR archive, not a zip",
        [0x89, b'H', b'D', b'F', ..] => "it is an HDF5 file (Keras), neither ONNX nor a zip",
        [0x80, 2..=5, ..] => "it is a Python pickle, which is never executed, and not a zip",
        bytes if bytes.get(TAR_AT..).is_some_and(|rest| rest.starts_with(b"ustar")) => {
            "it is a tar archive, not a zip"
        }
        bytes if is_json(bytes) => "it is a JSON file, not a zip",
        _ => return Ok(()),
    };
    Err(ImportError::NotAZip(what))
}

/// Whether these are the first fields of an ONNX file: `ir_version`, and one of those that follow it in onnx.proto.
fn is_onnx(bytes: &[u8]) -> bool {
    const FIELDS_OF_BYTES: [u8; 6] = [0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42];
    const MODEL_VERSION: u8 = 0x28;
    matches!(bytes, [0x08, 1..=32, next, ..] if FIELDS_OF_BYTES.contains(next) || *next == MODEL_VERSION)
}

fn is_json(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    text.first() == Some(&b'{')
}
