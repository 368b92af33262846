//! Training, and writing a model as an ONNX file.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use common::{LARGE, MIDDLE, SMALL};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use moodle_mlbackend::{learning, model};

fn train(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for shape in [SMALL, MIDDLE, LARGE] {
        let samples = shape.labelled(1);
        group.bench_function(BenchmarkId::new("learn", shape.name()), |bencher| {
            bencher.iter(|| learning::train(&samples).unwrap());
        });
    }
    let trained = learning::train(&MIDDLE.labelled(1)).unwrap();
    group.bench_function(BenchmarkId::new("write_onnx", MIDDLE.name()), |bencher| {
        bencher.iter(|| model::to_onnx(&trained));
    });
    group.finish();
}

criterion_group!(benches, train);
criterion_main!(benches);
