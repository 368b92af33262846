//! Reading Moodle's dataset files, in bytes a second.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use common::{LARGE, MIDDLE, SMALL, TO_PREDICT};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use moodle_mlbackend::dataset::{Limits, read_labelled, read_unlabelled};

fn parse(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(10);
    for shape in [SMALL, MIDDLE, LARGE] {
        let file = shape.training_csv(1);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(BenchmarkId::new("labelled", shape.name()), |bencher| {
            bencher.iter(|| read_labelled(file.as_bytes(), &limits).unwrap());
        });
    }
    let file = TO_PREDICT.prediction_csv(2);
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function(BenchmarkId::new("unlabelled", TO_PREDICT.name()), |bencher| {
        bencher.iter(|| read_unlabelled(file.as_bytes(), &limits).unwrap());
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
