//! Password checks: the first one, a wrong one, and one from the cache.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

use criterion::{Criterion, criterion_group, criterion_main};
use moodle_mlbackend::auth::{Users, argon2id_entry};

fn auth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("auth");
    group.sample_size(20);
    let users: Users = argon2id_entry("moodle", "a-long-password").unwrap().parse().unwrap();
    group.bench_function("argon2id_first_time", |bencher| {
        bencher.iter(|| assert!(users.verify("moodle", "a-long-password")));
    });
    group.bench_function("argon2id_wrong", |bencher| {
        bencher.iter(|| assert!(!users.verify("moodle", "another-password")));
    });
    group.bench_function("argon2id_cached", |bencher| {
        bencher.iter(|| assert_eq!(users.remembered("moodle", "a-long-password"), Some(true)));
    });
    group.finish();
}

criterion_group!(benches, auth);
criterion_main!(benches);
