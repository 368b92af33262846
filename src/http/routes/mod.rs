//! The routes, one file each.

mod delete;
mod evaluation;
mod evaluation_log;
mod export;
pub(super) mod fallback;
pub(super) mod health_live;
pub(super) mod health_ready;
mod import;
mod job_log;
mod metrics;
mod prediction;
mod resource;
mod training;
mod version;

use actix_web::web::ServiceConfig;

/// Registers the routes. A new one needs a line here.
pub(super) fn register(config: &mut ServiceConfig) {
    config
        .service(version::service())
        .service(health_live::service())
        .service(health_ready::service())
        .service(metrics::service())
        .service(training::service())
        .service(prediction::service())
        .service(evaluation::service())
        .service(evaluation_log::service())
        .service(export::service())
        .service(import::service())
        .service(delete::service());
}
