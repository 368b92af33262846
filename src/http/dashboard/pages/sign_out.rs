//! `POST /dashboard/sign-out`: ends the session.

use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use crate::http::dashboard::routing::{protected, target};
use crate::http::dashboard::session;
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::state::AppState;

pub(in crate::http::dashboard) fn service() -> Resource {
    target("/sign-out", protected(Access::Everyone, sign_out))
}

async fn sign_out(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let cookie = session::end(&state, &request).await?;
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, visit.addresses.of("/dashboard/sign-in?done=sign-out")));
    if let Some(cookie) = cookie {
        response.insert_header((SET_COOKIE, cookie));
    }
    Ok(response.finish())
}
