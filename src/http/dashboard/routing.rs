//! The kinds of pages: those that are only read, and those with a form.
//!
//! Owns which methods a page has and that its session is checked. Must not know a particular page.

use actix_web::body::BoxBody;
use actix_web::dev::Handler;
use actix_web::guard;
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, HttpRequest, Resource, Responder, Route, web};

use super::session;
use crate::http::extract::account::Access;
use crate::http::routes::fallback::method_not_allowed;

/// The handler of a page for certain users.
pub(super) fn protected<F, Args>(access: Access, handler: F) -> Route
where
    F: Handler<Args, Output: Responder + 'static>,
    Args: FromRequest + 'static,
{
    web::to(handler).wrap(from_fn(move |state, request, next: Next<BoxBody>| {
        session::check(access, state, request, next)
    }))
}

/// A page that is only read. The path is that below `/dashboard`.
pub(super) fn page(path: &str, read: Route) -> Resource {
    let read = read.guard(guard::Any(guard::Get()).or(guard::Head()));
    web::resource(path.to_owned()).route(read).default_service(web::to(|request: HttpRequest| async move {
        method_not_allowed(&request, "GET, HEAD, OPTIONS")
    }))
}

/// A page with a form that is sent to the address of the page.
pub(super) fn form(path: &str, read: Route, send: Route) -> Resource {
    let read = read.guard(guard::Any(guard::Get()).or(guard::Head()));
    let send = send.guard(guard::Post());
    let others =
        web::to(
            |request: HttpRequest| async move { method_not_allowed(&request, "GET, HEAD, OPTIONS, POST") },
        );
    web::resource(path.to_owned()).route(read).route(send).default_service(others)
}

/// An address that forms are sent to, without a page.
pub(super) fn target(path: &str, send: Route) -> Resource {
    web::resource(path.to_owned()).route(send.guard(guard::Post())).default_service(web::to(
        |request: HttpRequest| async move { method_not_allowed(&request, "OPTIONS, POST") },
    ))
}
