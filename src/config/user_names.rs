//! Lists of users that have a role.
//!
//! Must not know what a role permits.

use std::convert::Infallible;
use std::str::FromStr;

/// Names of users, separated by commas; an empty text is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserNames(Vec<String>);

impl UserNames {
    /// Whether a user is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for UserNames {
    type Err = Infallible;

    /// The users variable decides which names exist, so every text is accepted.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas_and_blanks_around_them_do_not_count() {
        let names: UserNames = " ann, bob b ,,".parse().expect("infallible");
        assert_eq!(names.iter().collect::<Vec<_>>(), ["ann", "bob b"]);
        assert!(names.contains("bob b") && !names.contains("bob") && !names.contains(""));
        assert_eq!("".parse(), Ok(UserNames::default()));
    }
}
