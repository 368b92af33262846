//! Keeps what clients sent, for whoever debugs, as plain files:
//! `STASH/<time>-<request id>/request.json` and the uploaded file beside it.
//!
//! Only the known parameters are kept, and no header: credentials never get here.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::extract::form::Form;

const KNOWN: [&str; 7] =
    ["uniqueid", "dirhash", "minscore", "maxdeviation", "niterations", "runid", "trainedmodeldirhash"];

/// The directory that keeps what clients sent.
pub(super) struct DebugCopies(PathBuf);

#[derive(Serialize)]
struct Kept<'a> {
    time: String,
    request: &'a str,
    method: &'a str,
    route: &'a str,
    parameters: Vec<(&'static str, &'a str)>,
    file: Option<&'static str>,
}

impl DebugCopies {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    /// Copies one request; may wait for the disk.
    pub(super) fn keep(&self, request: &str, method: &str, route: &str, form: &Form) -> io::Result<()> {
        let now = jiff::Timestamp::now();
        let dir = self.0.join(format!("{}-{request}", now.strftime("%Y%m%dT%H%M%S")));
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        let upload = form.upload();
        let kept = Kept {
            time: now.to_string(),
            request,
            method,
            route,
            parameters: KNOWN.iter().filter_map(|name| Some((*name, form.value(name)?))).collect(),
            file: upload.map(|(name, _)| name),
        };
        write(&dir, &kept)?;
        if let Some((name, upload)) = upload {
            fs::copy(upload.path(), dir.join(name))?;
        }
        Ok(())
    }
}

fn write(dir: &Path, kept: &Kept<'_>) -> io::Result<()> {
    let file = fs::File::create_new(dir.join("request.json"))?;
    Ok(serde_json::to_writer_pretty(file, kept)?)
}
