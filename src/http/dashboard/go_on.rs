//! A page that goes on to another page of this server.
//!
//! A browser sends no cookie with a link on another site. It does when a page of this server goes on. Must not know who is signed
//! in.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use maud::{DOCTYPE, html};

/// The page that goes on to an address of this server.
pub(super) fn go_on(address: &str) -> HttpResponse {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0; url={address}"));
                title { "moodle-mlbackend" }
            }
            body { p { a href=(address) { "moodle-mlbackend" } } }
        }
    };
    HttpResponse::Ok().content_type(ContentType::html()).body(markup.into_string())
}
