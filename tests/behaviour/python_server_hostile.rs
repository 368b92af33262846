//! Damaged and hostile pickles and checkpoints are refused, or become a valid model.

use std::collections::BTreeMap;

use moodle_mlbackend::dataset::Features;
use moodle_mlbackend::model::{self, Model};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use rstest::rstest;

use crate::common::{
    DATA, Damage, Entry, Form, INDEX, METADATA, Network, PICKLE, RawZip, TestServer, damage, damages,
    legacy_files,
};

type Files = BTreeMap<String, Vec<u8>>;

fn files() -> Files {
    Network::of_a_line(1.0, 0.5, 2.0).files()
}

/// A refusal, or a model that gives probabilities for every sample.
fn check(files: &Files) -> Result<(), String> {
    let onnx = model::import(files.clone()).map_err(|error| error.to_string())?;
    let model = Model::load(&onnx).expect("an imported model can be loaded");
    let columns = vec![vec![0.5, f32::NAN, -1.0]; model.metadata().features.len()];
    let samples = Features::of_columns(model.metadata().features.clone(), &columns);
    // Enormous weights may overflow: an error, never a wrong number.
    if let Ok(answers) = model.predict(samples) {
        assert!(answers.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-6));
    }
    Ok(())
}

#[test]
fn imports_the_undamaged_files() {
    assert_eq!(check(&files()), Ok(()));
}

/// Each case has an instruction or a name that models do not need.
#[rstest]
#[case::os_system(b"cos\nsystem\n(X\x04\x00\x00\x00trueK\x00tR", "os.system")]
#[case::posix_system_by_stack(b"\x8c\x05posix\x8c\x06system\x93", "posix.system")]
#[case::eval(b"cbuiltins\neval\n", "builtins.eval")]
#[case::getattr(b"cbuiltins\ngetattr\n", "builtins.getattr")]
#[case::another_class_of_the_server(
    b"cmoodlemlbackend.model.tensor\nos\n",
    "moodlemlbackend.model.tensor.os"
)]
#[case::numpys_objects(b"cnumpy.core.multiarray\n_reconstruct\n", "_reconstruct")]
#[case::an_instance(b"(ios\nsystem\n", "instruction 0x69")]
#[case::an_object(b"(o", "instruction 0x6f")]
#[case::a_persistent_id(b"Pid\n", "instruction 0x50")]
#[case::an_extension(b"\x82\x01", "instruction 0x82")]
#[case::a_buffer(b"\x97", "instruction 0x97")]
#[case::a_call_of_the_classifier(b"cmoodlemlbackend.model.tensor\nTF\n)R", "calls something")]
fn refuses_a_pickle_with_other_instructions_or_names(#[case] inserted: &[u8], #[case] named: &str) {
    let why = check(&pickle_with(inserted)).expect_err("refused");
    assert!(why.contains(PICKLE) && why.contains(named), "{why}");
}

#[test]
fn refuses_a_pickle_with_os_system_and_runs_nothing() {
    let server = TestServer::start();
    let proof = server.data_dir().join("proof");
    let command = format!("touch {}", proof.display());
    let mut pickle = b"\x80\x03cos\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes().iter().chain(command.as_bytes()).chain(b"\x85R."));
    let archive = zipped(&with(PICKLE, pickle));
    let reply = server.post("/import", &Form::model("m", "d").file("importzip", &archive));
    assert_eq!(reply.status, 400);
    assert!(
        reply.text().contains("os.system") && reply.text().contains("nothing in it was run"),
        "{}",
        reply.text()
    );
    assert!(!proof.exists());
}

#[rstest]
#[case::a_list_in_itself(b"]q\x00h\x00a".to_vec())]
#[case::very_many_marks(vec![b'('; 100_000])]
#[case::a_tuple_that_doubles_repeatedly([b"N".to_vec(), [0x94, b'h', 0, 0x86].repeat(50_000)].concat())]
#[case::nested_a_hundred_thousand_times([b")".to_vec(), vec![0x85; 100_000]].concat())]
#[case::a_text_with_a_wrong_length(b"X\xff\xff\xff\x7f".to_vec())]
fn refuses_a_pickle_that_is_made_to_grow(#[case] inserted: Vec<u8>) {
    assert!(check(&pickle_with(&inserted)).is_err());
}

