//! The tables that commands print: boxes as wide as the terminal, or plain lines for a pipe.
//!
//! Owns their look, and words for sizes. Must not know what stands in them.

use std::io::{IsTerminal as _, stdout};

use comfy_table::{ContentArrangement, Table, presets};

/// A table; without a header it is one of facts.
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

/// Names and what they are, one on a line. A name that is empty goes on with the one above.
pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let mut table = table(&[]);
    for (key, value) in rows {
        table.add_row([(*key).to_owned(), plain(value)]);
    }
    format!("{table}\n")
}

/// The place of a model below a data directory. Moodle's ids are long and terminals are mostly narrow: there
/// the beginning of each must do.
pub(super) fn model(uniqueid: &str, dirhash: &str) -> String {
    const ROOM: u16 = 160;
    if stdout().is_terminal() && terminal_size::terminal_size().is_none_or(|(width, _)| width.0 < ROOM) {
        format!("{}/{}", shortened(uniqueid), shortened(dirhash))
    } else {
        plain(&format!("{uniqueid}/{dirhash}"))
    }
}

fn shortened(id: &str) -> String {
    const SHOWN: usize = 8;
    let id = plain(id);
    if id.chars().count() <= SHOWN + 1 { id } else { id.chars().take(SHOWN).chain(['…']).collect() }
}

/// A bar as long as `share` says, of `width` characters at the most; never nothing.
pub(super) fn bar(share: f64, width: usize) -> String {
    let length = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    "█".repeat(length.max(1))
}

/// A size for people.
pub(super) fn bytes(size: u64) -> String {
    match size {
        0..10_240 => format!("{size} bytes"),
        10_240..10_485_760 => format!("{:.1} KiB", size as f64 / 1024.0),
        _ => format!("{:.1} MiB", size as f64 / 1_048_576.0),
    }
}

/// `1 model`, `2 models`
pub(super) fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Text of a file that anybody may have written, fit for a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_are_shortened_and_short_ones_are_not() {
        assert_eq!(shortened("2355ab7dda5e2a8bb1273041e8ad1be10a65215f"), "2355ab7d…");
        assert_eq!(shortened("students"), "students");
    }

    #[test]
    fn a_bar_is_as_long_as_the_share_and_never_nothing() {
        assert_eq!([bar(1.0, 4), bar(0.5, 4), bar(0.001, 4)], ["████", "██", "█"]);
        assert_eq!(bar(f64::NAN, 4), "█");
    }

    #[test]
    fn one_thing_is_not_several() {
        assert_eq!([counted(1, "model"), counted(0, "model")], ["1 model", "0 models"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a [2Jb ");
    }
}
