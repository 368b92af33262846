//! Criterion benches of single operations; `cargo bench --bench operations -- NAME` runs one group.
//!
//! Must not know the HTTP server: `measure.rs` measures it as a whole.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use std::io::Write as _;

use common::{HARD, LARGE, MIDDLE, SMALL, Shape, TO_PREDICT};
use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use moodle_mlbackend::auth::{Users, argon2id_entry};
use moodle_mlbackend::backend::{self, ImportLimits, TrainingOptions};
use moodle_mlbackend::dataset::{Limits, read_labelled, read_unlabelled};
use moodle_mlbackend::learning;
use moodle_mlbackend::model::{self, Model};
use moodle_mlbackend::store::ModelDir;
use tempfile::NamedTempFile;

/// Reading dataset files, in bytes per second.
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

/// Training, and writing a model as an ONNX file.
fn train(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for shape in [SMALL, MIDDLE, LARGE, HARD] {
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

/// Loading a model, and running it.
fn predict(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("predict");
    group.sample_size(10);
    for shape in [SMALL, TO_PREDICT] {
        let trained_on = Shape { rows: 2_000, ..shape };
        let file = model::to_onnx(&learning::train(&trained_on.labelled(1)).unwrap());
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

/// Import of an exported model: check, trial predictions and publication on disk.
fn import(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("import");
    group.sample_size(10);
    for shape in [SMALL, TO_PREDICT] {
        let directory = tempfile::tempdir().unwrap();
        let exporter = ModelDir::at(&directory.path().join("exporter"));
        let trained_on = Shape { rows: 2_000, ..shape };
        let dataset = file_of(trained_on.training_csv(1).as_bytes());
        backend::train(&exporter, dataset.reopen().unwrap(), &limits, TrainingOptions::default()).unwrap();
        let archive = file_of(&backend::export(&exporter).unwrap().unwrap());
        let importer = ModelDir::at(&directory.path().join("importer"));
        let features = format!("{}_features", shape.features);
        group.bench_function(BenchmarkId::new("archive", features), |bencher| {
            bencher.iter(|| {
                backend::import(&importer, archive.reopen().unwrap(), &limits, &ImportLimits::USUAL).unwrap();
            });
        });
    }
    group.finish();
}

fn file_of(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Password checks: the first one, a wrong one, and one from the cache.
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
        bencher.iter(|| assert!(users.remembered("moodle", "a-long-password")));
    });
    group.finish();
}

criterion_group!(benches, parse, train, evaluate, predict, import, auth);
criterion_main!(benches);
