//! Smaller parts of the page of a model: downloads, indicators, batches, and what changes or deletes the model.
//!
//! Must not know where the data come from.

use maud::{Markup, html};

use crate::backend::{Detail, ImportantFeature};
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::chart::meter;
use crate::http::dashboard::layout::{foreign, scrolling};
use crate::http::dashboard::texts::count;
use crate::http::dashboard::visit::Visit;
use crate::report::words;

/// The indicators that are shown.
const MAX_INDICATORS: usize = 12;
/// The batches that are shown at once.
const MAX_BATCHES: usize = 8;

/// The links to the files of a model.
pub(super) fn downloads(visit: &Visit, name: &ModelName, detail: &Detail) -> Markup {
    let texts = visit.texts;
    let has_model = detail.summary.current.is_some() && visit.may_change();
    let link = |file: &str, key| {
        html! { a class="button quiet small" download href=(visit.addresses.model(name, file)) { (texts.text(key)) } }
    };
    html! {
        @if has_model {
            div class="actions" {
                a class="button quiet small" href=(visit.addresses.model(name, "/predictions")) { (texts.text("predictions-title")) }
                (link("/model.zip", "download-archive"))
                (link("/model.onnx", "download-onnx"))
                @if visit.is_admin() && !detail.batches.is_empty() { (link("/samples.csv", "download-samples")) }
                @if visit.is_admin() { (link("/audit-bundle.zip", "download-audit-bundle")) }
            }
        }
    }
}

/// What the model relies on.
pub(super) fn indicators(visit: &Visit, detail: &Detail) -> Markup {
    let texts = visit.texts;
    let shown: Vec<&ImportantFeature> = detail.important_features.iter().take(MAX_INDICATORS).collect();
    let Some(largest) = shown.first().map(|first| first.loss_increase) else { return html! {} };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (texts.text("column-indicator")) }
                th scope="col" { (texts.text("column-importance")) }
            } }
            tbody { @for one in &shown { tr {
                th scope="row" title=(title_of(&one.feature)) { (foreign(&words(&one.feature))) }
                td class="keep" { (meter(one.loss_increase / largest)) span class="small" { (texts.number(one.loss_increase, 4)) } }
            } } }
        }
    };
    html! {
        section class="card" {
            h2 { (texts.text("model-indicators")) }
            p class="small" { (texts.text("model-indicators-hint")) }
            (scrolling(&texts.text("model-indicators"), &table))
        }
    }
}

fn title_of(feature: &str) -> String {
    crate::text::Untrusted(feature).line(200)
}

/// The batches of samples that Moodle sent.
pub(super) fn batches(visit: &Visit, detail: &Detail) -> Markup {
    let texts = visit.texts;
    if detail.batches.is_empty() {
        return html! {};
    }
    let rows = |batches: &[(Option<String>, usize)]| {
        html! {
            @for (day, samples) in batches { tr {
                th scope="row" { @if let Some(day) = day { time datetime=(day) data-day { (day) } } @else { (texts.text("batch-unknown-day")) } }
                td class="number" { (texts.whole(*samples as u64)) }
            } }
        }
    };
    let newest: Vec<(Option<String>, usize)> = detail.batches.iter().rev().cloned().collect();
    let table = |batches: &[(Option<String>, usize)]| {
        html! {
            table {
                thead { tr { th scope="col" { (texts.text("column-day")) } th scope="col" class="number" { (texts.text("column-samples")) } } }
                tbody { (rows(batches)) }
            }
        }
    };
    let (first, rest) = newest.split_at(newest.len().min(MAX_BATCHES));
    html! {
        section class="card" {
            h2 { (texts.text("model-batches")) }
            p class="small" { (texts.text("model-batches-hint")) }
            (table(first))
            @if !rest.is_empty() {
                details {
                    summary { (texts.text_with("batches-more", &[("count", count(rest.len()))])) }
                    (table(rest))
                }
            }
        }
    }
}

/// Replacing the model, and deleting it.
pub(super) fn dangerous(visit: &Visit, name: &ModelName) -> Markup {
    let texts = visit.texts;
    let user = name.user.as_deref().map(|user| ("user", user));
    let action = visit.addresses.with_query("/dashboard/import", user.as_slice());
    html! {
        div class="columns" {
            section class="card" {
                h2 { (texts.text("replace-title")) }
                p class="small" { (texts.text("replace-hint")) }
                form method="post" enctype="multipart/form-data" action=(action) {
                    input type="hidden" name="uniqueid" value=(name.id);
                    input type="hidden" name="dirhash" value=(name.dir);
                    (super::super::import::file(visit))
                    div class="actions" { button class="quiet" type="submit" { (texts.text("replace-do")) } }
                }
            }
            section class="card" {
                h2 { (texts.text("delete-title")) }
                p class="small" { (texts.text("delete-hint")) }
                div class="actions" {
                    a class="button danger" href=(visit.addresses.model(name, "/delete")) { (texts.text("delete-ask")) }
                }
            }
        }
    }
}
