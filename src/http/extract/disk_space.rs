//! Refuses an upload that the disk cannot hold before it is read.
//!
//! Owns the comparison with the free space. Must not know what is uploaded.

use std::io::{Error, ErrorKind};
use std::path::Path;

use actix_web::web;

use crate::fs::free_bytes;
use crate::http::error::HttpError;
use crate::http::uploads::MAX_IN_MEMORY;

/// Checks that an upload of `length` bytes fits in `directory`. A short one stays in memory. An unknown length or free
/// space passes: writing then fails if the disk is full.
///
/// # Errors
/// [`HttpError::upload`] of a full disk.
pub(super) async fn check(directory: &Path, length: Option<u64>) -> Result<(), HttpError> {
    let Some(length) = length.filter(|length| *length > MAX_IN_MEMORY as u64) else { return Ok(()) };
    let directory = directory.to_owned();
    // Network file systems can take long to answer.
    let free = web::block(move || free_bytes(&directory)).await;
    match free {
        Ok(Ok(free)) if free < length => Err(HttpError::upload(Error::from(ErrorKind::StorageFull))),
        _ => Ok(()),
    }
}
