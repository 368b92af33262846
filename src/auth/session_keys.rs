//! The keys that sign sessions, and the sessions that were ended before their time.
//!
//! Owns how long a key is used and when a new one replaces it. Must not know where they are stored: `session_file.rs` does.

use serde::{Deserialize, Serialize};

use super::session::{MAX_SECONDS, Session};

/// A key signs new tokens for this many seconds.
const ROTATION_SECONDS: u64 = 7 * 24 * 60 * 60;
/// A replaced key still verifies tokens for this many seconds: longer than any session lasts.
const OVERLAP_SECONDS: u64 = MAX_SECONDS + 60 * 60;
/// The number of ended sessions that are remembered; each of them took a sign-in.
const MAX_ENDED: usize = 10_000;

/// Keys, newest first, and ended sessions.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct SessionKeys {
    keys: Vec<Key>,
    #[serde(default)]
    ended: Vec<Ended>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    id: String,
    /// In seconds since 1970.
    made: u64,
    /// In hexadecimal digits.
    secret: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Ended {
    session: String,
    /// When its tokens are invalid anyway, in seconds since 1970.
    until: u64,
}

impl SessionKeys {
    /// Whether [`Self::rotated`] makes a new key.
    #[must_use]
    pub fn needs_rotation(&self, now: u64) -> bool {
        // A key of the future: the clock was set back, and the key would be used for too long.
        !self.keys.first().is_some_and(|key| key.made <= now + 60 * 60 && now < key.made + ROTATION_SECONDS)
    }

    /// With a new key if the newest one is too old, and without keys and sessions that no token needs any more.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn rotated(mut self, now: u64) -> Result<Self, getrandom::Error> {
        if self.needs_rotation(now) {
            let (mut id, mut secret) = ([0; 6], [0; 32]);
            getrandom::fill(&mut id)?;
            getrandom::fill(&mut secret)?;
            self.keys.insert(0, Key { id: hex::encode(id), made: now, secret: hex::encode(secret) });
        }
        let mut replaced = None;
        self.keys.retain(|key| {
            let is_needed = replaced.is_none_or(|replaced| now < replaced + OVERLAP_SECONDS);
            replaced = Some(key.made);
            is_needed
        });
        self.ended.retain(|ended| now < ended.until);
        Ok(self)
    }

    /// With a session that has ended.
    #[must_use]
    pub fn with_ended(&self, session: &Session, now: u64) -> Self {
        let mut keys = self.clone();
        keys.ended.retain(|ended| now < ended.until && ended.session != session.id);
        keys.ended.push(Ended { session: session.id.clone(), until: session.last_end() });
        let excess = keys.ended.len().saturating_sub(MAX_ENDED);
        keys.ended.drain(..excess);
        keys
    }

    pub(super) fn has_ended(&self, session: &str) -> bool {
        self.ended.iter().any(|ended| ended.session == session)
    }

    /// The id and the secret of the key that signs.
    pub(super) fn newest(&self) -> Option<(&str, Vec<u8>)> {
        let key = self.keys.first()?;
        Some((&key.id, hex::decode(&key.secret).ok()?))
    }

    /// The secret of a key that may still verify.
    pub(super) fn get(&self, id: &str, now: u64) -> Option<Vec<u8>> {
        let at = self.keys.iter().position(|key| key.id == id)?;
        let replaced = at.checked_sub(1).map(|newer| self.keys[newer].made);
        let is_valid = replaced.is_none_or(|replaced| now < replaced + OVERLAP_SECONDS);
        hex::decode(&self.keys[at].secret).ok().filter(|_| is_valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_800_000;

    #[test]
    fn a_key_is_replaced_after_a_week_and_verifies_for_a_session_longer() {
        let keys = SessionKeys::default().rotated(NOW).expect("random numbers");
        let first = keys.newest().expect("a key").0.to_owned();
        let end = NOW + ROTATION_SECONDS;
        let same = keys.clone().rotated(end - 1).expect("random numbers");
        assert_eq!((same.newest().expect("a key").0, same.keys.len()), (first.as_str(), 1));
        let both = same.rotated(end).expect("random numbers");
        assert_ne!(both.newest().expect("a key").0, first);
        assert!(both.get(&first, end + OVERLAP_SECONDS - 1).is_some());
        assert!(both.get(&first, end + OVERLAP_SECONDS).is_none());
        let later = both.rotated(end + OVERLAP_SECONDS).expect("random numbers");
        assert_eq!(later.keys.len(), 1);
    }

    #[test]
    fn a_key_from_the_future_is_replaced() {
        let keys = SessionKeys::default().rotated(NOW + 86_400).expect("random numbers");
        assert!(keys.needs_rotation(NOW));
    }

    #[test]
    fn ended_sessions_are_forgotten_when_their_tokens_are_invalid_anyway() {
        let keys = SessionKeys::default().rotated(NOW).expect("random numbers");
        let session = Session::begin("a", NOW).expect("random numbers");
        let keys = keys.with_ended(&session, NOW);
        assert!(keys.has_ended(&session.id));
        let later = keys.rotated(NOW + MAX_SECONDS).expect("random numbers");
        assert!(!later.has_ended(&session.id));
    }
}
