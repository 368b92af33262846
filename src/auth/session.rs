//! Sessions of browsers: signed tokens that replace user and password after a sign-in.
//!
//! Owns what a token says, its signature and how long it is valid. A token is bound to the stored password of its user: when
//! that changes, or the user is removed, the token is invalid. Must not know where keys are stored, nor how a browser sends a
//! token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::session_keys::SessionKeys;

/// A session ends this many seconds after the last request.
pub const IDLE_SECONDS: u64 = 2 * 60 * 60;
/// A session ends this many seconds after its sign-in.
pub const MAX_SECONDS: u64 = 12 * 60 * 60;
/// A token that is older than this many seconds is replaced.
const RENEWAL_SECONDS: u64 = 5 * 60;
/// A longer token is none of ours: a user's name has at most some hundred bytes.
const MAX_TOKEN: usize = 2048;
/// What is signed begins with this, so that no other use of a key makes a token.
const CONTEXT: &[u8] = b"moodle-mlbackend session 1\0";

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user's name.
    pub user: String,
    /// Random; the same in all tokens of the session.
    pub id: String,
    /// When the user signed in, in seconds since 1970.
    began: u64,
    /// When its token was made.
    renewed: u64,
}

impl Session {
    /// The session of a user that has signed in at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn begin(user: &str, now: u64) -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self { user: user.to_owned(), id: hex::encode(id), began: now, renewed: now })
    }

    /// The same session at a later time.
    #[must_use]
    pub fn renewed(self, now: u64) -> Self {
        Self { renewed: now, ..self }
    }

    /// Whether the browser should get a new token.
    #[must_use]
    pub fn needs_renewal(&self, now: u64) -> bool {
        now.saturating_sub(self.renewed) >= RENEWAL_SECONDS
    }

    /// When the session ends if there is no further request, in seconds since 1970.
    #[must_use]
    pub fn end(&self) -> u64 {
        (self.renewed + IDLE_SECONDS).min(self.last_end())
    }

    /// When it ends at the latest.
    #[must_use]
    pub fn last_end(&self) -> u64 {
        self.began + MAX_SECONDS
    }

    /// The token. `credential` is the digest of the user's stored password; `None` if there is no key.
    #[must_use]
    pub fn token(&self, keys: &SessionKeys, credential: &[u8; 32]) -> Option<String> {
        let (key_id, key) = keys.newest()?;
        let name = URL_SAFE_NO_PAD.encode(&self.user);
        let claims = format!("{key_id}.{name}.{}.{}.{}", self.id, self.began, self.renewed);
        let signature = signature(&key, &claims, credential)?.finalize().into_bytes();
        Some(format!("{claims}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The session of a token; `None` if it is forged, has ended, or its user has another password now. `credential` gives
    /// the digest of a user's stored password.
    #[must_use]
    pub fn of_token(
        token: &str,
        keys: &SessionKeys,
        credential: impl FnOnce(&str) -> Option<[u8; 32]>,
        now: u64,
    ) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (claims, given) = token.rsplit_once('.')?;
        let mut parts = claims.split('.');
        let (key_id, name, id) = (parts.next()?, parts.next()?, parts.next()?);
        let (began, renewed) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        if parts.next().is_some() {
            return None;
        }
        let user = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        let given = URL_SAFE_NO_PAD.decode(given).ok()?;
        let key = keys.get(key_id, now)?;
        signature(&key, claims, &credential(&user)?)?.verify_slice(&given).ok()?;
        let session = Self { user, id: id.to_owned(), began, renewed };
        // A clock that was set back must not make a session last longer.
        let is_current = began <= renewed && renewed <= now.saturating_add(60) && now < session.end();
        (is_current && !keys.has_ended(id)).then_some(session)
    }
}

fn signature(key: &[u8], claims: &str, credential: &[u8; 32]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(CONTEXT);
    mac.update(credential);
    mac.update(claims.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const NOW: u64 = 1_795_800_000;
    const CREDENTIAL: [u8; 32] = [7; 32];

    fn keys() -> SessionKeys {
        SessionKeys::default().rotated(NOW).expect("random numbers")
    }

    fn read(token: &str, keys: &SessionKeys, now: u64) -> Option<Session> {
        Session::of_token(token, keys, |_| Some(CREDENTIAL), now)
    }

    #[test]
    fn a_token_gives_back_its_session_for_any_name_of_a_user() {
        let keys = keys();
        for name in ["moodle", "a.b", "Zoë \u{1f600}", "\"<&"] {
            let session = Session::begin(name, NOW).expect("random numbers");
            let token = session.token(&keys, &CREDENTIAL).expect("a key");
            assert!(
                token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                "{token}"
            );
            assert_eq!(read(&token, &keys, NOW + 1), Some(session));
        }
    }

    #[rstest]
    #[case::at_once(0, 0, true)]
    #[case::idle_for_almost_the_limit(0, IDLE_SECONDS - 1, true)]
    #[case::idle_for_too_long(0, IDLE_SECONDS, false)]
    #[case::renewed(IDLE_SECONDS - 1, 2 * IDLE_SECONDS - 2, true)]
    #[case::too_old_though_renewed(MAX_SECONDS - 1, MAX_SECONDS, false)]
    #[case::made_in_the_future(3600, 0, false)]
    fn a_session_ends_when_it_is_idle_or_old(#[case] renewed: u64, #[case] now: u64, #[case] valid: bool) {
        let keys = keys();
        let session = Session::begin("a", NOW).expect("random numbers").renewed(NOW + renewed);
        let token = session.token(&keys, &CREDENTIAL).expect("a key");
        assert_eq!(read(&token, &keys, NOW + now).is_some(), valid);
    }

    #[test]
    fn another_password_another_key_and_a_sign_out_end_a_session() {
        let keys = keys();
        let session = Session::begin("a", NOW).expect("random numbers");
        let token = session.token(&keys, &CREDENTIAL).expect("a key");
        assert!(read(&token, &keys, NOW).is_some());
        assert_eq!(Session::of_token(&token, &keys, |_| Some([8; 32]), NOW), None);
        assert_eq!(Session::of_token(&token, &keys, |_| None, NOW), None);
        assert_eq!(read(&token, &self::keys(), NOW), None);
        assert_eq!(read(&token, &keys.with_ended(&session, NOW), NOW), None);
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(at in 0_usize..200, byte in 0_u8..128, cut in 0_usize..200) {
            let keys = keys();
            let token = Session::begin("ann", NOW).expect("random numbers").token(&keys, &CREDENTIAL).expect("a key");
            let mut other = token.clone().into_bytes();
            let at = at % other.len();
            other[at] = byte;
            let other = String::from_utf8(other).expect("ASCII");
            // The last character of unpadded base64 has bits that mean nothing, which the decoder refuses.
            prop_assert!(other == token || read(&other, &keys, NOW).is_none(), "{}", other);
            let cut = cut % token.len();
            prop_assert_eq!(read(&token[..cut], &keys, NOW), None);
        }
    }
}
