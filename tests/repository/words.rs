//! No text contains the words of `forbidden_words.txt`.
//!
//! Owns the comparison of words. Must not know why a word is forbidden.

use std::fs;

use super::{git, root};

const FORBIDDEN: &str = include_str!("forbidden_words.txt");
const ALLOWED: &str = include_str!("allowed_words.txt");

/// The file name extensions of texts.
const EXTENSIONS: [&str; 5] = [".rs", ".md", ".sh", ".toml", ".py"];

/// An occurrence of a forbidden word.
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    path: &'a str,
    line: usize,
    word: &'a str,
}

/// An entry of the list of exceptions.
struct Allowed<'a> {
    path: &'a str,
    word: &'a str,
}

impl Allowed<'_> {
    fn covers(&self, found: &Found) -> bool {
        let is_below = self.path.ends_with('/') && found.path.starts_with(self.path);
        found.word == self.word && (found.path == self.path || is_below)
    }
}

fn forbidden() -> Vec<&'static str> {
    FORBIDDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Parses the list of exceptions. An entry without a reason is an error.
fn allowed(list: &str) -> Result<Vec<Allowed<'_>>, String> {
    let entry = |line| {
        let (rule, reason) = str::split_once(line, " # ").ok_or(format!("no reason: {line}"))?;
        let (path, word) = rule.trim().split_once(':').ok_or(format!("no path: {line}"))?;
        if reason.trim().is_empty() { Err(format!("no reason: {line}")) } else { Ok(Allowed { path, word }) }
    };
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(entry).collect()
}

/// Whether a line contains a word as a whole word.
fn contains(line: &str, word: &str) -> bool {
    let is_name = word.ends_with('_');
    let line = if is_name { line.to_owned() } else { line.to_lowercase() };
    line.match_indices(word).any(|(at, _)| {
        let is_letter = |character: char| character.is_alphanumeric() || character == '_';
        let begins = !line[..at].ends_with(is_letter);
        begins && (is_name || !line[at + word.len()..].starts_with(is_letter))
    })
}

fn found<'a>(path: &'a str, text: &str, words: &[&'a str]) -> Vec<Found<'a>> {
    let in_line = |(at, line): (usize, &str)| {
        let words: Vec<&str> = words.iter().copied().filter(|word| contains(line, word)).collect();
        words.into_iter().map(move |word| Found { path, line: at + 1, word })
    };
    text.lines().enumerate().flat_map(in_line).collect()
}

#[test]
fn no_text_uses_a_forbidden_word() {
    let Some(tracked) = git(&["ls-files", "-z"]) else {
        eprintln!("git lists no files: the words are not checked");
        return;
    };
    let is_text = |path: &&str| {
        path.starts_with(".ci/") || EXTENSIONS.iter().any(|extension| path.ends_with(extension))
    };
    let paths: Vec<&str> = tracked.split('\0').filter(is_text).collect();
    assert!(paths.len() > 200, "only {} files are tracked", paths.len());
    // A deleted file is listed until the deletion is staged.
    let texts =
        paths.into_iter().filter_map(|path| Some((path, fs::read_to_string(root().join(path)).ok()?)));
    let words = forbidden();
    let all: Vec<Found> = texts.flat_map(|(path, text)| found(path, &text, &words)).collect();
    let allowed = allowed(ALLOWED).unwrap();
    let refused: Vec<String> = all
        .iter()
        .filter(|found| !allowed.iter().any(|entry| entry.covers(found)))
        .map(|found| format!("{}:{}: {}", found.path, found.line, found.word))
        .collect();
    assert!(refused.is_empty(), "{} forbidden words:\n{}", refused.len(), refused.join("\n"));
    let unused = allowed.iter().find(|entry| !all.iter().any(|found| entry.covers(found)));
    assert!(
        unused.is_none(),
        "allowed_words.txt has an entry that is no longer needed: {}",
        unused.map_or("", |entry| entry.path)
    );
}

// Invented words, because the check also reads this file.
#[test]
fn a_word_is_found_in_any_case_and_only_as_a_whole() {
    let lines = "Quux\nquuxes, QUUX!\nquuxelse\nNORF_KEPT norf_kept XNORF_\nit quux foo\nitquux foo";
    let lines: Vec<(usize, &str)> = found("a.rs", lines, &["quux", "NORF_", "it quux"])
        .into_iter()
        .map(|found| (found.line, found.word))
        .collect();
    assert_eq!(lines, [(1, "quux"), (2, "quux"), (4, "NORF_"), (5, "quux"), (5, "it quux")]);
}

#[test]
fn an_exception_covers_its_file_or_directory_and_needs_a_reason() {
    let list = allowed("# comment\na.rs:quux # a quote\ndocs/:it quux # quotes\n").unwrap();
    let covers = |path, word| list.iter().any(|entry| entry.covers(&Found { path, line: 1, word }));
    assert!(covers("a.rs", "quux") && covers("docs/b.md", "it quux"));
    assert!(!covers("a.rs", "it quux") && !covers("b.rs", "quux") && !covers("docs.md", "it quux"));
    assert!(allowed("a.rs:quux").is_err());
    assert!(allowed("quux # a reason").is_err());
}

#[test]
fn the_list_has_lower_case_words_without_surrounding_spaces() {
    let words = forbidden();
    assert!(words.len() > 10, "{words:?}");
    let is_valid = |word: &str| word.trim() == word && (word.ends_with('_') || word == word.to_lowercase());
    assert!(words.iter().all(|word| is_valid(word)), "{words:?}");
}
