//! Several threads and processes on one data directory.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use moodle_mlbackend::store::{DirHash, ModelDir, ModelId, NewGeneration, Store};
use serde_json::json;

use crate::common::repeat_during;

/// The variable with the data directory for a test that runs in another process.
const DIRECTORY: &str = "STORE_PARALLEL_DIRECTORY";

fn id() -> ModelId {
    ModelId::new("model").unwrap()
}

fn model_dir(store: &Store) -> ModelDir {
    store.model(&id(), &DirHash::new("dirhash", "hash").unwrap())
}

/// Publishes a generation whose parts contain the same number. Lengths differ, so that a mixture shows.
fn publish(model_dir: &ModelDir, number: u64) {
    let text = format!("{number}/").repeat(usize::try_from(number % 7).unwrap() * 1000 + 1);
    let facts = json!({ "number": number });
    let lock = model_dir.lock().unwrap();
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    model_dir.publish(&lock, &new).unwrap();
}

/// Verifies that all parts of the current generation belong together.
fn read(model_dir: &ModelDir) -> Option<u64> {
    let current = model_dir.current().unwrap()?;
    let (model, samples) = (current.model().unwrap(), current.samples().unwrap().unwrap());
    assert_eq!(model, samples);
    let number = current.facts()["number"].as_u64().unwrap();
    assert!(model.starts_with(format!("{number}/").as_bytes()));
    Some(number)
}

/// Threads read the model until `work` is done; returns how often it existed.
fn read_during(store: &Store, readers: usize, work: impl FnOnce()) -> u64 {
    let reads = AtomicU64::new(0);
    let model_dirs: Vec<ModelDir> = (0..readers).map(|_| model_dir(store)).collect();
    let read_all = || {
        thread::scope(|scope| {
            for model_dir in &model_dirs {
                scope.spawn(|| reads.fetch_add(u64::from(read(model_dir).is_some()), Ordering::Relaxed));
            }
        });
    };
    repeat_during(read_all, work);
    reads.into_inner()
}

fn assert_nothing_incomplete(dir: &Path) {
    drop(Store::open(dir).unwrap());
    let workspace = dir.join(".mlbackend");
    for part in ["sessions", "locks"] {
        let left = workspace.join(part).read_dir().map_or(0, Iterator::count);
        assert_eq!(left, 0, "something is left in {part}");
    }
    let classifier = dir.join("model/hash/classifier");
    assert!(classifier.read_dir().map_or(0, Iterator::count) <= 3, "too many generations");
}

#[test]
fn every_read_is_consistent_while_sixteen_threads_publish_read_and_delete_one_model() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let next = AtomicU64::new(0);
    let reads = read_during(&store, 12, || {
        thread::scope(|scope| {
            for thread in 0..4 {
                let (model_dir, store, next) = (model_dir(&store), &store, &next);
                scope.spawn(move || {
                    for round in 0..40 {
                        publish(&model_dir, next.fetch_add(1, Ordering::Relaxed));
                        if thread == 0 && round % 4 == 3 {
                            store.delete(&id()).unwrap();
                        }
                    }
                });
            }
        });
    });
    assert!(reads > 0, "the model existed at least once");
    publish(&model_dir(&store), 1000);
    assert_eq!(read(&model_dir(&store)), Some(1000));
    drop(store);
    assert_nothing_incomplete(dir.path());
}

#[test]
fn a_reader_never_mixes_a_deleted_model_with_its_replacement() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let reads = read_during(&store, 4, || {
        for number in 0..60 {
            // Both are generation 1 and of the same size.
            publish(&model_dir(&store), 700 + number % 2 * 7);
            store.delete(&id()).unwrap();
        }
    });
    assert!(reads > 0, "the model existed at least once");
}

#[test]
fn parallel_updates_with_the_model_lock_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let add_one = |model_dir: &ModelDir| {
        let lock = model_dir.lock().unwrap();
        let count =
            model_dir.current().unwrap().map_or(0, |current| current.facts()["count"].as_u64().unwrap());
        let facts = json!({ "count": count + 1 });
        model_dir.publish(&lock, &NewGeneration { model: b"m", samples: None, facts: &facts }).unwrap();
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            // Each has its own store, like another process.
            let model_dir = model_dir(&Store::open(dir.path()).unwrap());
            scope.spawn(move || (0..10).for_each(|_| add_one(&model_dir)));
        }
    });
    let current = model_dir(&store).current().unwrap().unwrap();
    assert_eq!((current.number(), &current.facts()["count"]), (80, &json!(80)));
}

#[test]
fn parallel_runs_get_different_ids() {
    let dir = tempfile::tempdir().unwrap();
    let ids = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            let model_dir = model_dir(&Store::open(dir.path()).unwrap());
            let ids = &ids;
            scope.spawn(move || {
                for _ in 0..50 {
                    let run = model_dir.begin_run().unwrap();
                    assert!(ids.lock().unwrap().insert(run.id), "an id was given twice");
                }
            });
        }
    });
    assert_eq!(ids.lock().unwrap().len(), 400);
}

#[test]
fn evaluations_of_a_model_that_is_being_deleted_do_not_fail() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let delete = || store.delete(&id()).unwrap();
    repeat_during(delete, || {
        thread::scope(|scope| {
            for model_dir in (0..4).map(|_| model_dir(&store)) {
                scope.spawn(move || {
                    for _ in 0..50 {
                        let run = model_dir.begin_run().unwrap();
                        run.write("tensor/events", b"").unwrap();
                        run.publish().unwrap();
                    }
                });
            }
        });
    });
    drop(store);
    assert_nothing_incomplete(dir.path());
}

fn start_process(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_parallel::another_process", "--ignored", "--quiet"])
        .env(DIRECTORY, dir)
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "runs in processes that the test below starts"]
fn another_process() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let store = Store::open(Path::new(&dir)).unwrap();
    let model_dir = model_dir(&store);
    for number in 0..40 {
        publish(&model_dir, number);
        assert!(model_dir.begin_run().unwrap().publish().is_ok());
        read(&model_dir);
        if number % 10 == 9 {
            store.delete(&id()).unwrap();
        }
    }
    publish(&model_dir, 1000);
}

#[test]
fn three_processes_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut others: Vec<Child> = (0..3).map(|_| start_process(dir.path())).collect();
    let model_dir = model_dir(&store);
    while others.iter_mut().any(|other| other.try_wait().unwrap().is_none()) {
        read(&model_dir);
        drop(Store::open(dir.path()).unwrap());
    }
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    drop((model_dir, store));
    assert_nothing_incomplete(dir.path());
}
