//! Which attempts are allowed, with a simulated clock.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn from(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

/// Tries a wrong password `times` times; returns how many attempts were allowed.
fn guess(throttle: &Throttle, times: usize, address: &str, name: &str, now: Instant) -> usize {
    (0..times).filter(|_| throttle.begin(from(address), name, now).is_ok()).count()
}

#[test]
fn allows_the_limit_of_failures_and_then_one_per_fraction_of_a_minute() {
    let (throttle, now) = (Throttle::new(20), Instant::now());
    assert_eq!(guess(&throttle, 50, "192.0.2.1", "ann", now), 20);
    let wait = throttle.admit(from("192.0.2.1"), "ann", now).expect_err("it is throttled");
    assert_eq!(wait.seconds(), 3, "a twentieth of a minute");
    assert_eq!(guess(&throttle, 50, "192.0.2.1", "bob", now + 3 * SECOND), 1);
    assert_eq!(guess(&throttle, 50, "192.0.2.1", "ann", now + 2 * WINDOW), 20);
}

#[test]
fn an_attempt_after_the_announced_wait_is_allowed() {
    let (throttle, now) = (Throttle::new(7), Instant::now());
    guess(&throttle, 7, "192.0.2.1", "ann", now);
    let wait = throttle.admit(from("192.0.2.1"), "ann", now).expect_err("it is throttled");
    let later = now + SECOND * u32::try_from(wait.seconds()).expect("a short while");
    assert_eq!(throttle.admit(from("192.0.2.1"), "ann", later), Ok(()));
}

#[test]
fn successful_logins_do_not_count() {
    let (throttle, now) = (Throttle::new(2), Instant::now());
    for _ in 0..100 {
        throttle.begin(from("192.0.2.1"), "ann", now).expect("nothing has failed").forgive();
    }
    assert_eq!(guess(&throttle, 5, "192.0.2.1", "ann", now), 2);
    assert_eq!(throttle.ledgers().expect("it is on").addresses.len(), 1);
}

#[test]
fn concurrent_attempts_cannot_exceed_the_limit() {
    let (throttle, now) = (Throttle::new(3), Instant::now());
    let begun: Vec<_> = (0..10).map(|_| throttle.begin(from("192.0.2.1"), "ann", now)).collect();
    assert_eq!(begun.iter().filter(|attempt| attempt.is_ok()).count(), 3);
}

#[test]
fn guesses_from_many_addresses_at_one_name_are_throttled_together() {
    let (throttle, now) = (Throttle::new(10), Instant::now());
    let address = |at: usize| format!("192.0.2.{at}");
    for at in 0..5 {
        assert_eq!(guess(&throttle, 2, &address(at), "ann", now), 2);
    }
    for at in 0..5 {
        assert_eq!(guess(&throttle, 2, &address(at), "ann", now), 0, "address {at} has failed before");
        assert_eq!(guess(&throttle, 1, &address(at), "bob", now), 1, "another name");
    }
}

#[test]
fn memory_is_bounded_and_keeps_the_keys_with_most_failures() {
    let (throttle, now) = (Throttle::new(10), Instant::now());
    guess(&throttle, 10, "192.0.2.1", "ann", now);
    for number in 0..u32::try_from(3 * MAX_KEYS).expect("a number") {
        guess(&throttle, 1, &IpAddr::V4((0x0a00_0000 + number).into()).to_string(), &number.to_string(), now);
    }
    let ledgers = throttle.ledgers().expect("it is on");
    assert!(ledgers.addresses.len() <= MAX_KEYS && ledgers.names.len() <= MAX_KEYS);
    drop(ledgers);
    assert!(throttle.admit(from("192.0.2.1"), "ann", now).is_err());
}