/// The maximum memory that a refused import may take, in bytes.
const MAX_GROWTH: u64 = 32 << 20;

const MIB: usize = 1 << 20;

fn zipped(files: &Files) -> Vec<u8> {
    RawZip::of(files.iter().map(|(name, bytes)| Entry::stored(name, bytes))).bytes()
}

/// Imports a model and measures the memory that the server took for it, in bytes.
fn growth(server: &TestServer, archive: &[u8]) -> (u16, String, u64) {
    let form = Form::model("m", "d").file("importzip", archive);
    server.forget_peak_memory();
    let before = server.memory("VmRSS");
    let reply = server.post("/import", &form);
    let growth = server.memory("VmHWM").zip(before).map_or(0, |(peak, before)| peak.saturating_sub(before));
    (reply.status, reply.text().to_owned(), growth)
}

/// A server that has imported once: the first import takes memory that later ones reuse.
fn warm() -> TestServer {
    let server = TestServer::start();
    server.post("/import", &Form::model("m", "d").file("importzip", &zipped(&files()))).expect(200, "Ok");
    server
}

/// The files with bytes inserted behind the header of the pickle.
fn pickle_with(inserted: &[u8]) -> Files {
    let mut files = files();
    let pickle = files.get_mut(PICKLE).expect("a pickle");
    pickle.splice(2..2, inserted.iter().copied());
    pickle.truncate(MIB);
    files
}

fn with(name: &str, bytes: Vec<u8>) -> Files {
    let mut files = files();
    files.insert(name.to_owned(), bytes);
    files
}

/// A protobuf message of very many empty messages.
fn empty_messages(tag: u8) -> Vec<u8> {
    [tag << 3 | 2, 0].repeat(MIB / 2)
}

/// A `model.json` alone, or beside a model of another tool.
fn described(json: String, beside: Option<&str>) -> Files {
    let mut files = BTreeMap::from([("model.json".to_owned(), json.into_bytes())]);
    if let Some(folder) = beside {
        let onnx = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
        files.insert("model.onnx".to_owned(), std::fs::read(onnx.join("model.onnx")).expect("a model"));
    }
    files
}

fn list(element: &str) -> String {
    format!("[{element}{}]", format!(",{element}").repeat(4 * MIB / (element.len() + 1) - 100))
}

#[rstest]
#[case::marks(pickle_with(&vec![b'('; MIB]))]
#[case::tuples_in_tuples(pickle_with(&[b")".to_vec(), vec![0x85; MIB]].concat()))]
#[case::empty_tuples(pickle_with(&vec![b')'; MIB]))]
#[case::empty_dictionaries(pickle_with(&vec![b'}'; MIB]))]
#[case::memoized_values(pickle_with(&[b"N".to_vec(), vec![0x94; MIB]].concat()))]
#[case::texts(pickle_with(&[0x8c, 0].repeat(MIB / 2)))]
#[case::tuples_that_double(pickle_with(&[b"N".to_vec(), [0x94, b'h', 0, 0x86].repeat(MIB / 4)].concat()))]
#[case::descriptions_of_nothing(with(METADATA, empty_messages(1)))]
#[case::an_index_of_nothing(with(INDEX, vec![0; MIB]))]
#[case::an_index_of_ones(with(INDEX, vec![1; MIB]))]
#[case::too_many_weights(with(DATA, vec![0; 15 * MIB]))]
#[case::rows_of_nothing(described(
    format!("{{\"initialise-vars/input-to-hidden-weights\": {}}}", list("[1]")), None))]
#[case::too_many_biases(described(format!("{{\"initialise-vars/hidden-bias\": {}}}", list("0")), None))]
#[case::features_without_names(described(format!("{{\"features\": {}, \"classes\": [0, 1]}}", list("\"\"")), Some("keras")))]
#[case::too_many_classes(described(format!("{{\"features\": 10, \"classes\": {}}}", list("0")), Some("keras")))]
#[case::lists_in_lists(described("[".repeat(4 * MIB - 10), Some("keras")))]
fn refuses_files_that_would_need_much_memory_with_little_memory(#[case] files: Files) {
    let server = warm();
    let (status, message, growth) = growth(&server, &zipped(&files));
    eprintln!("{:.1} MiB more memory; {message}", growth as f64 / MIB as f64);
    // Further weights behind those in the index are ignored.
    assert!(status == 400 || files.get(DATA).is_some_and(|data| data.len() > MIB), "{status}: {message}");
    assert!(growth < MAX_GROWTH, "{growth} bytes more memory; {message}");
    assert_eq!(server.get("/export?uniqueid=m&dirhash=d").status, 200, "the model is still there");
}

