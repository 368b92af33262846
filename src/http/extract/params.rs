//! The parameters of a request: texts become types that cannot hold invalid values.

use super::form::Form;
use super::tenant::Tenant;
use crate::backend::{EvaluationInfo, EvaluationRequest};
use crate::http::error::HttpError;
use crate::store::{DirHash, ModelId, ModelKey, RunId};
use crate::text::Untrusted;

/// Characters of a client's text that an error message repeats.
const MAX_QUOTED: usize = 40;

/// `uniqueid` and then `dirhash`: one model.
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

/// `minscore`, `maxdeviation` and `niterations`.
pub(crate) fn evaluation(
    form: &Form,
    max_iterations: usize,
    info: EvaluationInfo,
) -> Result<EvaluationRequest, HttpError> {
    Ok(EvaluationRequest {
        min_score: share(form, "minscore")?,
        max_deviation: share(form, "maxdeviation")?,
        iterations: iterations(form, max_iterations)?,
        info,
        group_by: None,
    })
}

/// `top`, the number of contributions of each output; without it, all are listed.
pub(crate) fn top(form: &Form) -> Result<Option<usize>, HttpError> {
    let name = "top";
    let Some(raw) = form.value(name) else { return Ok(None) };
    let number = digits(raw).and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
    number.map(Some).ok_or_else(|| bad_number(name, raw, "a whole number from 1 on"))
}

/// `runid`; `None` if it is not a number, which is handled like an unknown run.
pub(crate) fn run(form: &Form) -> Result<Option<RunId>, HttpError> {
    Ok(digits(required(form, "runid")?).map(RunId))
}

/// `seconds`, at most `max`.
pub(crate) fn seconds(form: &Form, max: u64) -> Result<u64, HttpError> {
    let name = "seconds";
    let raw = required(form, name)?.trim();
    let seconds = digits(raw).filter(|seconds| *seconds <= max);
    seconds.ok_or_else(|| bad_number(name, raw, &format!("a whole number from 0 to {max}")))
}

fn required<'a>(form: &'a Form, name: &'static str) -> Result<&'a str, HttpError> {
    form.value(name).ok_or(HttpError::MissingParameter(name))
}

/// A number from 0 to 1 as Moodle writes it: digits and a point. The Python server deletes all other characters
/// first and so reads -1 as 1 and 1e-1 as 11; refusing is better than guessing.
fn share(form: &Form, name: &'static str) -> Result<f64, HttpError> {
    let raw = required(form, name)?.trim();
    let plain = raw.chars().all(|c| c.is_ascii_digit() || c == '.');
    match raw.parse::<f64>() {
        Ok(number) if plain && (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err(bad_number(name, raw, "a number from 0 to 1 such as 0.7")),
    }
}

fn iterations(form: &Form, max: usize) -> Result<usize, HttpError> {
    let name = "niterations";
    let raw = required(form, name)?.trim();
    let number = digits(raw).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| (1..=max).contains(number)).ok_or_else(|| {
        let setting = "the server's MOODLE_MLBACKEND_MAX_ITERATIONS";
        bad_number(name, raw, &format!("a whole number from 1 to {max} ({setting})"))
    })
}

fn bad_number(name: &str, raw: &str, expected: &str) -> HttpError {
    HttpError::BadRequest(format!("{name} is {}: send {expected}.", Untrusted(raw).quoted(MAX_QUOTED)))
}

/// A number of digits only; `parse` would accept a plus sign too.
fn digits(raw: &str) -> Option<u64> {
    let raw = raw.trim();
    if raw.chars().all(|c| c.is_ascii_digit()) { raw.parse().ok() } else { None }
}
