//! Prediction: loading a model, and running it.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use common::{SMALL, Shape, TO_PREDICT};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use moodle_mlbackend::learning;
use moodle_mlbackend::model::{Model, to_onnx};

fn predict(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("predict");
    group.sample_size(10);
    for shape in [SMALL, TO_PREDICT] {
        let trained_on = Shape { rows: 2_000, ..shape };
        let file = to_onnx(&learning::train(&trained_on.labelled(1)).unwrap());
        let samples = shape.unlabelled(2).features;
        let model = Model::load(&file).unwrap();
        group.bench_function(BenchmarkId::new("load", shape.name()), |bencher| {
            bencher.iter(|| Model::load(&file).unwrap());
        });
        group.bench_function(BenchmarkId::new("run", shape.name()), |bencher| {
            bencher.iter_batched(
                || samples.clone(),
                |samples| model.predict(samples).unwrap(),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, predict);
criterion_main!(benches);
