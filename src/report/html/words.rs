//! Moodle's names in words: `\mod_forum\analytics\indicator\cognitive_depth` is "forum: cognitive depth".
//!
//! Owns the rule. Names come from files: what is returned is text, and the page escapes it.

use crate::text::Untrusted;

/// Longer names are cut.
const MAX_NAME: usize = 90;

/// An indicator, a target or a time splitting method in words. Names of another form are returned as they are.
#[must_use]
pub fn words(name: &str) -> String {
    let name = Untrusted(name).line(MAX_NAME * 2);
    let (class, value) = match name.rsplit_once('/') {
        Some((class, value)) if !class.is_empty() => (class, Some(value)),
        _ => (name.as_str(), None),
    };
    let parts: Vec<&str> = class.split('\\').filter(|part| !part.is_empty()).collect();
    let [component, .., last] = parts[..] else { return Untrusted(&name).line(MAX_NAME) };
    let plain = |part: &str| part.replace('_', " ");
    let component = match component.split_once('_') {
        _ if component.starts_with("core") => None,
        Some((_, plugin)) => Some(plain(plugin)),
        None => Some(plain(component)),
    };
    let mut words = component.map_or_else(String::new, |component| format!("{component}: "));
    words.push_str(&plain(last));
    if let Some(value) = value {
        words = format!("{words} ({})", plain(value));
    }
    Untrusted(&words).line(MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::of_core(r"\core\analytics\indicator\any_access_after_end", "any access after end")]
    #[case::of_a_part_of_core(r"\core_course\analytics\target\course_dropout", "course dropout")]
    #[case::of_a_plugin(r"\mod_forum\analytics\indicator\cognitive_depth", "forum: cognitive depth")]
    #[case::one_value_of_several(r"\core_user\analytics\indicator\profile/2", "profile (2)")]
    #[case::another_tools_name("clicks", "clicks")]
    #[case::nothing("", "")]
    #[case::line_ends("a\nb", "a b")]
    fn names_become_words(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(words(name), expected);
    }

    #[test]
    fn long_names_are_cut() {
        assert!(words(&format!(r"\mod_x\a\{}", "y".repeat(500))).chars().count() <= MAX_NAME + 1);
    }
}
