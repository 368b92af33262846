//! Tests of faults at every failpoint: the n-th disk operation fails, or the process dies before it, for every n.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::fs::failpoints::{Fault, arm, disarm};
use crate::store::generation::GenerationFiles as _;
use crate::store::{
    DirHash, ModelDir, ModelId, NewGeneration, NewRun, Retention, SAMPLES_SINCE, Store, StoreError,
};

/// The system's error for a full disk.
const DISK_FULL: Fault = Fault::Error(28);

fn id() -> ModelId {
    ModelId::new("model").expect("a valid name")
}

fn model_dir(store: &Store) -> ModelDir {
    store.model(&id(), &DirHash::new("dirhash", "hash").expect("a valid name"))
}

fn publish(model_dir: &ModelDir, text: &str) -> Result<u64, StoreError> {
    let facts = json!(text);
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    Ok(model_dir.publish(&model_dir.lock()?, &new)?.number())
}

fn current(model_dir: &ModelDir) -> Option<String> {
    let current = model_dir.current().expect("readable")?;
    let text = String::from_utf8(current.model().expect("readable")).expect("text");
    assert_eq!(current.samples().expect("readable").expect("stored"), text.as_bytes());
    assert_eq!(current.facts(), &json!(text));
    Some(text)
}

/// All paths below `root` without lock files and the directories that a session keeps.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in root.read_dir().expect("readable") {
        let path = entry.expect("readable").path();
        // An unused lock file is harmless and removed by the next use or start.
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

/// A store with published generations, and its files.
fn store_with(generations: u32) -> (tempfile::TempDir, Store, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("the store opens");
    for n in 1..=generations {
        publish(&model_dir(&store), &format!("old {n}")).expect("published");
    }
    let before = tree(dir.path());
    (dir, store, before)
}

#[rstest::rstest]
#[case::the_first(0)]
#[case::the_second(1)]
#[case::the_fifth(4)]
fn publishing_on_a_full_disk_keeps_the_old_generation_and_leaves_nothing_else(#[case] generations: u32) {
    for steps in 0.. {
        let (dir, store, before) = store_with(generations);
        let model_dir = model_dir(&store);
        let old = current(&model_dir);
        arm(steps, DISK_FULL);
        let published = publish(&model_dir, "new");
        if disarm() {
            assert_eq!(published.expect("published"), u64::from(generations) + 1);
            assert!(steps > 10, "only {steps} failpoints");
            return;
        }
        match published {
            Ok(_) => assert_eq!(current(&model_dir).as_deref(), Some("new"), "only the cleanup failed"),
            Err(error) if current(&model_dir) == old => {
                assert!(error.is_no_space(), "{error}");
                assert_eq!(tree(dir.path()), before, "at step {steps}");
            }
            Err(error) => {
                let is_last = matches!(error, StoreError::NoSpace { action: "sync", .. });
                assert!(is_last && current(&model_dir).as_deref() == Some("new"), "{error}");
            }
        }
        publish(&model_dir, "next").expect("published");
        assert_eq!(current(&model_dir).as_deref(), Some("next"));
    }
}

#[test]
fn an_evaluation_on_a_full_disk_leaves_nothing() {
    for steps in 0.. {
        let (dir, store, before) = store_with(1);
        arm(steps, DISK_FULL);
        let published = model_dir(&store).begin_run().and_then(NewRun::publish);
        if disarm() {
            assert!(model_dir(&store).run(published.expect("published")).expect("readable").is_some());
            return;
        }
        if let Err(error) = published {
            assert!(error.is_no_space(), "{error}");
        }
        let logs = dir.path().join("model/hash/logs");
        let is_published = logs.exists() && logs.read_dir().expect("readable").count() == 1;
        assert!(is_published || tree(dir.path()) == before, "part of a run is left at step {steps}");
    }
}

#[test]
fn a_failed_deletion_has_deleted_everything_or_nothing() {
    for steps in 0.. {
        let (dir, store, before) = store_with(2);
        arm(steps, DISK_FULL);
        let deleted = store.delete(&id());
        if disarm() {
            deleted.expect("deleted");
            assert_eq!(current(&model_dir(&store)), None);
            return;
        }
        let is_deleted = !dir.path().join("model").exists();
        assert!(deleted.is_err() || is_deleted, "only a failed release of a lock is not reported");
        assert!(is_deleted || tree(dir.path()) == before, "part of a model is left at step {steps}");
        store.delete(&id()).expect("deleted");
        assert_eq!(current(&model_dir(&store)), None);
    }
}

