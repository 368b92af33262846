//! The subject of a commit is `area: imperative`, at most 72 characters long.

use rstest::rstest;

use super::git;

/// The last commit before this rule.
const BASE: &str = "2a9f1999af0cc5dbeac7d310bb3812619547160b";

const MAX_CHARACTERS: usize = 72;

/// What is wrong with a subject.
fn refused(subject: &str) -> Option<&'static str> {
    let is_area = |area: &str| {
        let is_known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_/.,-".contains(&byte);
        !area.is_empty() && area.split(", ").all(|one| !one.is_empty() && one.bytes().all(is_known))
    };
    match subject.split_once(": ") {
        Some((area, rest)) if is_area(area) && !rest.is_empty() => {
            (subject.chars().count() > MAX_CHARACTERS).then_some("longer than 72 characters")
        }
        _ => Some("not of the form `area: imperative`"),
    }
}

#[test]
fn every_commit_names_its_area_and_is_short() {
    let range = format!("{BASE}..HEAD");
    let is_known = git(&["merge-base", "--is-ancestor", BASE, "HEAD"]).is_some();
    let Some(log) = git(&["log", "--no-merges", "--format=%h %s", &range]).filter(|_| is_known) else {
        eprintln!("the history here does not reach back to {BASE}: the subjects of commits are not checked");
        return;
    };
    let subjects = log.lines().filter_map(|line| line.split_once(' '));
    let refused: Vec<String> = subjects
        .filter_map(|(commit, subject)| Some(format!("{commit} {subject}\n    {}", refused(subject)?)))
        .collect();
    assert!(refused.is_empty(), "subjects of commits:\n{}", refused.join("\n"));
}

#[rstest]
#[case("http: refuse a body that is too large", true)]
#[case("src/http,tests: rename", true)]
#[case(".ci: add a stage", true)]
// Several areas, after a comma and a space: accepted because three commits of the redesign are written so.
#[case("auth, http: rename", true)]
#[case("auth, : rename", false)]
#[case("Refuse a body that is too large", false)]
#[case("Http: refuse", false)]
#[case("http:refuse", false)]
#[case("http: ", false)]
#[case(": refuse", false)]
#[case("http and cli: refuse", false)]
fn a_subject_is_an_area_and_what_is_done(#[case] subject: &str, #[case] is_accepted: bool) {
    assert_eq!(refused(subject).is_none(), is_accepted);
}

#[test]
fn a_subject_of_72_characters_is_accepted_and_one_of_73_is_not() {
    assert_eq!(refused(&format!("http: {}", "ü".repeat(66))), None);
    assert!(refused(&format!("http: {}", "ü".repeat(67))).is_some());
}
