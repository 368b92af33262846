//! Mutations of the protocol: faults in it that the simulation must find.
//!
//! Owns their names. Each is made between the protocol and the object store, so the protocol's code stays as it is. Must not
//! know how they are found.

/// A fault in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// The pointer is replaced without If-Match.
    UnconditionalUpdate,
    /// The first pointer is put without If-None-Match.
    UnconditionalCreate,
    /// A refused put of the pointer is believed: what it says of the last publications is not read.
    BelievedRefusal,
    /// A put of the pointer whose outcome is unknown counts as refused.
    UnknownIsRefused,
    /// The pointer is switched before the objects of the generation are stored.
    PointerFirst,
    /// A deletion removes what there is and begins no epoch.
    DeletionWithoutEpoch,
    /// Unused objects are removed whatever their age.
    PruneWithoutAge,
}
