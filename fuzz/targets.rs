//! The entry points for untrusted bytes, one function each: shared by the fuzz targets and by the test that replays
//! the corpus, so that both run the same code.
//!
//! Each may refuse its input. None may panic, hang or take much memory, and accepted input must be sound.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use moodle_mlbackend::auth::users::Users;
use moodle_mlbackend::backend::{ImportLimits, read_archive};
use moodle_mlbackend::dataset::{Day, Features, Limits, StoredSamples, read_labelled, read_unlabelled};
use moodle_mlbackend::fuzzing;
use moodle_mlbackend::model::{self, CLASSIFIER, MODEL, MODEL_JSON, ModelFiles, ModelMetadata};

/// The name of an entry point and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every entry point, by the name of its directory in `corpus` and `regressions`.
pub const TARGETS: [Target; 10] = [
    ("archive", archive),
    ("authorization", authorization),
    ("checkpoint", checkpoint),
    ("dataset", dataset),
    ("description", description),
    ("form", form),
    ("onnx", onnx),
    ("pickle", pickle),
    ("query", query),
    ("users", users),
];

/// An ONNX file without our metadata, so that a description is needed.
const FOREIGN: &[u8] = include_bytes!("seeds/foreign.onnx");
/// The pickle that belongs to the checkpoints of the corpus.
const PICKLE: &[u8] = include_bytes!("seeds/classifier.pkl");
/// Weights that belong to the pickle, as the target `checkpoint` takes them.
const CHECKPOINT: &[u8] = include_bytes!("seeds/checkpoint");

const INDEX: &str = "model.ckpt/variables/variables.index";
const DATA: &str = "model.ckpt/variables/variables.data-00000-of-00001";
const METADATA: &str = "model.ckpt/keras_metadata.pb";

const MAX_BYTES: usize = 28 << 20;

/// A zip for `/import`, and the model inside.
pub fn archive(data: &[u8]) {
    match read_archive(std::io::Cursor::new(data), &ImportLimits::USUAL) {
        Ok(files) => {
            assert!(files.values().map(Vec::len).sum::<usize>() <= MAX_BYTES);
            // Most inputs change only the zip around the same files; the import of those is tried once.
            if is_new(&files) {
                import(files);
            }
        }
        Err(error) => is_readable(&error.to_string()),
    }
}

/// A classifier.pkl of the Python server.
pub fn pickle(data: &[u8]) {
    import(files(&[(CLASSIFIER, data)]));
}

/// The weights of the Python server: the length of the index in two bytes, the index, the data. And Keras' description of
/// the layers, with weights that fit.
pub fn checkpoint(data: &[u8]) {
    let (index, values) = weights(CHECKPOINT);
    import(files(&[(CLASSIFIER, PICKLE), (INDEX, index), (DATA, values), (METADATA, data)]));
    let (index, values) = weights(data);
    import(files(&[(CLASSIFIER, PICKLE), (INDEX, index), (DATA, values)]));
}

/// A model.onnx, of this server or of another tool.
pub fn onnx(data: &[u8]) {
    let _ = model::summary(data);
    import(files(&[(MODEL, data), (MODEL_JSON, br#"{"features":3,"classes":[0,1]}"#)]));
}

/// A model.json: for a model of another tool, and of the Python server's releases with TensorFlow 1.
pub fn description(data: &[u8]) {
    import(files(&[(MODEL_JSON, data)]));
    import(files(&[(MODEL, FOREIGN), (MODEL_JSON, data)]));
}

/// A dataset, labelled and unlabelled.
pub fn dataset(data: &[u8]) {
    let limits = Limits { rows: 2_000, columns: 200, classes: 20, line_bytes: 20_000, ..Limits::default() };
    match read_labelled(data, &limits).and_then(moodle_mlbackend::dataset::LabelledFile::into_samples) {
        Ok(samples) => {
            let rows = samples.targets().len();
            let mut stored = StoredSamples::default();
            assert_eq!(stored.add(samples, Day(1), limits.rows, false).expect("the first batch fits"), rows);
            let bytes = stored.to_bytes().expect("samples can be encoded");
            // Missing values are NaN, which no assertion of equality accepts.
            let decoded = StoredSamples::from_bytes(&bytes).expect("encoded samples can be decoded");
            assert_eq!(decoded.to_bytes().expect("decoded samples can be encoded"), bytes);
        }
        Err(error) => is_readable(&error.to_string()),
    }
    match read_unlabelled(data, &limits) {
        Ok(samples) => assert_eq!(samples.ids.len(), samples.features.rows()),
        Err(error) => is_readable(&error.to_string()),
    }
}

/// The body of a POST, as `multipart/form-data` and urlencoded, and as the content type in its first line.
pub fn form(data: &[u8]) {
    let own = data.iter().position(|&byte| byte == b'\n').map(|at| data.split_at(at));
    let own = own.and_then(|(kind, body)| Some((std::str::from_utf8(kind).ok()?, body)));
    let own = own.filter(|(kind, _)| kind.contains('/'));
    let usual = [("multipart/form-data; boundary=q", data), ("application/x-www-form-urlencoded", data)];
    for (kind, body) in usual.into_iter().chain(own) {
        if let Err((status, sentence)) = fuzzing::form(kind, body) {
            assert!([400, 413].contains(&status), "{status} {sentence}");
            is_readable(&sentence);
        }
    }
}

/// An `Authorization` header.
pub fn authorization(data: &[u8]) {
    if let Some((name, _)) = fuzzing::authorization(data) {
        assert!(!name.is_empty());
    }
}

/// A query string.
pub fn query(data: &[u8]) {
    assert!(fuzzing::query(data) <= 5);
}

/// The users variable.
pub fn users(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = text.parse::<Users>() {
        is_readable(&error.to_string());
    }
}

fn weights(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], bytes));
    rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()))
}

/// Whether these files differ from all that were seen recently.
fn is_new(files: &ModelFiles) -> bool {
    const MAX_REMEMBERED: usize = 1 << 16;
    thread_local! {
        static SEEN: RefCell<HashSet<u64>> = RefCell::default();
    }
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    SEEN.with_borrow_mut(|seen| {
        if seen.len() == MAX_REMEMBERED {
            seen.clear();
        }
        seen.insert(hasher.finish())
    })
}

fn files(files: &[(&str, &[u8])]) -> ModelFiles {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

/// Imports a model: the result can be run, or the refusal has a reason.
fn import(files: ModelFiles) {
    match model::import(files) {
        Ok(bytes) => {
            let metadata = ModelMetadata::read(&bytes).expect("an imported model has metadata");
            assert!(metadata.classes.len() >= 2 && !metadata.features.is_empty());
            explain(&bytes, metadata.features);
        }
        Err(error) => is_readable(&error.to_string()),
    }
}

/// Explains two predictions of a small model, which reads the structure of the file.
fn explain(bytes: &[u8], names: Vec<String>) {
    const MAX_FEATURES: usize = 5;
    if names.len() > MAX_FEATURES {
        return;
    }
    let columns: Vec<Vec<f32>> = names.iter().map(|_| vec![0.5, f32::NAN]).collect();
    let features = Features::of_columns(names, &columns);
    match model::explain(bytes, features.clone(), features, 2) {
        Ok(found) => assert_eq!(found.contributions.samples.len(), 2),
        Err(error) => is_readable(&error.to_string()),
    }
}

/// An error message is neither empty nor long.
fn is_readable(sentence: &str) {
    assert!(!sentence.is_empty() && sentence.len() < 2_000, "{sentence}");
}
