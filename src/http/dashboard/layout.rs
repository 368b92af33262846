//! The frame of every page: its head, the navigation, the footer, and small parts that pages share.
//!
//! maud escapes all text. Text from datasets and clients is shown by [`foreign`]. Must not know a particular page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::texts::{Language, Texts};
use super::visit::Visit;
use crate::text::Untrusted;

/// Longer texts of others are cut.
const MAX_FOREIGN: usize = 120;

/// The entry of the navigation that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Models,
    Live,
    Import,
    /// A page that the navigation does not list.
    Other,
}

/// A page with status 200. `title` is also its main heading, unless `content` has one.
pub(super) fn page(visit: &Visit, section: Section, title: &str, content: &Markup) -> HttpResponse {
    page_with(StatusCode::OK, visit, section, title, content)
}

/// A page with another status.
pub(super) fn page_with(
    status: StatusCode,
    visit: &Visit,
    section: Section,
    title: &str,
    content: &Markup,
) -> HttpResponse {
    let texts = visit.texts;
    let markup = html! {
        (DOCTYPE)
        html lang=(texts.0.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · moodle-mlbackend" }
                link rel="icon" href=(assets::ICON);
                link rel="stylesheet" href=(visit.addresses.of(&assets::style_path()));
                script src=(visit.addresses.of(&assets::script_path())) defer {}
            }
            body {
                a class="skip" href="#content" { (texts.text("skip-to-content")) }
                (top(visit, section))
                main id="content" tabindex="-1" data-copy=(texts.text("copy")) data-copied=(texts.text("copied")) {
                    (notice(visit).unwrap_or_default())
                    (content)
                }
                (footer(visit))
            }
        }
    };
    HttpResponse::build(status).content_type(ContentType::html()).body(markup.into_string())
}

fn top(visit: &Visit, section: Section) -> Markup {
    let texts = visit.texts;
    let link = |target: Section, path: &str, key: &'static str| {
        let current = if target == section { Some("page") } else { None };
        html! { li { a href=(visit.addresses.of(path)) aria-current=[current] { (texts.text(key)) } } }
    };
    html! {
        header class="top" {
            div class="bar" {
                a class="brand" href=(visit.addresses.of("/dashboard")) {
                    span class="mark" aria-hidden="true" {}
                    "moodle-mlbackend"
                }
                @if let Some(account) = &visit.account {
                    nav aria-label=(texts.text("nav-label")) {
                        ul {
                            (link(Section::Overview, "/dashboard", "nav-overview"))
                            (link(Section::Models, "/dashboard/models", "nav-models"))
                            (link(Section::Live, "/dashboard/live", "nav-live"))
                            @if visit.may_change() { (link(Section::Import, "/dashboard/import", "nav-import")) }
                        }
                    }
                    form class="out" method="post" action=(visit.addresses.of("/dashboard/sign-out")) {
                        span class="who" { span class="unseen" { (texts.text("signed-in-as")) " " } (foreign(account.name())) }
                        button class="quiet small" type="submit" { (texts.text("sign-out")) }
                    }
                }
            }
        }
    }
}

fn footer(visit: &Visit) -> Markup {
    let texts = visit.texts;
    html! {
        footer class="bottom" {
            nav aria-label=(texts.text("language-label")) {
                ul {
                    @for language in Language::ALL {
                        @let current = if language == texts.0 { Some("true") } else { None };
                        li { a href=(visit.in_language(language)) lang=(language.code()) hreflang=(language.code())
                               aria-current=[current] { (language.name()) } }
                    }
                }
            }
            p {
                "moodle-mlbackend " (env!("CARGO_PKG_VERSION")) " · "
                a href=(visit.addresses.of("/docs")) hreflang="en" { (texts.text("footer-api")) }
            }
        }
    }
}

/// The sentence about what was just done. A parameter says what, so that it needs no session; its values are listed here.
fn notice(visit: &Visit) -> Option<Markup> {
    let key = match visit.query.value("done")? {
        "rollback" => "done-rollback",
        "import" => "done-import",
        "delete" => "done-delete",
        "sign-out" => "done-sign-out",
        _ => return None,
    };
    Some(html! { p class="notice good" role="status" { (visit.texts.text(key)) } })
}

/// Text from a dataset, a file or a client, on one line and of limited length. It may be written in any direction.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (Untrusted(text).line(MAX_FOREIGN)) } }
}

/// A time (RFC 3339) in UTC; the script writes it in the reader's time zone. Another text is shown as it is.
pub(super) fn moment(texts: Texts, text: &str) -> Markup {
    match text.parse::<Timestamp>() {
        Ok(time) => at(texts, time),
        Err(_) => foreign(text),
    }
}

/// The same of a time.
pub(super) fn at(texts: Texts, time: Timestamp) -> Markup {
    html! { time datetime=(format!("{time:.0}")) { (texts.time(time)) } }
}

/// A figure with its name, and a line beneath it.
pub(super) fn tile(name: &str, value: &Markup, beside: &Markup) -> Markup {
    html! { div class="tile" { dt { (name) } dd { span class="value" { (value) } span class="beside" { (beside) } } } }
}

/// A table that scrolls by itself where it is wider than the screen.
pub(super) fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div class="scroll" role="group" aria-label=(label) tabindex="0" { (table) } }
}

/// A text that a reader copies; the script adds a button.
pub(super) fn copyable(text: &str) -> Markup {
    html! { code class="copy" { (text) } }
}
