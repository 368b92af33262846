//! Lets the n-th step on the disk fail, or be the last one of the process, for
//! every n: tests of what is left then.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{DirHash, ModelDir, ModelId, NewGeneration, NewRun, Store, StoreError};
use crate::fs::failpoints::{Fault, arm, was_spared};

/// The system's error for a full disk.
const DISK_FULL: Fault = Fault::Error(28);

fn id() -> ModelId {
    ModelId::new("model").unwrap()
}

fn model_dir(store: &Store) -> ModelDir {
    store.model(&id(), &DirHash::new("dirhash", "hash").unwrap())
}

fn publish(model_dir: &ModelDir, text: &str) -> Result<u64, StoreError> {
    let facts = json!(text);
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    Ok(model_dir.publish(&model_dir.lock()?, &new)?.number())
}

fn current(model_dir: &ModelDir) -> Option<String> {
    let current = model_dir.current().unwrap()?;
    let text = String::from_utf8(current.model().unwrap()).unwrap();
    assert_eq!(current.samples().unwrap().unwrap(), text.as_bytes());
    assert_eq!(current.facts(), &json!(text));
    Some(text)
}

/// All paths below `root`, but of this process' session only what is in it.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in root.read_dir().unwrap() {
        let path = entry.unwrap().path();
        // An empty lock file without a holder is harmless and is removed with the next use or start.
        if path.is_dir() && !path.ends_with("locks") {
            found.extend(tree(&path));
        }
        if !path.ends_with("last-run") && !path.ends_with("alive") && !path.ends_with("locks") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A store in which that many generations have been published, and what is in it.
fn store_with(generations: u32) -> (tempfile::TempDir, Store, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for n in 1..=generations {
        publish(&model_dir(&store), &format!("old {n}")).unwrap();
    }
    let before = tree(dir.path());
    (dir, store, before)
}

#[rstest::rstest]
#[case::the_first(0)]
#[case::the_second(1)]
#[case::the_fifth(4)]
fn a_disk_that_is_full_at_any_step_of_publishing_keeps_the_old_generation_and_nothing_else(
    #[case] generations: u32,
) {
    for steps in 0.. {
        let (dir, store, before) = store_with(generations);
        let model_dir = model_dir(&store);
        let old = current(&model_dir);
        arm(steps, DISK_FULL);
        let published = publish(&model_dir, "new");
        if was_spared() {
            assert_eq!(published.unwrap(), u64::from(generations) + 1);
            assert!(steps > 10, "there are more steps than {steps}");
            return;
        }
        match published {
            Ok(_) => assert_eq!(current(&model_dir).as_deref(), Some("new"), "only tidying up failed"),
            Err(error) if current(&model_dir) == old => {
                assert!(error.is_no_space(), "{error}");
                assert_eq!(tree(dir.path()), before, "at step {steps}");
            }
            Err(error) => {
                let last = matches!(error, StoreError::NoSpace { doing: "sync", .. });
                assert!(last && current(&model_dir).as_deref() == Some("new"), "{error}");
            }
        }
        publish(&model_dir, "next").unwrap();
        assert_eq!(current(&model_dir).as_deref(), Some("next"));
    }
}

#[test]
fn a_disk_that_is_full_at_any_step_of_an_evaluation_leaves_nothing_of_it() {
    for steps in 0.. {
        let (dir, store, before) = store_with(1);
        arm(steps, DISK_FULL);
        let published = model_dir(&store).begin_run().and_then(NewRun::publish);
        if was_spared() {
            assert!(model_dir(&store).run(published.unwrap()).unwrap().is_some());
            return;
        }
        if let Err(error) = published {
            assert!(error.is_no_space(), "{error}");
        }
        let logs = dir.path().join("model/hash/logs");
        let seen = logs.exists() && logs.read_dir().unwrap().count() == 1;
        assert!(seen || tree(dir.path()) == before, "half a run is left at step {steps}");
    }
}

