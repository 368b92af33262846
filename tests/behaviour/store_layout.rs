//! What the store keeps where, and what it makes of damaged or foreign files.
#![allow(clippy::disallowed_methods, reason = "these tests damage files on purpose")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moodle_mlbackend::store::{
    DirHash, Generation, ModelDir, ModelId, ModelLock, NewGeneration, NewRun, Retention, RunId, Store,
    StoreError,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn id() -> ModelId {
    ModelId::new("model").unwrap()
}

fn hash() -> DirHash {
    DirHash::new("dirhash", "hash").unwrap()
}

fn store() -> (TempDir, Store, ModelDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let home = store.model(&id(), &hash());
    (dir, store, home)
}

fn publish(home: &ModelDir, text: &str) -> u64 {
    let facts = json!({ "text": text });
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    home.publish(&home.lock().unwrap(), &new).unwrap().number()
}

fn current_text(home: &ModelDir) -> Option<String> {
    let current = home.current().unwrap()?;
    assert_eq!(current.samples().unwrap(), Some(current.model().unwrap()));
    Some(String::from_utf8(current.model().unwrap()).unwrap())
}

fn classifier(dir: &TempDir) -> PathBuf {
    dir.path().join("model/hash/classifier")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything below `dir`.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn a_published_generation_is_read_back_with_its_facts() {
    let (_dir, _store, home) = store();
    assert_eq!(publish(&home, "first"), 1);
    let current = home.current().unwrap().unwrap();
    assert_eq!(current.number(), 1);
    assert_eq!(current.facts(), &json!({ "text": "first" }));
    assert_eq!(current.model().unwrap(), b"first");
    assert_eq!(current.samples().unwrap().unwrap(), b"first");
}

#[test]
fn an_imported_model_has_no_samples() {
    let (_dir, _store, home) = store();
    let new = NewGeneration { model: b"imported", samples: None, facts: &Value::Null };
    home.publish(&home.lock().unwrap(), &new).unwrap();
    let current = home.current().unwrap().unwrap();
    assert_eq!(current.samples().unwrap(), None);
    assert_eq!(current.facts(), &Value::Null);
}

#[test]
fn looking_and_locking_create_no_model() {
    let (dir, store, home) = store();
    assert!(home.current().unwrap().is_none());
    assert!(home.run(RunId(1)).unwrap().is_none());
    drop(home.lock().unwrap());
    store.delete(&id()).unwrap();
    assert_eq!(names(dir.path()), [".mlbackend"]);
}

#[test]
fn the_pointer_tells_generation_time_facts_and_checksums() {
    let (dir, _store, home) = store();
    publish(&home, "first");
    publish(&home, "second");
    let pointer: Value =
        serde_json::from_slice(&fs::read(classifier(&dir).join("current.json")).unwrap()).unwrap();
    assert_eq!(pointer["generation"], 2);
    assert_eq!(pointer["previous"], 1);
    assert_eq!(pointer["facts"]["text"], "second");
    assert!(pointer["when"].as_str().unwrap().ends_with('Z'));
    for file in ["model.onnx", "samples.bin"] {
        assert_eq!(pointer["files"][file]["size"], 6);
        // sha256sum of "second"
        let expected = "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";
        assert_eq!(pointer["files"][file]["sha256"], expected);
    }
}

#[test]
fn one_generation_before_the_current_one_is_kept() {
    let (dir, _store, home) = store();
    for text in ["one", "two", "three", "four"] {
        publish(&home, text);
    }
    assert_eq!(names(&classifier(&dir)), ["3", "4", "current.json"]);
    assert_eq!(current_text(&home).unwrap(), "four");
}

#[test]
fn a_generation_in_hand_stays_readable_whatever_happens_to_the_model() {
    let (_dir, store, home) = store();
    publish(&home, "one");
    let held = home.current().unwrap().unwrap();
    for text in ["two", "three", "four"] {
        publish(&home, text);
    }
    store.delete(&id()).unwrap();
    assert_eq!(held.model().unwrap(), b"one");
    assert_eq!(held.samples().unwrap().unwrap(), b"one");
}

#[test]
fn the_number_of_a_half_published_generation_is_not_used_again() {
    let (dir, _store, home) = store();
    publish(&home, "one");
    fs::create_dir(classifier(&dir).join("7")).unwrap();
    assert_eq!(publish(&home, "two"), 8);
    assert_eq!(names(&classifier(&dir)), ["1", "8", "current.json"]);
}

#[test]
fn a_directory_of_the_python_server_is_no_generation_and_is_not_touched() {
    let (dir, _store, home) = store();
    let python = classifier(&dir);
    fs::create_dir_all(python.join("model.ckpt/variables")).unwrap();
    fs::write(python.join("classifier.pkl"), b"pickle").unwrap();
    fs::write(python.join("model.ckpt/variables/variables.index"), b"index").unwrap();
    assert!(home.current().unwrap().is_none());
    for text in ["one", "two", "three"] {
        publish(&home, text);
    }
    assert_eq!(names(&python), ["2", "3", "classifier.pkl", "current.json", "model.ckpt"]);
    assert_eq!(fs::read(python.join("classifier.pkl")).unwrap(), b"pickle");
    assert_eq!(fs::read(python.join("model.ckpt/variables/variables.index")).unwrap(), b"index");
}

#[rstest::rstest]
#[case::pointer_gone(|dir: &Path| fs::remove_file(dir.join("current.json")).unwrap(), "two")]
#[case::pointer_garbled(|dir: &Path| fs::write(dir.join("current.json"), b"{").unwrap(), "two")]
#[case::pointer_empty(|dir: &Path| fs::write(dir.join("current.json"), b"").unwrap(), "two")]
#[case::model_gone(|dir: &Path| fs::remove_file(dir.join("2/model.onnx")).unwrap(), "one")]
#[case::model_cut(|dir: &Path| fs::write(dir.join("2/model.onnx"), b"t").unwrap(), "one")]
#[case::samples_gone(|dir: &Path| fs::remove_file(dir.join("2/samples.bin")).unwrap(), "one")]
#[case::generation_gone(|dir: &Path| fs::remove_dir_all(dir.join("2")).unwrap(), "one")]
fn the_newest_whole_generation_stands_in_for_a_damaged_one(
    #[case] damage: fn(&Path),
    #[case] expected: &str,
) {
    let (dir, _store, home) = store();
    publish(&home, "one");
    publish(&home, "two");
    damage(&classifier(&dir));
    assert_eq!(current_text(&home).unwrap(), expected);
    assert_eq!(publish(&home, "three"), 3);
    assert_eq!(current_text(&home).unwrap(), "three");
}

#[test]
fn a_changed_byte_is_reported_as_damage() {
    let (dir, _store, home) = store();
    publish(&home, "one");
    fs::write(classifier(&dir).join("1/model.onnx"), b"onE").unwrap();
    let current = home.current().unwrap().unwrap();
    assert!(matches!(current.model(), Err(StoreError::Corrupt { .. })));
    assert_eq!(current.samples().unwrap().unwrap(), b"one");
}

#[test]
fn a_model_of_which_nothing_whole_is_left_is_damaged_and_not_untrained() {
    let (dir, _store, home) = store();
    publish(&home, "one");
    fs::remove_dir_all(classifier(&dir).join("1")).unwrap();
    assert!(matches!(home.current(), Err(StoreError::Corrupt { .. })));
    assert_eq!(publish(&home, "imported"), 2);
    assert_eq!(current_text(&home).unwrap(), "imported");
}

#[test]
fn deleting_takes_everything_of_one_id_and_nothing_else() {
    let (dir, store, home) = store();
    let sibling = store.model(&id(), &DirHash::new("dirhash", "other").unwrap());
    let other = store.model(&ModelId::new("model2").unwrap(), &hash());
    for home in [&home, &sibling, &other] {
        publish(home, "text");
    }
    store.delete(&id()).unwrap();
    assert!(home.current().unwrap().is_none());
    assert!(sibling.current().unwrap().is_none());
    assert_eq!(current_text(&other).unwrap(), "text");
    assert_eq!(names(dir.path()), [".mlbackend", "model2"]);
    store.delete(&id()).unwrap();
}

/// Publishes a model and a run that a deletion has made void: both without an error, and they cannot be found.
fn published_in_vain(home: &ModelDir, training: &ModelLock, run: NewRun) -> Generation {
    let new = NewGeneration { model: b"late", samples: None, facts: &Value::Null };
    let published = home.publish(training, &new).unwrap();
    assert!(home.current().unwrap().is_none());
    let run = run.publish().unwrap();
    assert!(home.run(run).unwrap().is_none());
    published
}

#[test]
fn what_was_learnt_before_a_deletion_does_not_come_back_after_it() {
    let (dir, store, home) = store();
    publish(&home, "one");
    let training = home.lock().unwrap();
    let run = home.begin_run().unwrap();
    store.delete(&id()).unwrap();
    let published = published_in_vain(&home, &training, run);
    assert_eq!(published.model().unwrap(), b"late", "who published can still read it");
    assert_eq!(names(dir.path()), [".mlbackend"]);
    drop(training);
    assert_eq!(publish(&home, "fresh"), 1);
    assert_eq!(current_text(&home).unwrap(), "fresh");
}

#[test]
fn what_begins_before_a_deletion_by_another_process_does_not_come_back_though_nothing_was_there() {
    let (dir, _store, home) = store();
    let other = Store::open(dir.path()).unwrap();
    let training = home.lock().unwrap();
    let run = home.begin_run().unwrap();
    other.delete(&id()).unwrap();
    let beside = other.model(&id(), &DirHash::new("dirhash", "beside").unwrap());
    publish(&beside, "begun after it");

    published_in_vain(&home, &training, run);
    assert_eq!(current_text(&beside).unwrap(), "begun after it");
    drop(training);
    publish(&home, "fresh");
    assert_eq!(current_text(&home).unwrap(), "fresh");
}

#[test]
fn work_that_goes_on_after_the_end_of_the_session_is_not_published() {
    let (dir, store, home) = store();
    publish(&home, "one");
    let training = home.lock().unwrap();
    let run = home.begin_run().unwrap();
    store.abandon();
    let new = NewGeneration { model: b"two", samples: None, facts: &Value::Null };
    assert!(home.publish(&training, &new).is_err());
    assert!(run.publish().is_err());
    assert!(home.begin_run().is_err());
    assert_eq!(current_text(&home).unwrap(), "one");
    assert_eq!(names(&classifier(&dir)), ["1", "current.json"]);
    assert!(names(&dir.path().join(".mlbackend/sessions")).is_empty());
}

#[test]
fn a_run_whose_number_is_from_a_clock_that_was_ahead_is_as_old_as_its_directory() {
    const DAY: Duration = Duration::from_hours(24);
    let (dir, store, _) = store();
    let ahead = (SystemTime::now() + DAY * 3650).duration_since(UNIX_EPOCH).unwrap().as_millis();
    let run = |number: u128, age: Duration| {
        let place = dir.path().join(format!("model/hash/logs/{number}"));
        fs::create_dir_all(&place).unwrap();
        fs::File::open(&place).unwrap().set_modified(SystemTime::now() - age).unwrap();
    };
    run(ahead, DAY * 40);
    run(ahead + 1, DAY * 20);
    store.keeping(Retention { run_days: 30, ..Retention::USUAL }).prune(false).unwrap();
    assert_eq!(names(&dir.path().join("model/hash/logs")), [(ahead + 1).to_string()]);
}

#[test]
fn a_deletion_does_not_wait_for_a_training() {
    let (_dir, store, home) = store();
    publish(&home, "one");
    let _training = home.lock().unwrap();
    store.delete(&id()).unwrap();
    assert!(home.current().unwrap().is_none());
}

#[test]
fn a_run_is_seen_when_it_is_published_and_not_before() {
    let (dir, _store, home) = store();
    let run = home.begin_run().unwrap();
    run.write("tensor/train/events", b"events").unwrap();
    run.write("info.log", b"log").unwrap();
    assert!(home.run(run.id()).unwrap().is_none());
    assert!(!dir.path().join("model").exists());
    let id = run.publish().unwrap();
    let run = home.run(id).unwrap().unwrap();
    assert_eq!(run.path(), dir.path().join(format!("model/hash/logs/{id}")));
    assert_eq!(run.files().unwrap(), ["info.log", "tensor/train/events"]);
    assert_eq!(run.read("info.log").unwrap(), b"log");
    assert_eq!(fs::read(run.path().join("tensor/train/events")).unwrap(), b"events");
}

#[test]
fn a_run_that_is_given_up_leaves_nothing() {
    let (dir, _store, home) = store();
    let run = home.begin_run().unwrap();
    run.write("info.log", b"log").unwrap();
    let id = run.id();
    assert!(tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    drop(run);
    assert!(!tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    assert!(home.run(id).unwrap().is_none());
    assert_eq!(names(dir.path()), [".mlbackend"]);
}

#[test]
fn a_run_never_takes_the_id_of_one_that_is_there() {
    let (dir, _store, home) = store();
    let first = home.begin_run().unwrap().publish().unwrap();
    // As after a restored backup: the run is there, the memory of the last id is not.
    fs::remove_file(dir.path().join(".mlbackend/last-run")).unwrap();
    for ahead in 0..2000 {
        fs::create_dir_all(dir.path().join(format!("model/hash/logs/{}", first.0 + ahead))).unwrap();
    }
    assert!(home.begin_run().unwrap().id().0 >= first.0 + 2000);
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let (dir, _store, home) = store();
    publish(&home, "one");
    home.begin_run().unwrap().publish().unwrap();
    for path in tree(dir.path()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn a_model_directory_outside_of_a_store_works_alike() {
    let dir = tempfile::tempdir().unwrap();
    let home = ModelDir::at(&dir.path().join("hash"));
    assert!(home.current().unwrap().is_none());
    assert!(!dir.path().join("hash").exists());
    publish(&home, "one");
    let run = home.begin_run().unwrap().publish().unwrap();
    assert_eq!(home.run(run).unwrap().unwrap().path(), dir.path().join(format!("hash/logs/{run}")));
    assert!(dir.path().join("hash/classifier/1/model.onnx").is_file());
    // Moodle deletes the directory by itself.
    fs::remove_dir_all(dir.path().join("hash")).unwrap();
    assert!(home.current().unwrap().is_none());
    assert_eq!(publish(&home, "two"), 1);
    assert_eq!(current_text(&home).unwrap(), "two");
}

#[test]
fn a_cleared_workspace_is_made_again() {
    let (dir, _store, home) = store();
    publish(&home, "one");
    fs::remove_dir_all(dir.path().join(".mlbackend")).unwrap();
    assert_eq!(publish(&home, "two"), 2);
    assert_eq!(current_text(&home).unwrap(), "two");
}

#[test]
fn opening_says_what_is_wrong_with_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Store::open(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(missing, StoreError::Unusable { .. }));
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    fs::write(dir.path().join("file"), b"").unwrap();
    let file = Store::open(&dir.path().join("file")).unwrap_err();
    assert!(file.to_string().contains("not a directory"), "{file}");
}

#[test]
fn opening_clears_what_dead_processes_left_and_spares_the_living() {
    let (dir, _store, home) = store();
    let run = home.begin_run().unwrap();
    run.write("info.log", b"log").unwrap();
    let training = home.lock().unwrap();
    let left = dir.path().join(".mlbackend/sessions/1-1/0");
    fs::create_dir_all(&left).unwrap();
    fs::write(dir.path().join(".mlbackend/sessions/1-1/alive"), b"").unwrap();
    fs::write(dir.path().join(".mlbackend/locks/left.model"), b"").unwrap();
    let _second = Store::open(dir.path()).unwrap();
    assert!(!left.exists());
    assert!(!dir.path().join(".mlbackend/locks/left.model").exists());
    assert_eq!(names(&dir.path().join(".mlbackend/locks")).len(), 1, "the lock that is held");
    assert!(tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    drop(training);
    let id = run.publish().unwrap();
    assert_eq!(home.run(id).unwrap().unwrap().read("info.log").unwrap(), b"log");
}
