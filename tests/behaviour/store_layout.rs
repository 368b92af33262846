//! The files of the store, and how it handles damaged or unknown ones.
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
    let model_dir = store.model(&id(), &hash());
    (dir, store, model_dir)
}

fn publish(model_dir: &ModelDir, text: &str) -> u64 {
    let facts = json!({ "text": text });
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    model_dir.publish(&model_dir.lock().unwrap(), &new).unwrap().number()
}

fn current_text(model_dir: &ModelDir) -> Option<String> {
    let current = model_dir.current().unwrap()?;
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
    let (_dir, _store, model_dir) = store();
    assert_eq!(publish(&model_dir, "first"), 1);
    let current = model_dir.current().unwrap().unwrap();
    assert_eq!(current.number(), 1);
    assert_eq!(current.facts(), &json!({ "text": "first" }));
    assert_eq!(current.model().unwrap(), b"first");
    assert_eq!(current.samples().unwrap().unwrap(), b"first");
}

#[test]
fn an_imported_model_has_no_samples() {
    let (_dir, _store, model_dir) = store();
    let new = NewGeneration { model: b"imported", samples: None, facts: &Value::Null };
    model_dir.publish(&model_dir.lock().unwrap(), &new).unwrap();
    let current = model_dir.current().unwrap().unwrap();
    assert_eq!(current.samples().unwrap(), None);
    assert_eq!(current.facts(), &Value::Null);
}

#[test]
fn reading_and_locking_create_no_model() {
    let (dir, store, model_dir) = store();
    assert!(model_dir.current().unwrap().is_none());
    assert!(model_dir.run(RunId(1)).unwrap().is_none());
    drop(model_dir.lock().unwrap());
    store.delete(&id()).unwrap();
    assert_eq!(names(dir.path()), [".mlbackend"]);
}

#[test]
fn the_pointer_contains_generation_time_facts_and_checksums() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "first");
    publish(&model_dir, "second");
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
fn keeps_one_previous_generation() {
    let (dir, _store, model_dir) = store();
    for text in ["one", "two", "three", "four"] {
        publish(&model_dir, text);
    }
    assert_eq!(names(&classifier(&dir)), ["3", "4", "current.json"]);
    assert_eq!(current_text(&model_dir).unwrap(), "four");
}

#[test]
fn an_open_generation_stays_readable_after_it_is_replaced_or_deleted() {
    let (_dir, store, model_dir) = store();
    publish(&model_dir, "one");
    let open = model_dir.current().unwrap().unwrap();
    for text in ["two", "three", "four"] {
        publish(&model_dir, text);
    }
    store.delete(&id()).unwrap();
    assert_eq!(open.model().unwrap(), b"one");
    assert_eq!(open.samples().unwrap().unwrap(), b"one");
}

#[test]
fn does_not_reuse_the_number_of_an_incomplete_generation() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    fs::create_dir(classifier(&dir).join("7")).unwrap();
    assert_eq!(publish(&model_dir, "two"), 8);
    assert_eq!(names(&classifier(&dir)), ["1", "8", "current.json"]);
}

#[test]
fn ignores_and_keeps_the_files_of_the_python_server() {
    let (dir, _store, model_dir) = store();
    let python = classifier(&dir);
    fs::create_dir_all(python.join("model.ckpt/variables")).unwrap();
    fs::write(python.join("classifier.pkl"), b"pickle").unwrap();
    fs::write(python.join("model.ckpt/variables/variables.index"), b"index").unwrap();
    assert!(model_dir.current().unwrap().is_none());
    for text in ["one", "two", "three"] {
        publish(&model_dir, text);
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
#[case::model_truncated(|dir: &Path| fs::write(dir.join("2/model.onnx"), b"t").unwrap(), "one")]
#[case::samples_gone(|dir: &Path| fs::remove_file(dir.join("2/samples.bin")).unwrap(), "one")]
#[case::generation_gone(|dir: &Path| fs::remove_dir_all(dir.join("2")).unwrap(), "one")]
fn the_newest_intact_generation_replaces_a_damaged_one(#[case] damage: fn(&Path), #[case] expected: &str) {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    publish(&model_dir, "two");
    damage(&classifier(&dir));
    assert_eq!(current_text(&model_dir).unwrap(), expected);
    assert_eq!(publish(&model_dir, "three"), 3);
    assert_eq!(current_text(&model_dir).unwrap(), "three");
}

#[test]
fn detects_a_changed_byte() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    fs::write(classifier(&dir).join("1/model.onnx"), b"onE").unwrap();
    let current = model_dir.current().unwrap().unwrap();
    assert!(matches!(current.model(), Err(StoreError::Corrupt { .. })));
    assert_eq!(current.samples().unwrap().unwrap(), b"one");
}

#[test]
fn a_model_without_an_intact_generation_is_damaged_and_not_untrained() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    fs::remove_dir_all(classifier(&dir).join("1")).unwrap();
    assert!(matches!(model_dir.current(), Err(StoreError::Corrupt { .. })));
    assert_eq!(publish(&model_dir, "imported"), 2);
    assert_eq!(current_text(&model_dir).unwrap(), "imported");
}

