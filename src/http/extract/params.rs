//! What a request's parameters mean: texts become types that cannot hold bad values.

use super::form::Form;
use super::tenant::Tenant;
use crate::backend::EvaluationRequest;
use crate::http::error::HttpError;
use crate::store::{DirHash, ModelId, ModelKey, RunId};

/// `uniqueid` and then `dirhash`: the model that a request is about.
pub(crate) fn model_key(form: &Form, tenant: &Tenant) -> Result<ModelKey, HttpError> {
    Ok(ModelKey { id: model_id(form, tenant)?, dir: DirHash::new("dirhash", required(form, "dirhash")?)? })
}

pub(crate) fn model_id(form: &Form, tenant: &Tenant) -> Result<ModelId, HttpError> {
    Ok(tenant.model(required(form, "uniqueid")?)?)
}

/// `trainedmodeldirhash`, which only some evaluations have.
pub(crate) fn trained_dir(form: &Form) -> Result<Option<DirHash>, HttpError> {
    let name = "trainedmodeldirhash";
    Ok(form.value(name).map(|raw| DirHash::new(name, raw)).transpose()?)
}

/// Reads `minscore`, `maxdeviation` and `niterations`.
pub(crate) fn evaluation(form: &Form, max_iterations: usize) -> Result<EvaluationRequest, HttpError> {
    Ok(EvaluationRequest {
        min_score: share(form, "minscore")?,
        max_deviation: share(form, "maxdeviation")?,
        iterations: iterations(form, max_iterations)?,
    })
}

/// `runid`; `None` when it is no number, which is a run that nobody knows.
pub(crate) fn run(form: &Form) -> Result<Option<RunId>, HttpError> {
    Ok(whole(required(form, "runid")?).map(RunId))
}

fn required<'a>(form: &'a Form, name: &'static str) -> Result<&'a str, HttpError> {
    form.value(name).ok_or(HttpError::MissingParameter(name))
}

/// A number from 0 to 1 as Moodle writes it: digits and a point. The reference deletes every other
/// character first and so takes -1 for 1 and 1e-1 for 11; refusing beats guessing.
fn share(form: &Form, name: &'static str) -> Result<f64, HttpError> {
    let raw = required(form, name)?.trim();
    let plain = raw.chars().all(|c| c.is_ascii_digit() || c == '.');
    match raw.parse::<f64>() {
        Ok(number) if plain && (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err(HttpError::BadRequest(format!(
            "{name} is {}: send a number from 0 to 1 such as 0.7.",
            quoted(raw)
        ))),
    }
}

fn iterations(form: &Form, most: usize) -> Result<usize, HttpError> {
    let name = "niterations";
    let raw = required(form, name)?.trim();
    match whole(raw).and_then(|number| usize::try_from(number).ok()) {
        Some(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(HttpError::BadRequest(format!(
            "{name} is {}: send a whole number from 1 to {most} (the server's MOODLE_MLBACKEND_MAX_ITERATIONS).",
            quoted(raw)
        ))),
    }
}

/// A number of digits alone; `parse` would take a plus sign too.
fn whole(raw: &str) -> Option<u64> {
    let raw = raw.trim();
    if raw.chars().all(|c| c.is_ascii_digit()) { raw.parse().ok() } else { None }
}

/// What a client sent, short enough and plain enough for a message that a web page shows.
fn quoted(raw: &str) -> String {
    const MOST: usize = 40;
    let shown: String = raw
        .chars()
        .take(MOST)
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '<' | '>' | '&' | '"' | '\'') { c } else { '?' })
        .collect();
    let more = if raw.chars().nth(MOST).is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}
