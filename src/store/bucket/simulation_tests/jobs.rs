//! The jobs of a server on the model: what the program does with the store, with batches in place of samples.
//!
//! Must not know which faults happen, nor what the result is checked for.

use crate::store::rollback::RollbackError;
use crate::store::{Generation, ModelDir, NewGeneration, RunId, Store, StoreError};

use super::id;

/// How often a change starts again when another server was faster.
const ATTEMPTS: usize = 100;
/// The only file of a run.
const REPORT: &str = "report.json";

/// Does it again until no other server changed the model in between, as the program does.
pub(super) fn until_published<T, E>(
    mut change: impl FnMut() -> Result<T, E>,
    is_superseded: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..ATTEMPTS {
        match change() {
            Err(error) if is_superseded(&error) => {}
            changed => return changed,
        }
    }
    change()
}

fn is_superseded(error: &StoreError) -> bool {
    matches!(error, StoreError::Superseded { .. })
}

/// Adds a batch, if it is new.
pub(super) fn train(model_dir: &ModelDir, batch: u32) -> Result<(), StoreError> {
    let model_dir = model_dir.clone().begin_job()?;
    let change = || {
        let lock = model_dir.lock()?;
        let mut batches = read(&model_dir)?;
        if batches.contains(&batch) {
            return Ok(());
        }
        batches.push(batch);
        let facts = serde_json::json!(batches);
        let bytes = facts.to_string().into_bytes();
        let new = NewGeneration { model: &bytes, samples: Some(&bytes), facts: &facts };
        model_dir.publish(&lock, &new).map(drop)
    };
    until_published(change, is_superseded)
}

/// The batches of the current model.
pub(super) fn read(model_dir: &ModelDir) -> Result<Vec<u32>, StoreError> {
    Ok(model_dir.newest_readable(batches)?.map(|(_, batches)| batches).unwrap_or_default())
}

/// The batches that model, samples and facts agree on. Damage ends the simulation: older generations would hide it.
fn batches(generation: &Generation) -> Result<Vec<u32>, StoreError> {
    let parts = generation.model().and_then(|model| Ok((model, generation.samples()?)));
    if let Err(damage @ StoreError::Corrupt { .. }) = &parts {
        std::panic::resume_unwind(Box::new(damage.to_string()));
    }
    let (model, samples) = parts?;
    let facts = generation.facts();
    let same = samples.as_ref() == Some(&model) && facts.to_string().into_bytes() == model;
    if !same && facts.is_array() {
        std::panic::resume_unwind(Box::new(format!("parts of different generations: {facts}")));
    }
    Ok(serde_json::from_slice(&model).expect("it is as it was stored"))
}

pub(super) fn delete(store: &Store) -> Result<(), StoreError> {
    store.delete(&id())
}

/// `false` if there is nothing to go back to.
pub(super) fn roll_back(model_dir: &ModelDir) -> Result<bool, StoreError> {
    let model_dir = model_dir.clone().begin_job()?;
    let change = || model_dir.roll_back(&model_dir.lock()?, None).map(drop);
    let is_superseded =
        |error: &RollbackError| matches!(error, RollbackError::Store(error) if is_superseded(error));
    match until_published(change, is_superseded) {
        Ok(()) => Ok(true),
        Err(RollbackError::Store(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

pub(super) fn evaluate(model_dir: &ModelDir, content: u32) -> Result<RunId, StoreError> {
    let run = model_dir.begin_run()?;
    run.write(REPORT, content.to_string().as_bytes()).expect("it is new");
    run.publish()
}

pub(super) fn read_run(model_dir: &ModelDir, run: u64) -> Result<Option<u32>, StoreError> {
    let Some(run) = model_dir.run(RunId(run))? else { return Ok(None) };
    let report = run.read(REPORT).expect("it is as it was stored");
    Ok(Some(String::from_utf8_lossy(&report).parse().expect("it is as it was stored")))
}

pub(super) fn prune(store: &Store) -> Result<(), StoreError> {
    store.prune(false)?.into_iter().try_for_each(|pruned| pruned.outcome.map(drop))
}

/// Repairs what there is; says what is damaged.
pub(super) fn examine(store: &Store, model_dir: &ModelDir) -> Result<Option<String>, StoreError> {
    store.examine(true)?;
    let damage = model_dir.examine(true, &|_| Ok(()))?;
    Ok(damage.first().map(|finding| format!("{}: {}", finding.path, finding.problem)))
}
