//! The streams of events that are open: how many a user may have.
//!
//! Must not know what is in a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Each stream holds a connection. A user has few pages open; an account that several people use has some more.
const MAX_PER_USER: usize = 16;

type Counts = Arc<Mutex<HashMap<String, usize>>>;

/// The number of open streams of each user.
#[derive(Default)]
pub(in crate::http) struct Streams(Counts);

/// An open stream; it ends when this is dropped.
pub(super) struct Stream {
    counts: Counts,
    user: String,
}

impl Streams {
    /// Opens one; `None` if the user has too many.
    pub(super) fn open(&self, user: &str) -> Option<Stream> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(user.to_owned()).or_default();
        if *count >= MAX_PER_USER {
            return None;
        }
        *count += 1;
        Some(Stream { counts: Arc::clone(&self.0), user: user.to_owned() })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_limited_number_of_streams_and_others_have_theirs() {
        let streams = Streams::default();
        let open: Vec<_> = (0..MAX_PER_USER).map_while(|_| streams.open("ann")).collect();
        assert_eq!(open.len(), MAX_PER_USER);
        assert!(streams.open("ann").is_none() && streams.open("ben").is_some());
        drop(open);
        assert!(streams.open("ann").is_some());
        assert!(streams.0.lock().expect("no thread panicked").is_empty());
    }
}
