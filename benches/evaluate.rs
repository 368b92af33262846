//! Evaluation: a training and a test on each split.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use common::{LARGE, MIDDLE, SMALL};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use moodle_mlbackend::learning;

/// Moodle requests ten iterations; one of the large dataset is enough to estimate the time of ten.
fn evaluate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evaluate");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (shape, iterations) in [(SMALL, 10), (MIDDLE, 10), (LARGE, 1)] {
        let samples = shape.labelled(1);
        let name = format!("{iterations}_iterations");
        group.bench_function(BenchmarkId::new(name, shape.name()), |bencher| {
            bencher.iter(|| learning::evaluate(&samples, iterations, &()).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, evaluate);
criterion_main!(benches);
