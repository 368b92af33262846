//! The routes, one file each.

mod delete;
mod evaluation;
mod evaluation_log;
mod export;
pub(super) mod fallback;
mod import;
mod job_log;
mod prediction;
mod resource;
mod training;
mod version;

use actix_web::web::{self, ServiceConfig};

use resource::{get, post, protected};

/// Registers the routes. A new one needs a line here.
pub(super) fn register(config: &mut ServiceConfig) {
    config
        .service(get("/version", web::to(version::version)))
        .service(post("/training", protected(training::train)))
        .service(post("/prediction", protected(prediction::predict)))
        .service(post("/evaluation", protected(evaluation::evaluate)))
        .service(get("/evaluationlog", protected(evaluation_log::evaluation_log)))
        .service(get("/export", protected(export::export)))
        .service(post("/import", protected(import::import)))
        .service(post("/deletemodel", protected(delete::delete)));
}