#[test]
fn a_deletion_removes_everything_of_one_id_and_nothing_else() {
    let (dir, store, model_dir) = store();
    let sibling = store.model(&id(), &DirHash::new("dirhash", "other").unwrap());
    let other = store.model(&ModelId::new("model2").unwrap(), &hash());
    for model_dir in [&model_dir, &sibling, &other] {
        publish(model_dir, "text");
    }
    store.delete(&id()).unwrap();
    assert!(model_dir.current().unwrap().is_none());
    assert!(sibling.current().unwrap().is_none());
    assert_eq!(current_text(&other).unwrap(), "text");
    assert_eq!(names(dir.path()), [".mlbackend", "model2"]);
    store.delete(&id()).unwrap();
}

/// Publishes a model and a run after a deletion: without an error, but nothing is stored.
fn publish_after_deletion(model_dir: &ModelDir, training: &ModelLock, run: NewRun) -> Generation {
    let new = NewGeneration { model: b"late", samples: None, facts: &Value::Null };
    let published = model_dir.publish(training, &new).unwrap();
    assert!(model_dir.current().unwrap().is_none());
    let run = run.publish().unwrap();
    assert!(model_dir.run(run).unwrap().is_none());
    published
}

#[test]
fn a_training_that_began_before_a_deletion_stores_nothing() {
    let (dir, store, model_dir) = store();
    publish(&model_dir, "one");
    let training = model_dir.lock().unwrap();
    let run = model_dir.begin_run().unwrap();
    store.delete(&id()).unwrap();
    let published = publish_after_deletion(&model_dir, &training, run);
    assert_eq!(published.model().unwrap(), b"late", "the returned generation can be read");
    assert_eq!(names(dir.path()), [".mlbackend"]);
    drop(training);
    assert_eq!(publish(&model_dir, "fresh"), 1);
    assert_eq!(current_text(&model_dir).unwrap(), "fresh");
}

#[test]
fn a_training_that_began_before_a_deletion_of_nothing_by_another_process_stores_nothing() {
    let (dir, _store, model_dir) = store();
    let other = Store::open(dir.path()).unwrap();
    let training = model_dir.lock().unwrap();
    let run = model_dir.begin_run().unwrap();
    other.delete(&id()).unwrap();
    let sibling = other.model(&id(), &DirHash::new("dirhash", "sibling").unwrap());
    publish(&sibling, "after the deletion");

    publish_after_deletion(&model_dir, &training, run);
    assert_eq!(current_text(&sibling).unwrap(), "after the deletion");
    drop(training);
    publish(&model_dir, "fresh");
    assert_eq!(current_text(&model_dir).unwrap(), "fresh");
}

#[test]
fn a_running_job_cannot_publish_after_the_store_was_closed() {
    let (dir, store, model_dir) = store();
    publish(&model_dir, "one");
    let training = model_dir.lock().unwrap();
    let run = model_dir.begin_run().unwrap();
    store.close();
    let new = NewGeneration { model: b"two", samples: None, facts: &Value::Null };
    assert!(model_dir.publish(&training, &new).is_err());
    assert!(run.publish().is_err());
    assert!(model_dir.begin_run().is_err());
    assert_eq!(current_text(&model_dir).unwrap(), "one");
    assert_eq!(names(&classifier(&dir)), ["1", "current.json"]);
    assert!(names(&dir.path().join(".mlbackend/sessions")).is_empty());
}

#[test]
fn the_time_of_a_run_with_a_number_in_the_future_is_that_of_its_directory() {
    const DAY: Duration = Duration::from_hours(24);
    let (dir, store, _) = store();
    let ahead = (SystemTime::now() + DAY * 3650).duration_since(UNIX_EPOCH).unwrap().as_millis();
    let run = |number: u128, age: Duration| {
        let path = dir.path().join(format!("model/hash/logs/{number}"));
        fs::create_dir_all(&path).unwrap();
        fs::File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    };
    run(ahead, DAY * 40);
    run(ahead + 1, DAY * 20);
    store.with_retention(Retention { run_days: 30, ..Retention::USUAL }).prune(false).unwrap();
    assert_eq!(names(&dir.path().join("model/hash/logs")), [(ahead + 1).to_string()]);
}

#[test]
fn a_deletion_does_not_wait_for_a_training() {
    let (_dir, store, model_dir) = store();
    publish(&model_dir, "one");
    let _training = model_dir.lock().unwrap();
    store.delete(&id()).unwrap();
    assert!(model_dir.current().unwrap().is_none());
}

