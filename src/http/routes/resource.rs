//! The two kinds of resources: those that are read and those that take a body.

use actix_web::body::BoxBody;
use actix_web::dev::Handler;
use actix_web::guard::{self, Guard};
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, HttpRequest, Resource, Responder, Route, web};

use super::fallback::method_not_allowed;
use crate::http::extract::account::Access;
use crate::http::middleware::basic_auth;

/// A resource for GET and HEAD.
pub(super) fn get(path: &str, route: Route) -> Resource {
    get_any(&[path], route)
}

/// The same at several paths; logs and metrics have the first one.
pub(super) fn get_any(paths: &[&str], route: Route) -> Resource {
    resource(paths, route, guard::Any(guard::Get()).or(guard::Head()), "GET, HEAD, OPTIONS")
}

/// Whether a health check uses the path of the Open Inference Protocol (`KServe`, version 2), whose responses are JSON.
pub(super) fn is_kserve(request: &HttpRequest) -> bool {
    request.path().contains("/v2/health/")
}

/// A resource for POST.
pub(super) fn post(path: &str, route: Route) -> Resource {
    resource(&[path], route, guard::Post(), "OPTIONS, POST")
}

/// A resource for GET and HEAD, and for DELETE.
pub(super) fn get_and_delete(path: &str, get: Route, delete: Route) -> Resource {
    let reads = guard::Any(guard::Get()).or(guard::Head());
    resource(&[path], get, reads, "DELETE, GET, HEAD, OPTIONS").route(delete.guard(guard::Delete()))
}

/// A route of Moodle, which needs credentials.
pub(super) fn protected<F, Args>(handler: F) -> Route
where
    F: Handler<Args, Output: Responder + 'static>,
    Args: FromRequest + 'static,
{
    protected_for(Access::Moodle, handler)
}

/// A route that needs credentials of certain users.
pub(super) fn protected_for<F, Args>(access: Access, handler: F) -> Route
where
    F: Handler<Args, Output: Responder + 'static>,
    Args: FromRequest + 'static,
{
    web::to(handler).wrap(from_fn(move |state, client, request, next: Next<BoxBody>| {
        basic_auth::check(access, state, client, request, next)
    }))
}

/// Credentials are checked for the right method only: a wrong one gets its 405 first, and `OPTIONS` needs none.
fn resource(paths: &[&str], route: Route, methods: impl Guard + 'static, allow: &'static str) -> Resource {
    let other_methods =
        web::to(move |request: HttpRequest| async move { method_not_allowed(&request, allow) });
    web::resource(paths.to_vec()).route(route.guard(methods)).default_service(other_methods)
}
