//! Samples are forgotten by their age: at the next training of their model, and from earlier generations at once.

use std::fs;
use std::path::Path;

use moodle_mlbackend::dataset::{Day, Limits, StoredSamples, read_labelled};
use moodle_mlbackend::store::{DirHash, ModelDir, ModelId, NewGeneration, SAMPLES_SINCE, Store};
use serde_json::{Value, json};

use crate::common::{Launch, TestServer, run_on, separable, start_and_prune, unlabelled};

const KEEP_SAMPLE_DAYS: &str = "MOODLE_MLBACKEND_KEEP_SAMPLE_DAYS";

fn model_dir(store: &Store) -> ModelDir {
    store.model(&ModelId::new("m").unwrap(), &DirHash::new("dirhash", "d").unwrap())
}

fn today() -> u32 {
    u32::try_from(jiff::Timestamp::now().as_second() / 86_400).unwrap()
}

fn predictions(server: &TestServer) -> Value {
    server.predictions("m", &unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5"]))
}

/// A data directory with a model of 40 samples that came `age` days ago, in as many generations as given, all published now.
fn with_old_samples(age: u32, generations: usize) -> Launch {
    let launch = Launch::new();
    let server = launch.start();
    server.train("m", &separable(40, false));
    let (_, dir) = server.terminate();
    let store = Store::open(&dir.path().join("data")).unwrap();
    let model_dir = model_dir(&store);
    let model = model_dir.current().unwrap().unwrap().model().unwrap();
    let batch = read_labelled(&separable(40, false)[..], &Limits::default()).unwrap().into_samples().unwrap();
    let day = today() - age;
    let mut samples = StoredSamples::default();
    samples.add(batch, Day(day), 1_000, false).unwrap();
    let date =
        jiff::Timestamp::from_second(i64::from(day) * 86_400).unwrap().strftime("%Y-%m-%d").to_string();
    let facts = json!({"samples": 40, SAMPLES_SINCE: date});
    for _ in 0..generations {
        let new = NewGeneration { model: &model, samples: Some(&samples.to_bytes().unwrap()), facts: &facts };
        model_dir.publish(&model_dir.lock().unwrap(), &new).unwrap();
    }
    drop(store);
    Launch::again(dir)
}

/// The numbers of the generations, and whether each has samples.
fn generations(data: &Path) -> Vec<(String, bool)> {
    let entries = fs::read_dir(data.join("m/d/classifier")).unwrap().flatten();
    let directories = entries.filter(|entry| entry.path().is_dir());
    let mut generations: Vec<_> = directories
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path().join("samples.bin").exists()))
        .collect();
    generations.sort();
    generations
}

fn owned(generations: &[(&str, bool)]) -> Vec<(String, bool)> {
    generations.iter().map(|(number, samples)| ((*number).to_owned(), *samples)).collect()
}

/// The number of samples of the current generation.
fn samples(data: &Path) -> Value {
    let pointer = fs::read(data.join("m/d/classifier/current.json")).unwrap();
    serde_json::from_slice::<Value>(&pointer).unwrap()["facts"]["samples"].clone()
}

#[test]
fn the_next_training_forgets_outdated_samples_and_takes_them_from_the_generation_before() {
    let server = start_and_prune(with_old_samples(31, 1).env(KEEP_SAMPLE_DAYS, "30"));
    let data = server.data_dir();
    let before = predictions(&server);
    assert_eq!(
        generations(&data),
        owned(&[("1", true), ("2", true)]),
        "the current one has its samples until then"
    );
    server.train("m", &separable(60, true));
    assert_eq!((samples(&data), generations(&data)), (json!(60), owned(&[("2", false), ("3", true)])));
    assert_ne!(predictions(&server), before, "the model depends on new samples only");
    let log = server.log();
    assert!(log.contains("samples older than MOODLE_MLBACKEND_KEEP_SAMPLE_DAYS are forgotten"), "{log}");
    // The generation before is a whole model.
    run_on(&data, "check", &[]).expect_code(0);
    fs::remove_file(data.join("m/d/classifier/3/model.onnx")).unwrap();
    assert_eq!(predictions(&server), before);
}

#[test]
fn a_batch_whose_samples_are_forgotten_counts_again() {
    let server = start_and_prune(with_old_samples(31, 1).env(KEEP_SAMPLE_DAYS, "30"));
    server.train("m", &separable(40, false));
    assert_eq!(samples(&server.data_dir()), json!(40));
    assert_eq!(generations(&server.data_dir()), owned(&[("2", false), ("3", true)]));
}

