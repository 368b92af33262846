//! Import of an exported model: check, trial predictions and publication on disk.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros document nothing")]

mod common;

use std::io::Write as _;

use common::{SMALL, Shape, TO_PREDICT};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use moodle_mlbackend::backend::{self, ImportLimits};
use moodle_mlbackend::dataset::Limits;
use moodle_mlbackend::store::ModelDir;
use tempfile::NamedTempFile;

fn import(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("import");
    group.sample_size(10);
    for shape in [SMALL, TO_PREDICT] {
        let directory = tempfile::tempdir().unwrap();
        let exporter = ModelDir::at(&directory.path().join("exporter"));
        let trained_on = Shape { rows: 2_000, ..shape };
        let dataset = file_of(trained_on.training_csv(1).as_bytes());
        backend::train(&exporter, dataset.reopen().unwrap(), &limits).unwrap();
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

criterion_group!(benches, import);
criterion_main!(benches);
