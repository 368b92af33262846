//! Keeps a copy of every request for debugging, in plain files:
//! `MOODLE_ML_STASH_DIR/<time>-<request id>/request.json` and the uploaded files beside it.
//!
//! Only the known parameters are kept, and no headers: the copies never contain credentials.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde::Serialize;

use super::extract::form::Form;

const PARAMETERS: [&str; 8] =
    ["uniqueid", "dirhash", "minscore", "maxdeviation", "niterations", "runid", "trainedmodeldirhash", "top"];

/// How the copy names the request.
#[derive(Serialize)]
pub(super) struct RequestLine {
    #[serde(rename = "request")]
    pub(super) id: String,
    pub(super) method: String,
    pub(super) route: String,
}

#[derive(Serialize)]
struct Copy<'a> {
    time: String,
    #[serde(flatten)]
    request: &'a RequestLine,
    parameters: Vec<(&'static str, &'a str)>,
    file: Option<&'static str>,
}

/// Copies one request to `stash`. Blocks on the disk.
pub(super) fn save(stash: &Path, request: &RequestLine, form: &Form) -> io::Result<()> {
    let now = jiff::Timestamp::now();
    let dir = stash.join(format!("{}-{}", now.strftime("%Y%m%dT%H%M%S"), request.id));
    fs::DirBuilder::new().mode(0o700).create(&dir)?;
    let mut uploads = form.uploads().peekable();
    let copy = Copy {
        time: now.to_string(),
        request,
        parameters: PARAMETERS.iter().filter_map(|name| Some((*name, form.value(name)?))).collect(),
        file: uploads.peek().map(|(name, _)| *name),
    };
    serde_json::to_writer_pretty(fs::File::create_new(dir.join("request.json"))?, &copy)?;
    uploads.try_for_each(|(name, upload)| upload.copy_to(&dir.join(name)))
}
