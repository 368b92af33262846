//! What looks as if a tool had changed a password on its way to the server, but may also be the password.
//!
//! Owns these patterns. Must not know how entries are separated.

use super::user_name::QUOTES;

/// An entry that probably differs from what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {number} (user {name:?}): {problem}")]
pub struct Suspicion {
    /// The position of the entry, from 1.
    pub number: usize,
    /// The user's name.
    pub name: String,
    /// What is unusual about the password. The password itself is not shown.
    pub problem: &'static str,
}

/// What is unusual about a password in plain text.
pub(crate) fn suspicious(password: &str) -> Option<&'static str> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let between = |open: &str, close: &str| password.strip_prefix(open)?.strip_suffix(close);
    let is_variable =
        password.strip_prefix('$').is_some_and(is_name) || between("%", "%").is_some_and(is_name);
    let is_placeholder = [("$(", ")"), ("{{", "}}"), ("<", ">"), ("`", "`")];
    if is_variable || is_placeholder.iter().any(|(open, close)| between(open, close).is_some()) {
        Some("the password looks like a variable or placeholder that was not replaced by its value")
    } else if password.starts_with(QUOTES) || password.ends_with(QUOTES) {
        Some("the password begins or ends with a quotation mark")
    } else if password.ends_with(['\\', ';', ']', '}']) {
        Some("the password ends with a character that a list or a shell script may have left there")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("pw\"", true)]
    #[case("'pw", true)]
    #[case("pw\"]", true)]
    #[case("pw\u{201d}", true)]
    #[case("$PASS", true)]
    #[case("%PASS%", true)]
    #[case("$(cat pw)", true)]
    #[case("{{ pw }}", true)]
    #[case("<password>", true)]
    #[case("pw;", true)]
    #[case("pw\\", true)]
    #[case("p\"w", false)]
    #[case("$1pw", false)]
    #[case("pa$$word", false)]
    #[case("100%", false)]
    #[case("a-good-password", false)]
    #[case("p\u{e4}ss", false)]
    fn a_password_with_traces_of_a_tool_is_suspicious(#[case] password: &str, #[case] expected: bool) {
        assert_eq!(suspicious(password).is_some(), expected);
    }
}