#[test]
fn samples_that_are_young_enough_stay() {
    for (age, days) in [(29, "30"), (30, "30"), (31, "0")] {
        let server = start_and_prune(with_old_samples(age, 2).env(KEEP_SAMPLE_DAYS, days));
        server.train("m", &separable(60, true));
        let data = server.data_dir();
        assert_eq!(samples(&data), json!(100), "{age} {days}");
        assert_eq!(generations(&data), owned(&[("3", true), ("4", true)]), "{age} {days}");
    }
}

#[test]
fn earlier_generations_lose_outdated_samples_without_a_training() {
    let server = start_and_prune(with_old_samples(31, 2).env(KEEP_SAMPLE_DAYS, "30"));
    let data = server.data_dir();
    assert_eq!(generations(&data), owned(&[("2", false), ("3", true)]));
    run_on(&data, "check", &[]).expect_code(0);
}

#[test]
fn prune_shows_and_removes_outdated_samples() {
    let server = start_and_prune(with_old_samples(31, 2));
    let data = server.data_dir();
    let flags = ["--keep-sample-days", "30"];
    let shown = run_on(&data, "prune", &[&flags[..], &["--dry-run"]].concat()).expect_code(0);
    assert!(
        shown.contains("classifier/2/samples.bin") && shown.contains("older than samples are kept"),
        "{shown}"
    );
    assert_eq!(generations(&data), owned(&[("2", true), ("3", true)]));
    run_on(&data, "prune", &flags).expect_code(0);
    assert_eq!(generations(&data), owned(&[("2", false), ("3", true)]));
    let again = run_on(&data, "prune", &flags).expect_code(0);
    assert!(again.starts_with("0 directories removed"), "{again}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "not files of a running server")]
fn samples_of_an_earlier_version_are_as_old_as_their_generation() {
    let launch = Launch::new();
    let classifier = launch.dir().join("data/m/d/classifier");
    fs::create_dir_all(classifier.join("1")).unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/without_fingerprints");
    for file in ["current.json", "1/samples.bin", "1/generation.json", "1/model.onnx"] {
        fs::copy(old.join(file), classifier.join(file)).unwrap();
    }
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(classifier.join("current.json")).unwrap()).unwrap();
    let stored = manifest["facts"]["samples"].as_u64().unwrap();
    // Published two days ago.
    manifest["when"] = json!((jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48)).to_string());
    manifest.as_object_mut().unwrap().remove("seal");
    for file in ["current.json", "1/generation.json"] {
        fs::write(classifier.join(file), manifest.to_string()).unwrap();
    }
    let dataset = matching_dataset(&classifier);
    let count = |days: &str, dir| {
        let server = start_and_prune(Launch::again(dir).env(KEEP_SAMPLE_DAYS, days));
        server.train("m", &dataset);
        (samples(&server.data_dir()).as_u64().unwrap(), server.terminate().1)
    };
    let (kept, dir) = count("2", launch.into_dir());
    assert!(kept > stored, "{kept} {stored}");
    let mut pointer: Value =
        serde_json::from_slice(&fs::read(dir.path().join("data/m/d/classifier/current.json")).unwrap())
            .unwrap();
    let since = pointer["facts"][SAMPLES_SINCE].take();
    assert_eq!(since.as_str().unwrap(), &manifest["when"].as_str().unwrap()[..10]);
    // The batch is known, so no sample is new; the outdated ones are forgotten all the same.
    assert_eq!(count("1", dir).0, 40);
}

/// A batch with the features and classes of a stored model.
fn matching_dataset(classifier: &Path) -> Vec<u8> {
    let bytes = fs::read(classifier.join("1/samples.bin")).unwrap();
    let stored = StoredSamples::from_bytes(&bytes).unwrap();
    let samples = stored.samples().unwrap();
    let names = samples.features().names().join(",");
    let classes: Vec<String> = samples.classes().iter().map(ToString::to_string).collect();
    let columns = samples.features().names().len();
    let row = |n: usize| {
        let values =
            (0..columns).map(|column| ((n * 7 + column) % 13).to_string()).collect::<Vec<_>>().join(",");
        format!("{values},{}", classes[n % classes.len()])
    };
    let rows: Vec<String> = (0..40).map(row).collect();
    let header = format!("nfeatures,targetclasses\n{columns},\"[{}]\"\n{names},target\n", classes.join(","));
    (header + &rows.join("\n") + "\n").into_bytes()
}
