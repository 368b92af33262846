//! A picture with its caption and the table behind it, so that its numbers can be read without seeing it.

use maud::{Markup, html};

/// A picture, its caption, and the table behind it.
pub(super) fn figure(picture: &Markup, table: &Markup, caption: &Markup) -> Markup {
    html! {
        figure {
            (picture)
            figcaption { (caption) }
            details { summary { "The numbers" } div class="scroll" { (table) } }
        }
    }
}
