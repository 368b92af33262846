//! Tests of power failures: after each step of each operation, each state that the disk can then have recovers to before the
//! operation or to after it; and to after it once the operation has returned.

mod disk;
mod histories;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::fs::recording::recorded;
use crate::store::local::LocalModel;
use crate::store::{DirHash, ModelDir, ModelId, NewGeneration, Retention, SAMPLES_SINCE, Store, StoreError};
use disk::{Disk, FileSystem, Tree};

fn id() -> ModelId {
    ModelId::new("model").expect("a valid name")
}

fn model_dir(store: &Store) -> ModelDir {
    store.model(&id(), &DirHash::new("dirhash", "hash").expect("a valid name"))
}

fn local(store: &Store) -> LocalModel {
    store.local().model(&id(), &DirHash::new("dirhash", "hash").expect("a valid name"))
}

fn publish(store: &Store, text: &str) -> Result<(), StoreError> {
    let facts = json!({"text": text, SAMPLES_SINCE: "2020-01-01"});
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    let model_dir = model_dir(store);
    model_dir.publish(&model_dir.lock()?, &new).map(drop)
}

/// What a reader sees: the text of the current model, and the content of the files of all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    model: Option<String>,
    runs: Vec<Vec<String>>,
}

impl Seen {
    /// An error says what is damaged.
    fn read(store: &Store) -> Result<Self, String> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let model_dir = model_dir(store);
        let current = model_dir.current().map_err(|error| error.to_string())?;
        let model = current
            .map(|current| {
                let model = text(current.model().map_err(|error| error.to_string())?);
                let samples = current.samples().map_err(|error| error.to_string())?.map(text);
                let same = current.facts()["text"] == json!(model) && samples.as_ref() == Some(&model);
                if same { Ok(model) } else { Err(format!("{model} with {samples:?}")) }
            })
            .transpose()?;
        let runs = model_dir.runs().map_err(|error| error.to_string())?.into_iter().map(|id| {
            let run = model_dir.run(id).map_err(|error| error.to_string())?.ok_or("a run is gone")?;
            let names = run.files().map_err(|error| error.to_string())?;
            names.iter().map(|name| run.read(name).map(text).map_err(|error| error.to_string())).collect()
        });
        Ok(Self { model, runs: runs.collect::<Result<_, String>>()? })
    }
}

/// A store after `trainings` trainings, and the steps of an operation on it.
fn operated(trainings: u32, operation: impl FnOnce(&Store)) -> (Disk, [Seen; 2]) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("the store opens");
    for n in 1..=trainings {
        publish(&store, &format!("old {n}")).expect("published");
    }
    let store = store.with_retention(Retention { generations: 3, sample_days: 1, ..Retention::USUAL });
    let before = Seen::read(&store).expect("intact");
    let mut disk = Disk::read(dir.path());
    let ((), operations) = recorded(|| operation(&store));
    disk.run(dir.path(), &operations);
    let after = Seen::read(&store).expect("intact");
    (disk, [before, after])
}

/// What is wrong with the states of a disk; `None` if they all recover.
fn fault(disk: &Disk, seen: &[Seen; 2], file_system: FileSystem) -> Option<String> {
    let mut tried = BTreeSet::new();
    for count in 0..=disk.len() {
        let is_over = count == disk.len();
        let legal = if is_over { &seen[1..] } else { &seen[..] };
        for tree in disk.states(count, file_system) {
            // Most states are possible after several steps.
            if !is_over && tried.contains(&tree) {
                continue;
            }
            if let Err(problem) = recovers(&tree, legal, tried.len()) {
                return Some(format!("after {count} of {} steps, {problem}: {:?}", disk.len(), tree.keys()));
            }
            tried.insert(tree);
        }
    }
    assert!(tried.len() > disk.len() / 2, "only {} states", tried.len());
    None
}

fn recovers(tree: &Tree, legal: &[Seen], tried: usize) -> Result<(), String> {
    let dir = tempfile::tempdir().expect("a directory");
    disk::write(tree, dir.path());
    let found = seen_in(dir.path())?;
    if !legal.contains(&found) {
        return Err(format!("{found:?} instead of {legal:?}"));
    }
    // Real syncs are slow, so not after each of thousands of states.
    if tried.is_multiple_of(16) {
        let store = Store::open(dir.path()).map_err(|error| error.to_string())?;
        store.examine(true).map_err(|error| error.to_string())?;
        if seen_in(dir.path())? != found {
            return Err("a repair changes it".to_owned());
        }
        publish(&store, "next").map_err(|error| error.to_string())?;
        if Seen::read(&store)?.model.as_deref() != Some("next") {
            return Err("it cannot be trained".to_owned());
        }
    }
    Ok(())
}

fn seen_in(root: &Path) -> Result<Seen, String> {
    Seen::read(&Store::open(root).map_err(|error| error.to_string())?)
}

fn train(store: &Store) {
    publish(store, "new").expect("published");
}

fn evaluate(store: &Store) {
    let run = model_dir(store).begin_run().expect("begun");
    run.write("report.json", b"report").expect("written");
    run.write("logs/train/events", b"events").expect("written");
    run.publish().expect("published");
}

fn delete(store: &Store) {
    store.delete(&id()).expect("deleted");
}

fn roll_back(store: &Store) {
    let model_dir = model_dir(store);
    model_dir.roll_back(&model_dir.lock().expect("free"), None).expect("rolled back");
}

fn forget(store: &Store) {
    assert!(!local(store).forget_samples(false).expect("forgotten").is_empty());
}

#[rstest::rstest]
#[case::the_first_training(0, train)]
#[case::a_second_training(1, train)]
#[case::a_training_that_removes_an_old_generation(3, train)]
#[case::the_first_evaluation(0, evaluate)]
#[case::an_evaluation(2, evaluate)]
#[case::a_deletion(2, delete)]
#[case::a_rollback(2, roll_back)]
#[case::forgetting_samples(2, forget)]
fn a_power_failure_leaves_what_was_before_or_after(
    #[case] trainings: u32,
    #[case] operation: fn(&Store),
    #[values(FileSystem::Journal, FileSystem::Minimal)] file_system: FileSystem,
) {
    let (disk, seen) = operated(trainings, operation);
    assert_eq!(fault(&disk, &seen, file_system), None);
}

#[rstest::rstest]
#[case::of_files_in_a_training(false, train)]
#[case::of_directories_in_a_training(true, train)]
#[case::of_files_in_an_evaluation(false, evaluate)]
#[case::of_directories_in_an_evaluation(true, evaluate)]
#[case::of_directories_in_a_deletion(true, delete)]
fn a_missing_sync_is_found(#[case] of_directories: bool, #[case] operation: fn(&Store)) {
    let (disk, seen) = operated(1, operation);
    let fault = fault(&disk.without_syncs(of_directories), &seen, FileSystem::Minimal);
    assert!(fault.is_some(), "no state shows it");
}
