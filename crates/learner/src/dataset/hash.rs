//! The hash of rows: fast, stable over versions and platforms, not cryptographic.

/// The finaliser of the `SplitMix64` generator (Steele, Lea and Flood 2014): a bijection in which every bit of the input
/// changes about half of the output's.
pub(super) fn splitmix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
