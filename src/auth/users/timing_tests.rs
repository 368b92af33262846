//! Response times do not depend on names and passwords: Welch's t over interleaved samples.
//!
//! No duration is asserted. Two kinds of attempts that take equally long give a small t, however many samples
//! there are; the controls show that a check that stops early gives a large one.

use std::hint::black_box;
use std::time::Instant;

use rstest::rstest;
use sha2::{Digest, Sha256, Sha512};

use super::Users;
use crate::auth::argon2id_entry;

/// Above it, the two times differ; chance gives at most about 5.
const BOUND: f64 = 10.0;
/// Samples of each kind.
const SAMPLES: usize = 3_000;
/// Other programs disturb single tries; a leak shows in every try.
const TRIES: usize = 5;

/// Welch's t of how long two attempts take, `calls` of them a sample.
fn t(calls: usize, one: impl Fn() -> bool, other: impl Fn() -> bool) -> f64 {
    let time = |attempt: &dyn Fn() -> bool| {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(attempt());
        }
        started.elapsed().as_nanos() as f64
    };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..SAMPLES + SAMPLES / 10 {
        // Interleaved, each first as often as the other; the first tenth warms up.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            let taken = time(if which == 0 { &one } else { &other });
            if round >= SAMPLES / 10 {
                times[which].push(taken);
            }
        }
    }
    welch(&times)
}

/// Without the slowest tenth of all samples, which are interruptions.
fn welch(times: &[Vec<f64>; 2]) -> f64 {
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    let max = all[all.len() * 9 / 10];
    let [one, other] = [0, 1].map(|which| {
        let kept: Vec<f64> = times[which].iter().copied().filter(|time| *time <= max).collect();
        let count = kept.len().max(2) as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (one.0 - other.0) / (one.1 + other.1).sqrt().max(f64::MIN_POSITIVE)
}

#[track_caller]
fn takes_equally_long(what: &str, calls: usize, one: impl Fn() -> bool, other: impl Fn() -> bool) {
    let mut seen = Vec::new();
    while seen.len() < TRIES {
        let found = t(calls, &one, &other);
        seen.push(found);
        if found.abs() < BOUND {
            return eprintln!("{what}: t = {seen:.1?}");
        }
    }
    panic!("{what}: t = {seen:.1?}");
}

const PASSWORD: &str = "a-password-of-some-length";
/// Differs in the last place, and in the first.
const NEARLY: &str = "a-password-of-some-lengtX";
const FAR: &str = "X-password-of-some-length";

fn entry(scheme: &str, name: &str) -> String {
    let salted = format!("salt{PASSWORD}");
    match scheme {
        "plain" => format!("{name}:{PASSWORD}"),
        "sha256" => format!("{name}:sha256:salt:{}", hex::encode(Sha256::digest(salted))),
        "sha512" => format!("{name}:sha512:salt:{}", hex::encode(Sha512::digest(salted))),
        other => panic!("no scheme {other}"),
    }
}

fn check(users: &Users, name: &str, password: &str) -> bool {
    users.remembered(black_box(name), black_box(password)) || users.verify(name, password)
}

#[rstest]
fn the_time_does_not_depend_on_which_character_is_wrong(#[values("plain", "sha256", "sha512")] scheme: &str) {
    let users: Users = entry(scheme, "ann").parse().expect("an entry");
    let what = format!("{scheme}, the first letter or the last one wrong");
    takes_equally_long(&what, 4, || check(&users, "ann", NEARLY), || check(&users, "ann", FAR));
}

#[rstest]
fn an_unknown_name_takes_as_long_as_a_known_one(#[values("plain", "sha256", "sha512")] scheme: &str) {
    // The kinds take different times; the name asked for comes last, and has logged in before.
    let others = ["plain", "sha256", "sha512"].map(|other| entry(other, other)).join(",");
    let users: Users = format!("{others},{}", entry(scheme, "ann")).parse().expect("entries");
    assert!(users.verify("ann", PASSWORD));
    let what = format!("{scheme}, a known name or an unknown one");
    takes_equally_long(&what, 4, || check(&users, "ann", FAR), || check(&users, "bob", FAR));
}

#[test]
fn the_measurement_detects_a_comparison_that_stops_early() {
    let (known, nearly, far) = ([b'a'; 4096], [[b'a'; 4095].as_slice(), b"X"].concat(), [b'X'; 4096]);
    let early = |given: &[u8]| known.iter().zip(given).all(|(one, other)| black_box(one) == black_box(other));
    let found = t(4, || early(&nearly), || early(&far));
    eprintln!("a comparison that stops early: t = {found:.1}");
    assert!(found.abs() > BOUND, "t = {found}");
}

#[test]
fn the_measurement_detects_a_check_that_skips_unknown_names() {
    let users: Users = entry("sha256", "ann").parse().expect("an entry");
    let early = |name| users.index_of(name).is_some() && users.verify(name, FAR);
    let found = t(4, || early("ann"), || early("bob"));
    eprintln!("a check that stops at an unknown name: t = {found:.1}");
    assert!(found.abs() > BOUND, "t = {found}");
}

#[test]
fn an_unknown_name_computes_a_memory_hard_hash_too() {
    let slow = argon2id_entry("ann", PASSWORD).expect("an entry");
    let users: Users = format!("bob:{PASSWORD},{slow}").parse().expect("entries");
    let spent = |name: &str, password: &str| {
        let started = Instant::now();
        users.verify(name, password);
        started.elapsed().as_secs_f64()
    };
    let least = |name: &str| (0..5).map(|_| spent(name, FAR)).fold(f64::INFINITY, f64::min);
    // Without the hash it would be a thousandth.
    let (ann, bob, cho) = (least("ann"), least("bob"), least("cho"));
    assert!(bob > ann / 4.0 && cho > ann / 4.0, "{ann} {bob} {cho}");
}
