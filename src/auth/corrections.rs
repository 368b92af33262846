//! Corrections of a users variable that a tool changed on its way to the server: quotes that an env file kept, blanks and
//! line ends of YAML and of files with secrets.
//!
//! Owns which changes are beyond doubt. Must not know what an entry holds.

use std::fmt;

/// What was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// The value or an entry was in quotes.
    Quotes,
    /// There was a blank before an entry.
    Blank,
    /// There was a line end around an entry.
    LineEnd,
    /// The value began with a byte order mark.
    ByteOrderMark,
    /// The value was not UTF-8.
    Latin1,
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quotes => "quotes around an entry were removed",
            Self::Blank => "a blank before an entry was removed",
            Self::LineEnd => "a line end around an entry was removed",
            Self::ByteOrderMark => "a byte order mark was removed",
            Self::Latin1 => "it is not UTF-8 and was read as Latin-1",
        })
    }
}

/// The entries of a variable, and what was corrected in them.
pub(super) fn entries(text: &str) -> (Vec<&str>, Vec<Correction>) {
    let mut corrections = Vec::new();
    let mut note = |correction| {
        if !corrections.contains(&correction) {
            corrections.push(correction);
        }
    };
    let mut text = text;
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        text = rest;
        note(Correction::ByteOrderMark);
    }
    let mut entries: Vec<&str> = vec![trimmed(text, &mut note)];
    // Quotes around the whole value, unless each entry has its own.
    if let Some(inner) = unquoted(entries[0]).filter(|inner| !inner.contains(['"', '\''])) {
        entries = vec![inner];
        note(Correction::Quotes);
    }
    let entries = entries[0].split(',').map(|entry| {
        let entry = trimmed(entry, &mut note);
        match unquoted(entry) {
            Some(inner) => {
                note(Correction::Quotes);
                trimmed(inner, &mut note)
            }
            None => entry,
        }
    });
    (entries.collect(), corrections)
}

/// Without blanks before, and line ends around. Blanks at the end stay: they may belong to a password.
fn trimmed<'a>(text: &'a str, note: &mut impl FnMut(Correction)) -> &'a str {
    let is_line_end = |c| matches!(c, '\r' | '\n');
    let begun = text.trim_start();
    let before = &text[..text.len() - begun.len()];
    let ended = begun.trim_end_matches(is_line_end);
    if before.contains(is_line_end) || ended.len() < begun.len() {
        note(Correction::LineEnd);
    }
    if before.contains(|c| !is_line_end(c)) {
        note(Correction::Blank);
    }
    ended
}

fn unquoted(text: &str) -> Option<&str> {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\''))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_to_correct("ann:pw,bob:pw2", &["ann:pw", "bob:pw2"], &[])]
    #[case::quotes_around_the_value("\"ann:pw,bob:pw2\"", &["ann:pw", "bob:pw2"], &[Correction::Quotes])]
    #[case::quotes_around_each_entry("'ann:pw','bob:pw2'", &["ann:pw", "bob:pw2"], &[Correction::Quotes])]
    #[case::a_blank_before_an_entry("ann:pw, bob:pw2", &["ann:pw", "bob:pw2"], &[Correction::Blank])]
    #[case::a_final_line_end("ann:pw\r\n", &["ann:pw"], &[Correction::LineEnd])]
    #[case::entries_on_lines("\nann:pw,\nbob:pw2\n", &["ann:pw", "bob:pw2"], &[Correction::LineEnd])]
    #[case::quotes_and_a_line_end("'ann:pw'\n", &["ann:pw"], &[Correction::LineEnd, Correction::Quotes])]
    #[case::a_mark("\u{feff}ann:pw", &["ann:pw"], &[Correction::ByteOrderMark])]
    #[case::a_blank_at_the_end("ann:pw ", &["ann:pw "], &[])]
    #[case::quotes_inside("ann:\"pw\"", &["ann:\"pw\""], &[])]
    #[case::one_quote("\"ann:pw", &["\"ann:pw"], &[])]
    fn corrects_what_is_beyond_doubt(
        #[case] text: &str,
        #[case] expected: &[&str],
        #[case] corrections: &[Correction],
    ) {
        assert_eq!(entries(text), (expected.to_vec(), corrections.to_vec()));
    }
}
