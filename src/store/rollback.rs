//! Makes an earlier generation the current one again.
//!
//! The earlier generation is published again under a new number: a crash, a concurrent reader and the retention see an
//! ordinary publication, numbers never decrease, and the generation that was replaced stays as the one before, so that a
//! rollback can be rolled back. Must not know what the bytes mean.

use serde_json::{Value, json};

use super::error::StoreError;
use super::generation::{Generation, NewGeneration};
use super::model_dir::{ModelDir, ModelLock};

/// Why there was no rollback. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Nothing was ever published.
    #[error("no model was trained or imported")]
    NoModel,
    /// There is no intact generation before the current one.
    #[error("there is no generation before the current one")]
    NoneBefore,
    /// There is no intact generation of this number.
    #[error("there is no generation {0}, or it is damaged")]
    Unknown(u64),
    /// It is the current one.
    #[error("generation {0} is the current one")]
    Current(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ModelDir {
    /// Publishes a copy of generation `number`, or of the intact one before the current one. Returns the new generation and
    /// the number of the copied one.
    ///
    /// # Errors
    /// [`RollbackError`]; the current generation stays, as after [`ModelDir::publish`].
    pub fn roll_back(
        &self,
        lock: &ModelLock,
        number: Option<u64>,
    ) -> Result<(Generation, u64), RollbackError> {
        let current = self.current()?.ok_or(RollbackError::NoModel)?.number();
        let (earlier, model, samples) = match number {
            Some(number) if number == current => return Err(RollbackError::Current(number)),
            Some(number) => self.intact(number)?.ok_or(RollbackError::Unknown(number))?,
            None => self.intact_before(current)?.ok_or(RollbackError::NoneBefore)?,
        };
        let mut facts = earlier.facts().clone();
        if let Value::Object(facts) = &mut facts {
            // Of a copy, the time of its original: the age of samples may be counted from it.
            let when = facts.get(RESTORED).and_then(|origin| origin["when"].as_str());
            let when = when.unwrap_or(earlier.created_at()).to_owned();
            let origin = json!({"generation": earlier.number(), "when": when});
            facts.insert(RESTORED.to_owned(), origin);
        }
        let new = NewGeneration { model: &model, samples: samples.as_deref(), facts: &facts };
        Ok((self.publish(lock, &new)?, earlier.number()))
    }

    fn intact(&self, number: u64) -> Result<Option<Parts>, StoreError> {
        self.generation(number)?.map_or(Ok(None), read)
    }

    fn intact_before(&self, current: u64) -> Result<Option<Parts>, StoreError> {
        for generation in self.before(current)? {
            if let Some(parts) = read(generation?)? {
                return Ok(Some(parts));
            }
        }
        Ok(None)
    }
}

/// The fact of a generation that is a copy of an earlier one.
const RESTORED: &str = "restored";

impl Generation {
    /// When its content was published first (RFC 3339, UTC): of a copy that a rollback made, when the original was.
    #[must_use]
    pub fn first_published_at(&self) -> &str {
        let original = self.facts().get(RESTORED).and_then(|origin| origin["when"].as_str());
        original.unwrap_or(self.created_at())
    }
}

/// A generation with its model and samples.
type Parts = (Generation, Vec<u8>, Option<Vec<u8>>);

/// Reads the files of a generation; `None` if they are damaged.
fn read(generation: Generation) -> Result<Option<Parts>, StoreError> {
    match generation.model().and_then(|model| Ok((model, generation.samples()?))) {
        Ok((model, samples)) => Ok(Some((generation, model, samples))),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn published(dir: &tempfile::TempDir, models: &[&[u8]]) -> ModelDir {
        let model_dir = ModelDir::at(dir.path());
        let lock = model_dir.lock().expect("free");
        for model in models {
            let facts = json!({"samples": model.len()});
            let new = NewGeneration { model, samples: Some(model), facts: &facts };
            model_dir.publish(&lock, &new).expect("published");
        }
        model_dir
    }

    fn roll_back(model_dir: &ModelDir, number: Option<u64>) -> Result<(Generation, u64), RollbackError> {
        model_dir.roll_back(&model_dir.lock().expect("free"), number)
    }

    fn current(model_dir: &ModelDir) -> (u64, Vec<u8>) {
        let current = model_dir.current().expect("readable").expect("published");
        (current.number(), current.model().expect("intact"))
    }

    #[test]
    fn the_generation_before_becomes_current_under_a_new_number_and_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let model_dir = published(&dir, &[b"one", b"second"]);
        let (new, copied) = roll_back(&model_dir, None).expect("rolled back");
        assert_eq!((new.number(), copied), (3, 1));
        assert_eq!(current(&model_dir), (3, b"one".to_vec()));
        assert_eq!(new.samples().expect("intact").as_deref(), Some(&b"one"[..]));
        assert_eq!((&new.facts()["samples"], &new.facts()[RESTORED]["generation"]), (&json!(3), &json!(1)));
        let first = new.first_published_at().to_owned();
        assert!(*first < *new.created_at());
        let (_, copied) = roll_back(&model_dir, None).expect("rolled back");
        assert_eq!((copied, current(&model_dir)), (2, (4, b"second".to_vec())));
        // A copy of a copy is as old as the original.
        let (again, _) = roll_back(&model_dir, Some(3)).expect("rolled back");
        assert_eq!(again.first_published_at(), first);
    }

    #[test]
    fn a_missing_damaged_or_current_generation_changes_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let empty = published(&dir, &[]);
        assert!(matches!(roll_back(&empty, None), Err(RollbackError::NoModel)));
        let model_dir = published(&dir, &[b"one"]);
        assert!(matches!(roll_back(&model_dir, None), Err(RollbackError::NoneBefore)));
        assert!(matches!(roll_back(&model_dir, Some(1)), Err(RollbackError::Current(1))));
        assert!(matches!(roll_back(&model_dir, Some(7)), Err(RollbackError::Unknown(7))));
        published(&dir, &[b"second"]);
        #[allow(clippy::disallowed_methods, reason = "it damages a file")]
        fs::write(dir.path().join("classifier/1/model.onnx"), b"eno").expect("written");
        assert!(matches!(roll_back(&model_dir, Some(1)), Err(RollbackError::Unknown(1))));
        assert!(matches!(roll_back(&model_dir, None), Err(RollbackError::NoneBefore)));
        assert_eq!(current(&model_dir), (2, b"second".to_vec()));
    }

    #[test]
    fn a_list_shows_each_generation_without_its_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let model_dir = published(&dir, &[b"one", b"second"]);
        fs::remove_file(dir.path().join("classifier/2/model.onnx")).expect("removed");
        let info = model_dir.current_info().expect("readable").expect("published");
        assert_eq!((info.number, info.bytes(), &info.facts["samples"]), (2, 12, &json!(6)));
        let numbers: Vec<u64> =
            model_dir.generations().expect("readable").iter().map(|generation| generation.number).collect();
        assert_eq!(numbers, [2, 1]);
        assert!(model_dir.bytes() > 12);
    }
}
