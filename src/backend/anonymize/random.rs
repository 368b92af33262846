//! The random numbers of an anonymization, which its seed determines.
//!
//! Must not know what they are used for.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// A stream of random numbers of a cryptographic generator: the result must not tell the seed.
pub(super) struct Random(ChaCha20Rng);

impl Random {
    /// The stream of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self::of(seed, &[])
    }

    /// The stream of a seed for some content: another one for other content.
    pub(super) fn of(seed: u64, content: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(content).finalize();
        Self(ChaCha20Rng::from_seed(digest.into()))
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The numbers from 0 to `count` - 1 in random order (Fisher and Yates).
    pub(super) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            // The bias of the multiplication is far below 2^-32.
            let other = ((u128::from(self.0.next_u64()) * (last as u128 + 1)) >> 64) as usize;
            order.swap(last, other);
        }
        order
    }
}
