//! The style and the script of the pages.
//!
//! They are part of the program, and their addresses contain their hashes, so that browsers keep them until they change. Must
//! not know the pages.

use std::sync::LazyLock;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, Resource, web};
use sha2::{Digest, Sha256};

use super::routing::page;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");

/// The picture of the page in the browser's tabs.
pub(super) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
                               %3Crect width='16' height='16' rx='4' fill='%230b6e99'/%3E\
                               %3Cpath d='M3 11l3.2-4 2.6 2.4L13 4.5' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E";

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("style.css", STYLE));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path("script.js", SCRIPT));

fn path(name: &str, content: &str) -> String {
    format!("/dashboard/assets/{name}?v={}", hex::encode(&Sha256::digest(content)[..8]))
}

pub(super) fn style_path() -> String {
    STYLE_PATH.clone()
}

pub(super) fn script_path() -> String {
    SCRIPT_PATH.clone()
}

/// The style sheet.
pub(super) fn style() -> Resource {
    page("/assets/style.css", web::to(|| async { asset("text/css; charset=utf-8", STYLE) }))
}

/// The script.
pub(super) fn script() -> Resource {
    page("/assets/script.js", web::to(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
}

fn asset(kind: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(content)
}
