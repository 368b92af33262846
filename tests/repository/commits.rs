//! The subject of a commit is `area: imperative`, with at most 72 characters.
//!
//! Owns this rule. Must not know what a commit changes.

use rstest::rstest;

use super::git;
use super::skip::skip;

/// The last commit before this rule applied.
const BASE: &str = "2a9f1999af0cc5dbeac7d310bb3812619547160b";

/// Commits that name several areas, from before this was refused.
const EXCEPTIONS: [&str; 3] = ["c1bd13f", "01cea22", "d16a7a1"];

const MAX_CHARACTERS: usize = 72;

/// The problem with a subject.
fn problem(subject: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_/.-".contains(c);
    match subject.split_once(": ") {
        Some((area, rest)) if !area.is_empty() && area.chars().all(is_allowed) && !rest.is_empty() => {
            (subject.chars().count() > MAX_CHARACTERS).then_some("longer than 72 characters")
        }
        _ => Some("not of the form `area: imperative`"),
    }
}

#[test]
fn every_subject_names_an_area_and_is_short() {
    let range = format!("{BASE}..HEAD");
    let has_base = git(&["merge-base", "--is-ancestor", BASE, "HEAD"]).is_some();
    let Some(log) = git(&["log", "--no-merges", "--format=%h %s", &range]).filter(|_| has_base) else {
        let why = format!("the history does not contain commit {BASE}");
        return skip("commits::every_subject_names_an_area_and_is_short", &why);
    };
    let commits = log.lines().filter_map(|line| line.split_once(' '));
    let refused: Vec<String> = commits
        .filter(|(hash, _)| !EXCEPTIONS.iter().any(|exception| hash.starts_with(exception)))
        .filter_map(|(hash, subject)| Some(format!("{hash} {subject}\n    {}", problem(subject)?)))
        .collect();
    assert!(refused.is_empty(), "subjects of commits:\n{}", refused.join("\n"));
}

#[rstest]
#[case("http: refuse a body that is too large", true)]
#[case("src/http: rename", true)]
#[case("src/http,tests: rename", false)]
#[case(".ci: add a stage", true)]
#[case("auth, http: rename", false)]
#[case("auth, : rename", false)]
#[case("Refuse a body that is too large", false)]
#[case("Http: refuse", false)]
#[case("http:refuse", false)]
#[case("http: ", false)]
#[case(": refuse", false)]
#[case("http and cli: refuse", false)]
fn a_subject_has_one_area_and_a_text(#[case] subject: &str, #[case] is_accepted: bool) {
    assert_eq!(problem(subject).is_none(), is_accepted);
}

#[test]
fn a_subject_of_72_characters_is_accepted_and_one_of_73_is_not() {
    assert_eq!(problem(&format!("http: {}", "ü".repeat(66))), None);
    assert!(problem(&format!("http: {}", "ü".repeat(67))).is_some());
}
