//! Random damage to a file, for property tests.
//!
//! Must not know the format of the file: a test names the tokens that its parser treats specially.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A change at one position of a file.
#[derive(Debug, Clone)]
pub enum Damage {
    Flip(u8),
    Truncate,
    Remove(usize),
    Repeat(usize),
    Insert(Vec<u8>),
}

/// One to four changes at any positions; inserts random bytes and some of `tokens`.
pub fn damages(tokens: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<(Index, Damage)>> {
    let damage = prop_oneof![
        3 => (1..=255_u8).prop_map(Damage::Flip),
        1 => Just(Damage::Truncate),
        1 => (1_usize..40).prop_map(Damage::Remove),
        1 => (1_usize..60).prop_map(Damage::Repeat),
        1 => prop::collection::vec(any::<u8>(), 1..12).prop_map(Damage::Insert),
        1 => select(tokens).prop_map(|token| Damage::Insert(token.to_vec())),
    ];
    prop::collection::vec((any::<Index>(), damage), 1..5)
}

/// Applies changes one after the other.
pub fn damage(file: &mut Vec<u8>, damages: &[(Index, Damage)]) {
    for (position, damage) in damages {
        let at = position.index(file.len() + 1);
        let end = |length: &usize| (at + length).min(file.len());
        match damage {
            Damage::Flip(mask) => file.get_mut(at).into_iter().for_each(|byte| *byte ^= mask),
            Damage::Truncate => file.truncate(at),
            Damage::Remove(length) => drop(file.drain(at..end(length))),
            Damage::Repeat(length) => {
                let repeated = file[at..end(length)].to_vec();
                drop(file.splice(at..at, repeated));
            }
            Damage::Insert(bytes) => drop(file.splice(at..at, bytes.iter().copied())),
        }
    }
}
