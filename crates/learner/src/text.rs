//! Untrusted text (names in files, parameters, and errors of libraries that repeat them), made safe to show.
//!
//! Owns the escaping for each context: a log line, a message that Moodle puts into a web page, Markdown. Must not know
//! where the text came from. Every message that repeats such text uses [`Untrusted`].

/// Untrusted text; the methods return what may be shown of it.
///
/// ```
/// use learner::text::Untrusted;
///
/// assert_eq!(Untrusted("two\nlines").line(40), "two lines");
/// assert_eq!(Untrusted("<b>").quoted(40), "\"?b?\"");
/// assert_eq!(Untrusted("a*b").markdown(40), "a\\*b");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Untrusted<'a>(pub &'a str);

impl Untrusted<'_> {
    /// One line of at most `max` characters: control characters (line ends, terminal escapes) become spaces, and
    /// `…` marks a cut.
    #[must_use]
    pub fn line(self, max: usize) -> String {
        self.cut(max, |c| if c.is_control() { ' ' } else { c })
    }

    /// Inert in a web page: as [`Untrusted::quoted`], without its quotation marks.
    #[must_use]
    pub fn inert(self, max: usize) -> String {
        let inert = |c: char| matches!(c, ' '..='~') && !matches!(c, '<' | '>' | '&' | '"' | '\'' | '`');
        self.cut(max, |c| match c {
            // A quotation mark that belongs to no markup. ASCII's would end an attribute in a page.
            '"' | '\'' | '`' => '\u{2019}',
            c if inert(c) => c,
            _ => '?',
        })
    }

    /// In quotation marks and inert in a web page: printable ASCII without `< > & " '` and the backtick. Quotation marks
    /// become typographic ones, and every other character a question mark.
    #[must_use]
    pub fn quoted(self, max: usize) -> String {
        format!("\"{}\"", self.inert(max))
    }

    /// The characters that names of operators, classes and modules have: ASCII letters and digits, `_` and `.`; all
    /// others are left out.
    #[must_use]
    pub fn identifier(self, max: usize) -> String {
        self.0.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).take(max).collect()
    }

    /// One line of Markdown without any markup of its own.
    #[must_use]
    pub fn markdown(self, max: usize) -> String {
        let is_markup = |c| matches!(c, '<' | '>' | '|' | '`' | '*' | '[' | ']' | '#' | '\\');
        let escaped = |c| is_markup(c).then_some('\\').into_iter().chain([c]);
        self.line(max).chars().flat_map(escaped).collect()
    }

    /// As code in a Markdown table.
    #[must_use]
    pub fn markdown_code(self, max: usize) -> String {
        format!("`{}`", self.line(max).replace('`', " ").replace('|', "\\|"))
    }

    fn cut(self, max: usize, safe: impl Fn(char) -> char) -> String {
        let mut shown: String = self.0.chars().take(max).map(safe).collect();
        if self.0.chars().nth(max).is_some() {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::line_ends_and_terminal_escapes("a\nb\u{1b}[31m", 40, "a b [31m")]
    #[case::long_text("abcdef", 3, "abc…")]
    #[case::text_that_just_fits("äöü", 3, "äöü")]
    fn a_line_holds_no_control_characters_and_marks_where_it_was_cut(
        #[case] text: &str,
        #[case] max: usize,
        #[case] expected: &str,
    ) {
        assert_eq!(Untrusted(text).line(max), expected);
    }

    #[rstest]
    #[case::html("<img src=x>", "\"?img src=x?\"")]
    #[case::quotation_marks("'\"&", "\"\u{2019}\u{2019}?\"")]
    #[case::beyond_ascii("ü\u{202e}", "\"??\"")]
    fn quoted_text_is_inert_in_a_web_page(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Untrusted(text).quoted(40), expected);
    }

    #[test]
    fn an_identifier_keeps_only_the_characters_of_names() {
        assert_eq!(Untrusted("os.sys\u{7}tem; rm_-1").identifier(40), "os.systemrm_1");
        assert_eq!(Untrusted("abc").identifier(2), "ab");
    }

    #[test]
    fn markdown_shows_markup_as_text() {
        assert_eq!(Untrusted("[x](y) <b>\n# `c`").markdown(40), "\\[x\\](y) \\<b\\> \\# \\`c\\`");
        assert_eq!(Untrusted("a|b`c").markdown_code(40), "`a\\|b c`");
    }
}
