//! Texts are written in plain technical English: the words of `forbidden_words.txt` appear in none of them.

use std::fs;

use super::{git, root};

const FORBIDDEN: &str = include_str!("forbidden_words.txt");
const ALLOWED: &str = include_str!("allowed_words.txt");

/// The endings of the files that are read.
const ENDINGS: [&str; 5] = [".rs", ".md", ".sh", ".toml", ".py"];

/// A forbidden word in a line.
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    path: &'a str,
    line: usize,
    word: &'a str,
}

/// A place where a forbidden word is right.
struct Allowed<'a> {
    path: &'a str,
    word: &'a str,
}

impl Allowed<'_> {
    fn covers(&self, found: &Found) -> bool {
        let is_there =
            found.path == self.path || self.path.ends_with('/') && found.path.starts_with(self.path);
        is_there && found.word == self.word
    }
}

fn forbidden() -> Vec<&'static str> {
    FORBIDDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The entries of an allow list; an error for one without a reason.
fn allowed(list: &str) -> Result<Vec<Allowed<'_>>, String> {
    let entry = |line| {
        let (rule, reason) = str::split_once(line, " # ").ok_or(format!("no reason: {line}"))?;
        let (path, word) = rule.trim().split_once(':').ok_or(format!("no path: {line}"))?;
        if reason.trim().is_empty() { Err(format!("no reason: {line}")) } else { Ok(Allowed { path, word }) }
    };
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(entry).collect()
}

/// Whether a line has a word, not as a part of another one.
fn has(line: &str, word: &str) -> bool {
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
        let words: Vec<&str> = words.iter().copied().filter(|word| has(line, word)).collect();
        words.into_iter().map(move |word| Found { path, line: at + 1, word })
    };
    text.lines().enumerate().flat_map(in_line).collect()
}

#[test]
fn no_text_uses_a_forbidden_word() {
    let Some(tracked) = git(&["ls-files", "-z"]) else {
        eprintln!("git lists no files here: the words are not checked");
        return;
    };
    let is_text =
        |path: &&str| path.starts_with(".ci/") || ENDINGS.iter().any(|ending| path.ends_with(ending));
    let paths: Vec<&str> = tracked.split('\0').filter(is_text).collect();
    assert!(paths.len() > 200, "only {} files are tracked", paths.len());
    // A file that was just deleted is still listed.
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
        "allowed_words.txt: no longer needed: {}",
        unused.map_or("", |entry| entry.path)
    );
}

// Invented words: the check reads this file, too.
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
fn the_list_holds_words_as_the_check_compares_them() {
    let words = forbidden();
    assert!(words.len() > 10, "{words:?}");
    let is_comparable =
        |word: &str| word.trim() == word && (word.ends_with('_') || word == word.to_lowercase());
    assert!(words.iter().all(|word| is_comparable(word)), "{words:?}");
}