#[test]
fn imports_of_damaged_files_use_little_memory() {
    let server = warm();
    TestRunner::new(ProptestConfig::with_cases(60))
        .run(&any_damage(), |damage| {
            let (status, message, growth) = growth(&server, &zipped(&damaged(files(), &damage)));
            prop_assert!(status == 200 || status == 400, "{}: {}", status, message);
            prop_assert!(growth < MAX_GROWTH, "{} bytes more memory; {}", growth, message);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Bytes that a parser of these files treats specially.
const TOKENS: &[&[u8]] = &[b"\xff\xff\xff\x7f", b"cos\nsystem\n", b"R", b"\x85", b"\x00"];

/// The damaged file, its damages, and whether the checksums of the index are corrected afterwards.
type FileDamage = (&'static str, Vec<(Index, Damage)>, bool);

fn any_damage() -> impl Strategy<Value = FileDamage> {
    (any_part(), damages(TOKENS), any::<bool>())
}

fn damaged(mut files: Files, (part, damages, corrected): &FileDamage) -> Files {
    damage(files.get_mut(*part).expect("a part of the model"), damages);
    if *corrected {
        correct_checksums(files.get_mut(INDEX).expect("an index"));
    }
    files
}

/// Corrects the checksums of an index, so that the checks behind them are reached.
fn correct_checksums(index: &mut [u8]) {
    let varint = |bytes: &[u8], at: &mut usize| {
        let mut number = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = bytes.get(*at).copied().unwrap_or(0);
            *at += 1;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    };
    // The footer names the last block; the first one begins the file and ends five bytes before the second.
    let Some(mut at) = index.len().checked_sub(48) else { return };
    let handles: [usize; 4] = std::array::from_fn(|_| varint(index, &mut at));
    for (from, size) in [(0, handles[0].saturating_sub(5)), (handles[2], handles[3])] {
        let end = from.saturating_add(size);
        if end.saturating_add(5) <= index.len() {
            let sum = crc32c::crc32c(&index[from..=end]).rotate_right(15).wrapping_add(0xa282_ead8);
            index[end + 1..end + 5].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

fn any_part() -> impl Strategy<Value = &'static str> {
    select(vec![PICKLE, METADATA, INDEX, DATA])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn refuses_or_runs_damaged_files(damage in any_damage()) {
        if let Err(why) = check(&damaged(files(), &damage)) {
            prop_assert!(!why.is_empty());
        }
    }

    #[test]
    fn refuses_or_runs_files_of_any_bytes(
        part in any_part(),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = check(&with(part, bytes));
    }

    #[test]
    fn refuses_or_runs_a_damaged_model_json_of_the_old_releases(
        damages in proptest::option::of(damages(TOKENS)),
    ) {
        let json = br#"{"initialise-vars/input-to-hidden-weights": [[0.98, -0.97], [0.1, 0.2]],
            "initialise-vars/hidden-to-output-weights": [[1.06, -1.06], [0.5, 0.25]],
            "initialise-vars/hidden-bias": [0.7, -0.1], "initialise-vars/output-bias": [0.2, 0.1],
            "n_features": 2, "n_classes": 2}"#;
        let mut json = json.to_vec();
        damages.iter().for_each(|damages| damage(&mut json, damages));
        let checked = check(&BTreeMap::from([("model.json".to_owned(), json)]));
        prop_assert!(damages.is_some() || checked.is_ok());
    }
}

#[test]
fn refuses_or_runs_damaged_files_of_a_real_model() {
    let test = "refuses_or_runs_damaged_files_of_a_real_model";
    let Some(real) = legacy_files(test, "keras-422-features") else { return };
    let real: Files = real.into_iter().collect();
    TestRunner::new(ProptestConfig::with_cases(150))
        .run(&any_damage(), |damage| {
            let _ = check(&damaged(real.clone(), &damage));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
