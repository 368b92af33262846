//! The routes, one file each.

pub(super) mod delete;
pub(super) mod diagnostics;
pub(super) mod docs;
pub(super) mod evaluation;
pub(super) mod evaluation_log;
pub(super) mod explanation;
pub(super) mod export;
pub(in crate::http) mod fallback;
pub(super) mod health_live;
pub(super) mod health_ready;
pub(super) mod import;
pub(super) mod jobs;
pub(super) mod metrics;
pub(super) mod models;
pub(super) mod openapi_json;
pub(super) mod prediction;
mod resource;
pub(super) mod training;
pub(super) mod version;

use actix_web::web::ServiceConfig;

/// Registers the routes. A new one needs a line here.
pub(super) fn register(config: &mut ServiceConfig) {
    config
        .service(version::service())
        .service(health_live::service())
        .service(health_ready::service())
        .service(metrics::service())
        .service(diagnostics::service())
        .service(training::service())
        .service(prediction::service())
        .service(evaluation::service())
        .service(evaluation_log::service())
        .service(explanation::service())
        .service(export::service())
        .service(import::service())
        .service(delete::service())
        .service(openapi_json::service())
        .service(docs::service())
        .service(models::list::service())
        .service(models::detail::service())
        .service(models::rollback::service())
        .service(models::samples::service())
        .service(models::audit_bundle::service())
        .service(jobs::list::service())
        .service(jobs::job::service());
}
