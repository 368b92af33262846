//! What is wrong with a `model.json`, in the words of its author: the position, the cause, and an example.
//!
//! Owns these sentences. Must not know the keys of `model.json`.

use crate::text::Untrusted;

/// The cause repeats parts of the file; a message shows at most this many characters of it.
const MAX_CAUSE_CHARS: usize = 240;

/// An example of a whole `model.json`.
const EXAMPLE: &str = r#"{"features": ["\\core\\analytics\\indicator\\read_actions"], "classes": [0, 1]}"#;

/// A clause with the position and the cause of an error, and what to write instead.
pub(super) fn explained(bytes: &[u8], error: &serde_json::Error) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.get(1) == Some(&0) {
        return "it is written as UTF-16; save it as UTF-8".to_owned();
    }
    if let Some(problem) = no_object(bytes) {
        return format!("{problem}; an example: {EXAMPLE}");
    }
    let (line, column, text) = (error.line(), error.column(), error.to_string());
    let cause = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    // It repeats unknown keys, and Moodle shows it in a web page.
    let cause = Untrusted(cause).line(MAX_CAUSE_CHARS).replace(['<', '>', '&'], "?");
    let hint = hint(at(bytes, line, column), cause.as_str());
    format!("line {line}, column {column}: {cause}{hint}; an example: {EXAMPLE}")
}

/// What a text is that does not begin with an object.
fn no_object(bytes: &[u8]) -> Option<&'static str> {
    match bytes.trim_ascii_start().first() {
        None => Some("it is empty"),
        Some(b'{') => None,
        Some(b'/' | b'#') => Some("it begins with a comment, which JSON does not have"),
        Some(_) => Some("it is not an object in braces, { and }"),
    }
}

/// The rest of the text from one character before a position on.
fn at(bytes: &[u8], line: usize, column: usize) -> &[u8] {
    let start = bytes
        .split(|&byte| byte == b'\n')
        .take(line.saturating_sub(1))
        .map(|line| line.len() + 1)
        .sum::<usize>();
    bytes.get(start + column.saturating_sub(1)..).unwrap_or_default()
}

/// What to write instead of a common mistake.
fn hint(rest: &[u8], cause: &str) -> &'static str {
    let quoted_otherwise = [&b"'"[..], "\u{201c}".as_bytes(), "\u{201d}".as_bytes(), "\u{201e}".as_bytes()];
    if cause.contains("escape") {
        " (write each backslash twice)"
    } else if rest.starts_with(b"N") || rest.starts_with(b"-I") || rest.starts_with(b"I") {
        " (write \"nan\" in quotes)"
    } else if rest.starts_with(b"/") || rest.starts_with(b"#") {
        " (JSON has no comments)"
    } else if cause.starts_with("control character") {
        " (a text may not contain a line break or a tab)"
    } else if quoted_otherwise.iter().any(|quote| rest.starts_with(quote)) {
        " (put texts into straight double quotes)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::model_json::ModelJson;
    use super::*;

    #[rstest]
    #[case("", "it is empty;")]
    #[case(" \n", "it is empty;")]
    #[case("[]", "it is not an object in braces, { and };")]
    #[case("null", "it is not an object in braces, { and };")]
    #[case("// features\n{}", "it begins with a comment, which JSON does not have;")]
    #[case("{\"features\": 2, # two\n\"classes\": [0, 1]}", "(JSON has no comments);")]
    #[case("{\"features\": 2, // two\n\"classes\": [0, 1]}", "(JSON has no comments);")]
    fn says_in_plain_words_what_is_no_description(#[case] text: &str, #[case] problem: &str) {
        let error = serde_json::from_str::<ModelJson>(text).expect_err("it is invalid");
        let explained = explained(text.as_bytes(), &error);
        assert!(explained.contains(problem) && explained.contains("an example"), "{explained}");
    }
}
