//! Every place of models behaves alike: a data directory, a bucket of a real S3 server, and a prefix in a container of
//! Azure's emulator.

use std::collections::BTreeSet;
use std::thread;

use moodle_mlbackend::store::{
    BucketUrl, DirHash, ModelDir, ModelId, ModelLock, NewGeneration, Retention, RollbackError, SAMPLES_SINCE,
    Store, StoreError,
};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use crate::common::{Azurite, ObjectServer, bucket_settings};

/// What a test runs over.
#[derive(Debug, Clone, Copy)]
enum Place {
    Directory,
    S3,
    Azure,
}

/// An open place. [`Self::again`] opens it once more, as another process or machine does.
enum Open {
    Directory(TempDir),
    /// A URL, with the variables of its store.
    Bucket(BucketUrl, Vec<(&'static str, String)>),
}

impl Place {
    /// `None`, with a visible reason, where it cannot be opened here.
    fn open(self) -> Option<Open> {
        match self {
            Self::Directory => Some(Open::Directory(tempfile::tempdir().unwrap())),
            Self::S3 => {
                let server = ObjectServer::shared(&test())?;
                let bucket = server.bucket();
                let settings = bucket_settings(&server.url(), &bucket);
                Some(Open::Bucket(BucketUrl::of_s3(&bucket).unwrap(), settings))
            }
            Self::Azure => {
                let azure = Azurite::shared(&test())?;
                let url = format!("az://{}/a/prefix", azure.container());
                Some(Open::Bucket(url.parse().unwrap(), azure.settings(&url)))
            }
        }
    }
}

fn test() -> String {
    thread::current().name().unwrap_or("a test").to_owned()
}

impl Open {
    fn again(&self) -> Store {
        match self {
            Self::Directory(dir) => Store::open(dir.path()).unwrap(),
            Self::Bucket(url, settings) => {
                let variables = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                Store::open_bucket(url, variables, true).unwrap()
            }
        }
    }
}

fn id(name: &str) -> ModelId {
    ModelId::new(name).unwrap()
}

fn model(store: &Store, name: &str) -> ModelDir {
    store.model(&id(name), &DirHash::new("dirhash", "hash").unwrap())
}

fn publish(model: &ModelDir, text: &str) -> Result<u64, StoreError> {
    publish_with(model, &model.lock()?, text)
}

fn publish_with(model: &ModelDir, lock: &ModelLock, text: &str) -> Result<u64, StoreError> {
    let facts = json!({ "text": text });
    let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
    Ok(model.publish(lock, &new)?.number())
}

/// The text of the current generation, the same in all its parts.
fn current(model: &ModelDir) -> Option<String> {
    let generation = model.current().unwrap()?;
    let text = String::from_utf8(generation.model().unwrap()).unwrap();
    assert_eq!(generation.samples().unwrap().unwrap(), text.as_bytes());
    assert_eq!(generation.facts()["text"], json!(text));
    Some(text)
}

#[rstest]
fn what_one_process_publishes_another_sees_at_once(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
) {
    let Some(open) = place.open() else { return };
    let (one, other) = (open.again(), open.again());
    assert_eq!(current(&model(&other, "m")), None);
    assert_eq!(publish(&model(&one, "m"), "first").unwrap(), 1);
    assert_eq!(current(&model(&other, "m")).as_deref(), Some("first"));
    let identity = model(&other, "m").current().unwrap().unwrap().identity().unwrap();
    assert!(model(&other, "m").is_current(&identity).unwrap());
    assert_eq!(publish(&model(&other, "m"), "second").unwrap(), 2);
    assert!(!model(&one, "m").is_current(&identity).unwrap());
    assert_eq!(current(&model(&one, "m")).as_deref(), Some("second"));
    assert_eq!(model(&one, "m").current_info().unwrap().unwrap().number, 2);
    let numbers: Vec<u64> = model(&one, "m").generations().unwrap().iter().map(|info| info.number).collect();
    assert_eq!(numbers, [2, 1]);
    assert!(model(&one, "m").bytes() > 20);
}

#[rstest]
fn the_retention_keeps_generations_and_samples(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
) {
    let Some(open) = place.open() else { return };
    let store = open.again().with_retention(Retention { generations: 3, sample_days: 1, ..Retention::USUAL });
    let model = model(&store, "m");
    for text in ["one", "two", "three", "four"] {
        let facts = json!({"text": text, SAMPLES_SINCE: "2020-01-01"});
        let new = NewGeneration { model: text.as_bytes(), samples: Some(text.as_bytes()), facts: &facts };
        model.publish(&model.lock().unwrap(), &new).unwrap();
    }
    let kept: Vec<(u64, bool)> =
        model.generations().unwrap().iter().map(|info| (info.number, info.samples.is_some())).collect();
    // The current one keeps its samples until the next training.
    assert_eq!(kept, [(4, true), (3, false), (2, false)]);
    let one = open.again().with_retention(Retention { generations: 1, ..Retention::USUAL });
    let pruned = one.prune(true).unwrap();
    assert_eq!(pruned.len(), 1);
    assert_eq!(pruned[0].outcome.as_ref().unwrap().len(), 2);
    assert_eq!(one.prune(false).unwrap()[0].outcome.as_ref().unwrap().len(), 2);
    assert_eq!(model.generations().unwrap().len(), 1);
    assert!(one.prune(false).unwrap().is_empty());
}

#[rstest]
fn a_rollback_publishes_the_generation_before_again(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
) {
    let Some(open) = place.open() else { return };
    let model = model(&open.again(), "m");
    let roll_back = |number| model.roll_back(&model.lock().unwrap(), number);
    assert!(matches!(roll_back(None), Err(RollbackError::NoModel)));
    publish(&model, "first").unwrap();
    assert!(matches!(roll_back(None), Err(RollbackError::NoneBefore)));
    publish(&model, "second").unwrap();
    let (generation, copied) = roll_back(None).unwrap();
    assert_eq!((generation.number(), copied), (3, 1));
    assert_eq!(current(&model).as_deref(), Some("first"));
}

#[rstest]
fn a_deletion_beats_a_training_that_began_before_it_and_not_a_later_one(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
    #[values(false, true)] trained_before: bool,
) {
    let Some(open) = place.open() else { return };
    let (one, other) = (open.again(), open.again());
    if trained_before {
        publish(&model(&one, "m"), "old").unwrap();
    }
    publish(&model(&one, "m2"), "other").unwrap();
    let training = model(&one, "m").begin_job().unwrap();
    let run = model(&one, "m").begin_run().unwrap();
    run.write("info.log", b"figures").unwrap();
    other.delete(&id("m")).unwrap();
    assert_eq!(current(&model(&one, "m")), None);
    publish(&training, "late").unwrap();
    let run = run.publish().unwrap();
    for store in [&one, &other] {
        assert_eq!(current(&model(store, "m")), None);
        assert!(model(store, "m").run(run).unwrap().is_none());
        assert!(model(store, "m").runs().unwrap().is_empty());
    }
    publish(&model(&one, "m"), "new").unwrap();
    assert_eq!(current(&model(&other, "m")).as_deref(), Some("new"));
    assert_eq!(current(&model(&other, "m2")).as_deref(), Some("other"));
    // Nothing of what was deleted is left.
    assert!(other.examine(false).unwrap().is_empty());
}

#[rstest]
fn a_run_is_visible_as_a_whole_and_its_id_is_its_own(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
) {
    let Some(open) = place.open() else { return };
    let (one, other) = (open.again(), open.again());
    let stores = [&one, &other];
    let ids: BTreeSet<u64> = (0..10)
        .map(|n| {
            let run = model(stores[n % 2], "m").begin_run().unwrap();
            run.write("info.log", format!("run {n}").as_bytes()).unwrap();
            run.write("pictures/curve.png", b"picture").unwrap();
            assert!(model(&other, "m").run(run.id).unwrap().is_none(), "invisible until it is complete");
            run.publish().unwrap().0
        })
        .collect();
    assert_eq!(ids.len(), 10);
    let runs = model(&other, "m").runs().unwrap();
    assert_eq!(runs.len(), 10);
    let last = model(&one, "m").run(*runs.last().unwrap()).unwrap().unwrap();
    assert_eq!(last.files().unwrap(), ["info.log", "pictures/curve.png"]);
    assert_eq!(last.read("info.log").unwrap(), b"run 9");
    let abandoned = model(&one, "m").begin_run().unwrap();
    drop(abandoned);
    assert_eq!(model(&other, "m").runs().unwrap().len(), 10);
    assert_eq!(other.models().unwrap().models.len(), 0);
    assert_eq!(other.model_dirs().unwrap().models.len(), 1);
}

#[rstest]
fn lists_name_each_model_once(#[values(Place::Directory, Place::S3, Place::Azure)] place: Place) {
    let Some(open) = place.open() else { return };
    let store = open.again();
    for name in ["b", "a", "deleted"] {
        publish(&model(&store, name), name).unwrap();
    }
    store.delete(&id("deleted")).unwrap();
    let names = |listing: moodle_mlbackend::store::Listing| {
        listing
            .models
            .into_iter()
            .map(|(id, hash, _)| format!("{}/{}", id.as_str(), hash.as_str()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(store.models().unwrap()), ["a/hash", "b/hash"]);
    assert_eq!(store.model_dirs_of(&id("a")).unwrap().len(), 1);
    assert_eq!(store.model_dirs_of(&id("deleted")).unwrap().len(), 0);
    assert!(store.ids().unwrap().contains(&id("b")));
    let usage = store.usage().unwrap();
    assert_eq!(usage.models, 2);
    assert!(usage.bytes > 100, "{usage:?}");
    store.check_writable().unwrap();
}

#[rstest]
fn concurrent_trainings_of_two_processes_lose_nothing(
    #[values(Place::Directory, Place::S3, Place::Azure)] place: Place,
) {
    let Some(open) = place.open() else { return };
    let train = |store: &Store, text: &str| {
        let model = model(store, "m");
        loop {
            let lock = model.lock().unwrap();
            let before = current(&model).unwrap_or_default();
            match publish_with(&model, &lock, &format!("{before}{text},")) {
                Err(StoreError::Superseded { .. }) => {}
                published => return published.unwrap(),
            }
        }
    };
    thread::scope(|scope| {
        for process in 0..3 {
            let (store, train) = (open.again(), &train);
            scope.spawn(move || {
                for n in 0..8 {
                    train(&store, &format!("{process}.{n}"));
                }
            });
        }
    });
    let text = current(&model(&open.again(), "m")).unwrap();
    let mut batches: Vec<&str> = text.split_terminator(',').collect();
    batches.sort_unstable();
    let expected: Vec<String> =
        (0..3).flat_map(|process| (0..8).map(move |n| format!("{process}.{n}"))).collect();
    assert_eq!(batches, expected);
}

#[rstest]
fn a_closed_store_publishes_nothing(#[values(Place::Directory, Place::S3, Place::Azure)] place: Place) {
    let Some(open) = place.open() else { return };
    let store = open.again();
    let model = model(&store, "m");
    let lock = model.lock().unwrap();
    store.close();
    assert!(matches!(publish_with(&model, &lock, "late"), Err(StoreError::SessionEnded { .. })));
    assert!(store.check_writable().is_err());
}
