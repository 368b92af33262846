//! The `OpenAPI` document of all routes, and the pages that are rendered from it.
//!
//! Owns what belongs to all routes of a kind: the credentials and the responses to errors. Each route describes itself, beside
//! its handler. Must not know how a request is handled.

mod common;
pub(in crate::http) mod forms;
mod html;
#[cfg(test)]
mod markdown;
mod reader;
mod served;
#[cfg(test)]
mod tests;

pub(in crate::http) use served::Served;

use utoipa::OpenApi;

use super::problem::Problem;
use super::routes::{
    delete, diagnostics, docs, evaluation, evaluation_log, explanation, export, health_live, health_ready,
    import, jobs, metrics, models, openapi_json, prediction, training, version,
};
use common::Common;
use reader::Api;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "moodle-mlbackend",
        description = "A machine-learning backend for Moodle analytics.\n\nMoodle uses the routes below *Moodle*; their \
                       protocol is that of the Python server, whose errors are plain sentences for Moodle's administrator. \
                       The routes below *Models* are for tools of the server's administrator, those below *Jobs* for \
                       clients that do not wait for results; their errors are problem details (RFC 9457).\n\nCredentials are those of MOODLE_MLBACKEND_PYTHON_USERS, by HTTP Basic \
                       authentication. What a user may do depends on its role: MOODLE_MLBACKEND_ADMINS names users that see \
                       and change the models of all users, MOODLE_MLBACKEND_VIEWERS users that can only look at the list. On \
                       a server that isolates its users (MOODLE_MLBACKEND_ISOLATE_USERS), admins name another user by the \
                       parameter `user` in the query string. HEAD works where GET does.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        version::version,
        training::train,
        prediction::predict,
        evaluation::evaluate,
        evaluation_log::evaluation_log,
        explanation::explain,
        export::export,
        import::import,
        delete::delete,
        models::list::list,
        models::detail::detail,
        models::rollback::roll_back,
        models::samples::samples,
        models::audit_bundle::audit_bundle,
        jobs::list::list,
        jobs::job::job,
        jobs::job::cancel,
        health_live::live,
        health_ready::ready,
        metrics::metrics,
        diagnostics::keepalive,
        openapi_json::openapi_json,
        docs::docs,
    ),
    components(schemas(Problem)),
    tags(
        (name = "Moodle", description = "The routes that Moodle uses, and /explanation, which Moodle does not use yet."),
        (name = "Models", description = "Stored models, for tools of the server's administrator."),
        (name = "Jobs", description = "Asynchronous jobs: training, evaluation, prediction and explanation whose requests have the \
                                      header `Prefer: respond-async`."),
        (name = "Monitoring", description = "Health checks and metrics."),
        (name = "Documentation", description = "This document."),
    ),
    modifiers(&Common),
)]
struct Document;

/// The document of a server that a proxy publishes below a path, which is empty for the root.
fn document(prefix: &str) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let url = if prefix.is_empty() { "/" } else { prefix };
    document.servers = Some(vec![utoipa::openapi::Server::new(url)]);
    document
}

/// Renders both texts for a server that a proxy publishes below a path, which is empty for the root.
pub(in crate::http) fn served(prefix: &str) -> Served {
    let document = document(prefix);
    // Its keys are texts, so that writing it cannot fail.
    let json = document.to_pretty_json().unwrap_or_default();
    Served { json: json.into(), page: html::page(&Api::read(&document)).into(), policy: html::policy() }
}
