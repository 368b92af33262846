//! The tables of the commands: boxes as wide as the terminal, or Markdown in a pipe.
//!
//! Owns their layout. Must not know their content.

use std::io::{IsTerminal as _, stdout};

use comfy_table::{ContentArrangement, Table, presets};

use crate::text::Untrusted;

/// A table; an empty header leaves the header row out.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    if stdout().is_terminal() {
        table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if let Some((width, _)) = terminal_size::terminal_size() {
            table.set_width(width.0);
        }
    } else {
        table.load_style(presets::ASCII_MARKDOWN);
    }
    if !header.is_empty() {
        table.set_header(header.iter().copied());
    }
    table
}

/// A table with a row for each key and value. An empty key continues the row above.
pub(super) fn key_value_table(rows: &[(&str, String)]) -> String {
    let mut table = table(&[]);
    for (key, value) in rows {
        table.add_row([(*key).to_owned(), sanitized(value)]);
    }
    format!("{table}\n")
}

/// The path of a model below a data directory. Moodle's ids are long, so a narrow terminal shows only their beginnings.
pub(super) fn model_path(uniqueid: &str, dirhash: &str) -> String {
    const MIN_WIDTH: u16 = 160;
    if stdout().is_terminal() && terminal_size::terminal_size().is_none_or(|(width, _)| width.0 < MIN_WIDTH) {
        format!("{}/{}", shortened(uniqueid), shortened(dirhash))
    } else {
        sanitized(&format!("{uniqueid}/{dirhash}"))
    }
}

fn shortened(id: &str) -> String {
    const SHOWN: usize = 8;
    let id = sanitized(id);
    if id.chars().count() <= SHOWN + 1 { id } else { id.chars().take(SHOWN).chain(['…']).collect() }
}

/// A bar that fills `share` (0 to 1) of `width` characters, at least one.
pub(super) fn bar(share: f64, width: usize) -> String {
    let length = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    "█".repeat(length.max(1))
}

/// `1 model`, `2 models`
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Text from a file of unknown origin, made safe for a terminal.
pub(super) fn sanitized(text: &str) -> String {
    Untrusted(text).line(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_long_ids_only() {
        assert_eq!(shortened("2355ab7dda5e2a8bb1273041e8ad1be10a65215f"), "2355ab7d…");
        assert_eq!(shortened("students"), "students");
    }

    #[test]
    fn a_bar_is_proportional_to_the_share_and_never_empty() {
        assert_eq!([bar(1.0, 4), bar(0.5, 4), bar(0.001, 4)], ["████", "██", "█"]);
        assert_eq!(bar(f64::NAN, 4), "█");
    }

    #[test]
    fn counts_use_the_singular_and_the_plural() {
        assert_eq!([counted(1, "model"), counted(0, "model")], ["1 model", "0 models"]);
    }
}
