//! Whether a model that was read before is still the current one.
//!
//! Owns this check, which costs a few system calls and reads no model. Must not know where models are kept in memory.

use std::time::{Duration, SystemTime};

use super::files;
use super::model_dir::LocalModel;
use crate::python_server_files::READ;
use crate::store::error::StoreError;
use crate::store::identity::{Kind, ModelIdentity, PythonServerFiles};
use crate::store::manifest::MODEL;

/// File systems update times in steps, of up to two seconds on FAT: a file that changed so recently may change again and
/// keep its times.
const TIME_STEP: Duration = Duration::from_secs(3);

impl LocalModel {
    /// Whether the model with this identity is still the current one, undamaged as far as its size and times show. Needs no
    /// lock.
    pub fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError> {
        let classifier = self.classifier();
        match &identity.0 {
            Kind::Generation { number, pointer, model } => {
                let same = classifier.pointer_bytes()?.is_some_and(|bytes| bytes == **pointer);
                Ok(same && files::identity(&classifier.generation(*number).join(MODEL))? == Some(*model))
            }
            Kind::Bucket { .. } | Kind::BucketOfPythonServer(_) => Ok(false),
            Kind::PythonServer(known) => Ok(self.python_files()? == **known && classifier.is_empty()?),
        }
    }

    /// The identity of a model of the Python server, to be compared before and after its files are read; `None` if a change
    /// might go unnoticed, because the files are too new.
    pub fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError> {
        let files = self.python_files()?;
        Ok(are_settled(&files).then(|| ModelIdentity(Kind::PythonServer(Box::new(files)))))
    }

    fn python_files(&self) -> Result<PythonServerFiles, StoreError> {
        let mut identities = [None; READ.len()];
        for (identity, name) in identities.iter_mut().zip(READ) {
            *identity = files::identity(&self.classifier().0.join(name))?;
        }
        Ok(identities)
    }
}

/// Whether a change right now would be noticed.
fn are_settled(files: &PythonServerFiles) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    files.iter().flatten().all(|file| file.changed() + TIME_STEP < now)
}