#[test]
fn an_unreadable_id_is_reported_and_does_not_affect_the_others() {
    let (dir, store, _) = store_with(3);
    let another = store.model(
        &ModelId::new("another").expect("a valid name"),
        &DirHash::new("dirhash", "hash").expect("a valid name"),
    );
    publish(&another, "another").expect("published");
    std::fs::create_dir(dir.path().join("another/hash/classifier/7")).expect("created");
    // The data directory is listed, then `another`, then `model`.
    for (steps, unreadable) in [(1, "another"), (2, "model")] {
        arm(steps, Fault::Error(5));
        let listing = store.model_dirs().expect("readable");
        assert!(!disarm());
        assert_eq!(listing.models.len(), 1);
        assert_eq!(listing.unreadable[0].0.as_str(), unreadable);
    }
    arm(2, Fault::Error(5));
    let pruned = store.prune(false).expect("pruned");
    let of = |model: &str| pruned.iter().find(|pruned| pruned.model == model).expect("it is listed");
    assert!(of("model").outcome.is_err());
    assert_eq!(of("another/hash").outcome.as_ref().expect("pruned").len(), 1);
}

/// Variables for [`dying_process`]: the directory, the operation and the step.
const VARIABLES: [&str; 3] = ["STORE_FAULTS_DIRECTORY", "STORE_FAULTS_OPERATION", "STORE_FAULTS_STEP"];

#[test]
#[ignore = "runs in a process that the test below starts"]
fn dying_process() {
    let [Ok(dir), Ok(operation), Ok(steps)] = VARIABLES.map(std::env::var) else { return };
    arm(steps.parse().expect("a number"), Fault::Abort);
    let store = Store::open(Path::new(&dir)).expect("the store opens");
    let model_dir = model_dir(&store);
    match operation.as_str() {
        "publish" => assert!(publish(&model_dir, "new").is_ok()),
        "run" => assert!(model_dir.begin_run().expect("readable").publish().is_ok()),
        "delete" => store.delete(&id()).expect("deleted"),
        other => unreachable!("{other}"),
    }
    disarm();
}

/// Runs `operation` in another process that dies before this step. Returns whether it had fewer steps.
fn survives(dir: &Path, operation: &str, steps: u32) -> bool {
    let values = [dir.to_str().expect("text"), operation, &steps.to_string()].map(str::to_owned);
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "store::local::failpoint_tests::dying_process", "--ignored"])
        .envs(VARIABLES.into_iter().zip(values))
        .output()
        .expect("it runs");
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
        let survived = survives(dir.path(), operation, steps);
        let store = Store::open(dir.path()).expect("the store opens");
        let found = current(&model_dir(&store));
        assert!(legal.contains(&found.as_deref()), "{found:?} at step {steps}");
        let workspace = tree(&dir.path().join(".mlbackend"));
        assert_eq!(workspace.len(), 2, "more than the session of this process: {workspace:?}");
        let next = publish(&model_dir(&store), "next").expect("published");
        assert_eq!(current(&model_dir(&store)).as_deref(), Some("next"));
        assert!(next > u64::from(generations) || found.is_none());
        if survived {
            assert_eq!(found.as_deref(), *legal.last().expect("one is legal"));
            return;
        }
    }
}

#[rstest::rstest]
#[case::a_disk_error(DISK_FULL)]
#[case::a_panic(Fault::Panic)]
fn forgetting_samples_at_any_failpoint_keeps_both_models(#[case] fault: Fault) {
    let since = json!({ SAMPLES_SINCE: "2020-01-01" });
    for steps in 0.. {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("the store opens");
        for model in ["one", "two"] {
            let new = NewGeneration { model: model.as_bytes(), samples: Some(b"samples"), facts: &since };
            let model_dir = model_dir(&store);
            model_dir.publish(&model_dir.lock().expect("locked"), &new).expect("published");
        }
        let store = store.with_retention(Retention { sample_days: 1, ..Retention::USUAL });
        let model_dir = store.local().model(&id(), &DirHash::new("dirhash", "hash").expect("a valid name"));
        arm(steps, fault);
        let forgotten = std::panic::catch_unwind(|| model_dir.forget_samples(false));
        let complete = disarm();
        let current = model_dir.current().expect("readable").expect("published");
        assert_eq!(current.samples().expect("readable").as_deref(), Some(&b"samples"[..]), "at step {steps}");
        let earlier = model_dir.classifier().open(1).expect("readable");
        // One exchange replaces it: so far as the file system of the tests can do that.
        let earlier = earlier.unwrap_or_else(|| panic!("the earlier generation is lost at step {steps}"));
        assert_eq!(earlier.model().expect("readable"), b"one");
        if complete {
            assert_eq!(forgotten.expect("no panic").expect("forgotten").len(), 1);
            assert!(!dir.path().join("model/hash/classifier/1/samples.bin").exists());
            assert!(steps > 5, "only {steps} failpoints");
            return;
        }
    }
}
