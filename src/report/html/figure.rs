//! A picture with its caption and the table behind it, so that its numbers can be read without seeing it; and tables that
//! scroll where they are wider than the page.

use maud::{Markup, html};

/// A picture, its caption, and the table behind it.
pub(super) fn figure(picture: &Markup, table: &Markup, caption: &Markup) -> Markup {
    html! {
        figure {
            (picture)
            figcaption { (caption) }
        }
        details { summary { "The numbers" } (scrolling(table)) }
    }
}

/// A table that can be scrolled, also with the keyboard.
pub(super) fn scrolling(table: &Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="group" aria-label="Table" { (table) } }
}

/// The names of the colours of a picture, in the order `c0`, `c1` …
pub(super) fn legend(names: impl IntoIterator<Item = String>) -> Markup {
    html! {
        ul class="legend" {
            @for (at, name) in names.into_iter().enumerate() { li { span class={"key c" (at)} {} (name) } }
        }
    }
}