#[test]
fn a_deletion_that_fails_has_deleted_all_or_nothing() {
    for steps in 0.. {
        let (dir, store, before) = store_with(2);
        arm(steps, DISK_FULL);
        let deleted = store.delete(&id());
        if was_spared() {
            deleted.unwrap();
            assert_eq!(current(&model_dir(&store)), None);
            return;
        }
        let gone = !dir.path().join("model").exists();
        assert!(deleted.is_err() || gone, "only letting go of a lock may fail without a word");
        assert!(gone || tree(dir.path()) == before, "half a model is left at step {steps}");
        store.delete(&id()).unwrap();
        assert_eq!(current(&model_dir(&store)), None);
    }
}

#[test]
fn an_id_that_cannot_be_listed_is_told_of_and_keeps_nobody_from_the_others() {
    let (dir, store, _) = store_with(3);
    let beside = store.model(&ModelId::new("beside").unwrap(), &DirHash::new("dirhash", "hash").unwrap());
    publish(&beside, "beside").unwrap();
    std::fs::create_dir(dir.path().join("beside/hash/classifier/7")).unwrap();
    // The data directory is listed, then `beside`, then `model`.
    for (steps, unreadable, listed) in [(1, "beside", 1), (2, "model", 1)] {
        arm(steps, Fault::Error(5));
        let listing = store.homes().unwrap();
        assert!(!was_spared());
        assert_eq!(listing.models.len(), listed);
        assert_eq!(listing.unreadable[0].0.as_str(), unreadable);
    }
    arm(2, Fault::Error(5));
    let pruned = store.prune(false).unwrap();
    let of = |model: &str| pruned.iter().find(|pruned| pruned.model == model).unwrap();
    assert!(of("model").outcome.is_err());
    assert_eq!(of("beside/hash").outcome.as_ref().unwrap().len(), 1);
}

/// Names the directory, the operation and the step for the test that plays the dying process.
const VICTIM: [&str; 3] = ["STORE_FAULTS_DIRECTORY", "STORE_FAULTS_OPERATION", "STORE_FAULTS_STEP"];

#[test]
#[ignore = "played by a process that dies in it, started by the test below"]
fn as_the_dying_process() {
    let [Ok(dir), Ok(operation), Ok(steps)] = VICTIM.map(std::env::var) else { return };
    arm(steps.parse().unwrap(), Fault::Death);
    let store = Store::open(Path::new(&dir)).unwrap();
    let model_dir = model_dir(&store);
    match operation.as_str() {
        "publish" => assert!(publish(&model_dir, "new").is_ok()),
        "run" => assert!(model_dir.begin_run().unwrap().publish().is_ok()),
        "delete" => store.delete(&id()).unwrap(),
        other => unreachable!("{other}"),
    }
    was_spared();
}

/// Does `operation` in another process that dies before that step; whether it lived.
fn survives(dir: &Path, operation: &str, steps: u32) -> bool {
    let values = [dir.to_str().unwrap(), operation, &steps.to_string()].map(str::to_owned);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::failpoint_tests::as_the_dying_process", "--ignored"])
        .envs(VICTIM.into_iter().zip(values))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() || !text.contains("panicked"), "{text}");
    output.status.success()
}

#[rstest::rstest]
#[case::the_first_training("publish", 0, &[None, Some("new")])]
#[case::another_training("publish", 2, &[Some("old 2"), Some("new")])]
#[case::an_evaluation("run", 1, &[Some("old 1")])]
#[case::a_deletion("delete", 2, &[Some("old 2"), None])]
fn a_process_that_dies_before_any_step_leaves_all_or_nothing(
    #[case] operation: &str,
    #[case] generations: u32,
    #[case] legal: &[Option<&str>],
) {
    for steps in 0.. {
        let (dir, store, _) = store_with(generations);
        drop(store);
        let lived = survives(dir.path(), operation, steps);
        let store = Store::open(dir.path()).unwrap();
        let found = current(&model_dir(&store));
        assert!(legal.contains(&found.as_deref()), "{found:?} at step {steps}");
        let workspace = tree(&dir.path().join(".mlbackend"));
        assert_eq!(workspace.len(), 2, "more than the session of this process: {workspace:?}");
        let next = publish(&model_dir(&store), "next").unwrap();
        assert_eq!(current(&model_dir(&store)).as_deref(), Some("next"));
        assert!(next > u64::from(generations) || found.is_none());
        if lived {
            assert_eq!(found.as_deref(), *legal.last().unwrap());
            return;
        }
    }
}