#[test]
fn a_run_is_invisible_until_it_is_published() {
    let (dir, _store, model_dir) = store();
    let run = model_dir.begin_run().unwrap();
    run.write("tensor/train/events", b"events").unwrap();
    run.write("info.log", b"log").unwrap();
    assert!(model_dir.run(run.id).unwrap().is_none());
    assert!(!dir.path().join("model").exists());
    let id = run.publish().unwrap();
    let run = model_dir.run(id).unwrap().unwrap();
    assert_eq!(run.path(), dir.path().join(format!("model/hash/logs/{id}")));
    assert_eq!(run.files().unwrap(), ["info.log", "tensor/train/events"]);
    assert_eq!(run.read("info.log").unwrap(), b"log");
    assert_eq!(fs::read(run.path().join("tensor/train/events")).unwrap(), b"events");
}

#[test]
fn a_dropped_run_leaves_nothing() {
    let (dir, _store, model_dir) = store();
    let run = model_dir.begin_run().unwrap();
    run.write("info.log", b"log").unwrap();
    let id = run.id;
    assert!(tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    drop(run);
    assert!(!tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    assert!(model_dir.run(id).unwrap().is_none());
    assert_eq!(names(dir.path()), [".mlbackend"]);
}

#[test]
fn a_new_run_does_not_reuse_the_id_of_another() {
    let (dir, _store, model_dir) = store();
    let first = model_dir.begin_run().unwrap().publish().unwrap();
    // After restoring a backup, the run exists, but the last id is not known.
    fs::remove_file(dir.path().join(".mlbackend/last-run")).unwrap();
    for offset in 0..2000 {
        fs::create_dir_all(dir.path().join(format!("model/hash/logs/{}", first.0 + offset))).unwrap();
    }
    assert!(model_dir.begin_run().unwrap().id.0 >= first.0 + 2000);
}

#[test]
fn only_the_owner_can_read_stored_files() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    model_dir.begin_run().unwrap().publish().unwrap();
    for path in tree(dir.path()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn a_model_directory_without_a_data_directory_works_alike() {
    let dir = tempfile::tempdir().unwrap();
    let model_dir = ModelDir::at(&dir.path().join("hash"));
    assert!(model_dir.current().unwrap().is_none());
    assert!(!dir.path().join("hash").exists());
    publish(&model_dir, "one");
    let run = model_dir.begin_run().unwrap().publish().unwrap();
    assert_eq!(model_dir.run(run).unwrap().unwrap().path(), dir.path().join(format!("hash/logs/{run}")));
    assert!(dir.path().join("hash/classifier/1/model.onnx").is_file());
    // Moodle deletes the directory itself.
    fs::remove_dir_all(dir.path().join("hash")).unwrap();
    assert!(model_dir.current().unwrap().is_none());
    assert_eq!(publish(&model_dir, "two"), 1);
    assert_eq!(current_text(&model_dir).unwrap(), "two");
}

#[test]
fn a_removed_workspace_is_created_again() {
    let (dir, _store, model_dir) = store();
    publish(&model_dir, "one");
    fs::remove_dir_all(dir.path().join(".mlbackend")).unwrap();
    assert_eq!(publish(&model_dir, "two"), 2);
    assert_eq!(current_text(&model_dir).unwrap(), "two");
}

#[test]
fn the_error_of_opening_states_the_problem() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Store::open(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(missing, StoreError::Unusable { .. }));
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    fs::write(dir.path().join("file"), b"").unwrap();
    let file = Store::open(&dir.path().join("file")).unwrap_err();
    assert!(file.to_string().contains("not a directory"), "{file}");
}

#[test]
fn opening_removes_leftovers_of_dead_processes_and_keeps_those_of_running_ones() {
    let (dir, _store, model_dir) = store();
    let run = model_dir.begin_run().unwrap();
    run.write("info.log", b"log").unwrap();
    let training = model_dir.lock().unwrap();
    let left = dir.path().join(".mlbackend/sessions/1-1/0");
    fs::create_dir_all(&left).unwrap();
    fs::write(dir.path().join(".mlbackend/sessions/1-1/alive"), b"").unwrap();
    fs::write(dir.path().join(".mlbackend/locks/left.model"), b"").unwrap();
    let _second = Store::open(dir.path()).unwrap();
    assert!(!left.exists());
    assert!(!dir.path().join(".mlbackend/locks/left.model").exists());
    assert_eq!(names(&dir.path().join(".mlbackend/locks")).len(), 1, "only the lock in use");
    assert!(tree(dir.path()).iter().any(|path| path.ends_with("info.log")));
    drop(training);
    let id = run.publish().unwrap();
    assert_eq!(model_dir.run(id).unwrap().unwrap().read("info.log").unwrap(), b"log");
}
