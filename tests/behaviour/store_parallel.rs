//! Many threads and several processes on one data directory.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use moodle_mlbackend::store::{DirHash, ModelDir, ModelId, NewGeneration, Store};
use serde_json::json;

use crate::common::repeat_during;

/// Names the data directory for a test that plays another process.
const DIRECTORY: &str = "STORE_PARALLEL_DIRECTORY";

fn id() -> ModelId {
    ModelId::new("model").unwrap()
}

fn home(store: &Store) -> ModelDir {
    store.model(&id(), &DirHash::new("dirhash", "hash").unwrap())
}

/// A generation whose parts all tell the same number; of different lengths, to be mixed up visibly.
fn publish(home: &ModelDir, number: u64) {
    let text = format!("{number}/").repeat(usize::try_from(number % 7).unwrap() * 1000 + 1);
    let facts = json!({ "number": number });
    let lock = home.lock().unwrap();
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    home.publish(&lock, &new).unwrap();
}

/// Checks that all parts of the current generation belong together.
fn read(home: &ModelDir) -> Option<u64> {
    let current = home.current().unwrap()?;
    let (model, samples) = (current.model().unwrap(), current.samples().unwrap().unwrap());
    assert_eq!(model, samples);
    let number = current.facts()["number"].as_u64().unwrap();
    assert!(model.starts_with(format!("{number}/").as_bytes()));
    Some(number)
}

/// Lets threads read the model over and over as long as something is done to it; gives how often it was there.
fn read_meanwhile(store: &Store, readers: usize, work: impl FnOnce()) -> u64 {
    let reads = AtomicU64::new(0);
    let homes: Vec<ModelDir> = (0..readers).map(|_| home(store)).collect();
    let read_all = || {
        thread::scope(|scope| {
            for home in &homes {
                scope.spawn(|| reads.fetch_add(u64::from(read(home).is_some()), Ordering::Relaxed));
            }
        });
    };
    repeat_during(read_all, work);
    reads.into_inner()
}

fn only_whole_things_are_left(dir: &Path) {
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
fn sixteen_threads_publish_read_and_delete_one_model_and_every_read_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let next = AtomicU64::new(0);
    let reads = read_meanwhile(&store, 12, || {
        thread::scope(|scope| {
            for thread in 0..4 {
                let (home, store, next) = (home(&store), &store, &next);
                scope.spawn(move || {
                    for round in 0..40 {
                        publish(&home, next.fetch_add(1, Ordering::Relaxed));
                        if thread == 0 && round % 4 == 3 {
                            store.delete(&id()).unwrap();
                        }
                    }
                });
            }
        });
    });
    assert!(reads > 0, "something was there to be read");
    publish(&home(&store), 1000);
    assert_eq!(read(&home(&store)), Some(1000));
    drop(store);
    only_whole_things_are_left(dir.path());
}

#[test]
fn a_reader_never_mixes_a_deleted_model_with_the_one_that_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let reads = read_meanwhile(&store, 4, || {
        for number in 0..60 {
            // Always generation 1, of the same size.
            publish(&home(&store), 700 + number % 2 * 7);
            store.delete(&id()).unwrap();
        }
    });
    assert!(reads > 0, "something was there to be read");
}

#[test]
fn what_is_counted_up_under_the_lock_of_a_model_in_parallel_is_all_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let add_one = |home: &ModelDir| {
        let lock = home.lock().unwrap();
        let count = home.current().unwrap().map_or(0, |current| current.facts()["count"].as_u64().unwrap());
        let facts = json!({ "count": count + 1 });
        home.publish(&lock, &NewGeneration { model: b"m", samples: None, facts: &facts }).unwrap();
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            // A store of its own each, as if in a process of its own.
            let home = home(&Store::open(dir.path()).unwrap());
            scope.spawn(move || (0..10).for_each(|_| add_one(&home)));
        }
    });
    let current = home(&store).current().unwrap().unwrap();
    assert_eq!((current.number(), &current.facts()["count"]), (80, &json!(80)));
}

#[test]
fn runs_begun_in_parallel_have_ids_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let ids = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            let home = home(&Store::open(dir.path()).unwrap());
            let ids = &ids;
            scope.spawn(move || {
                for _ in 0..50 {
                    let run = home.begin_run().unwrap();
                    assert!(ids.lock().unwrap().insert(run.id()), "an id was given twice");
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
            for home in (0..4).map(|_| home(&store)) {
                scope.spawn(move || {
                    for _ in 0..50 {
                        let run = home.begin_run().unwrap();
                        run.write("tensor/events", b"").unwrap();
                        run.publish().unwrap();
                    }
                });
            }
        });
    });
    drop(store);
    only_whole_things_are_left(dir.path());
}

fn another_process(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_parallel::as_another_process", "--ignored", "--quiet"])
        .env(DIRECTORY, dir)
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "played by another process, started by the test below"]
fn as_another_process() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let store = Store::open(Path::new(&dir)).unwrap();
    let home = home(&store);
    for number in 0..40 {
        publish(&home, number);
        assert!(home.begin_run().unwrap().publish().is_ok());
        read(&home);
        if number % 10 == 9 {
            store.delete(&id()).unwrap();
        }
    }
    publish(&home, 1000);
}

#[test]
fn three_processes_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut others: Vec<Child> = (0..3).map(|_| another_process(dir.path())).collect();
    let home = home(&store);
    while others.iter_mut().any(|other| other.try_wait().unwrap().is_none()) {
        read(&home);
        drop(Store::open(dir.path()).unwrap());
    }
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    drop((home, store));
    only_whole_things_are_left(dir.path());
}
