//! The dashboard: pages for a browser, below `/dashboard`.
//!
//! Owns which pages exist. They are rendered on the server and work without script; nothing is loaded from another host. Users,
//! roles and operations are those of the other routes. Must not know how a model works or how it is stored.
//!
//! - `pages/` has one file for each page, and `assets/` the style and the script.
//! - `texts/` has the texts, a file for each language.
//! - `visit` is what a page knows about its visitor; `layout` is what all pages have in common.
//! - `streams` limits the event streams of a user.
//! - `session` checks the cookie; `frame` sets the headers and renders errors.

mod activity;
pub(super) mod addresses;
mod assets;
mod chart;
mod cookie;
mod errors;
mod frame;
mod go_on;
mod layout;
mod pages;
mod routing;
mod session;
mod streams;
mod texts;
mod visit;

use actix_web::web::{self, ServiceConfig};

pub(super) use streams::Streams;

use pages::{
    delete, downloads, import, live, model, models, overview, predictions, roll_back, run, sign_in, sign_out,
};

/// Registers the pages. A new one needs a line here.
pub(super) fn register(config: &mut ServiceConfig) {
    let scope = web::scope("/dashboard")
        .wrap(actix_web::middleware::from_fn(frame::dress))
        .service(assets::style())
        .service(assets::script())
        .service(sign_in::service())
        .service(sign_out::service())
        .service(overview::service())
        .service(models::service())
        .service(live::service())
        .service(live::events_service())
        .service(import::service())
        .service(model::service())
        .service(run::service())
        .service(run::report_service())
        .service(predictions::service())
        .service(roll_back::service())
        .service(delete::service())
        .service(downloads::archive())
        .service(downloads::onnx())
        .service(downloads::samples())
        .service(downloads::audit_bundle())
        .service(downloads::evaluation())
        .default_service(web::to(errors::no_page));
    config.service(scope);
}
