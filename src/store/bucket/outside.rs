//! What the protocol takes from outside of the bucket: the time, and names that are used once.
//!
//! Owns the seam at which a simulation of the protocol replaces both. Must not know what they are used for.

#[cfg(test)]
pub(super) use simulated::Outside;

/// The time of this server's clock, in milliseconds since 1970.
pub(super) fn now() -> u64 {
    #[cfg(test)]
    if let Some(outside) = <dyn Outside>::of_thread() {
        return outside.now();
    }
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// A name that no other publication has or will have.
pub(super) fn nonce() -> String {
    #[cfg(test)]
    if let Some(outside) = <dyn Outside>::of_thread() {
        return outside.nonce();
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}

#[cfg(test)]
mod simulated {
    use std::cell::RefCell;
    use std::fmt::Debug;
    use std::rc::Rc;

    thread_local!(static OUTSIDE: RefCell<Option<Rc<dyn Outside>>> = const { RefCell::new(None) });

    /// A simulated outside.
    pub(in crate::store::bucket) trait Outside: Debug {
        fn now(&self) -> u64;
        fn nonce(&self) -> String;
    }

    impl dyn Outside {
        pub(super) fn of_thread() -> Option<Rc<Self>> {
            OUTSIDE.with_borrow(Clone::clone)
        }

        /// Replaces the outside for the calling thread.
        pub(in crate::store::bucket) fn set(outside: Rc<Self>) {
            OUTSIDE.set(Some(outside));
        }
    }
}
