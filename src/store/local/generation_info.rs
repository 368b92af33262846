//! What the records of generations say, without their files.
//!
//! Must not know how it is shown.

use super::manifest_file;
use super::model_dir::LocalModel;
use super::prune::size;
use crate::store::error::StoreError;
use crate::store::generation_info::GenerationInfo;
use crate::store::manifest::Pointer;

impl LocalModel {
    /// What the pointer says about the current generation; `None` if nothing was published. Reads one file, unless the
    /// pointer is missing or damaged. Takes no lock.
    pub fn current_info(&self) -> Result<Option<GenerationInfo>, StoreError> {
        let classifier = self.classifier();
        let pointer = classifier.pointer_bytes()?;
        if let Some(pointer) = pointer.and_then(|bytes| Pointer::parse(&bytes, &classifier.pointer())) {
            return Ok(Some(GenerationInfo::of(&pointer.manifest)));
        }
        Ok(self.current_read_only()?.map(|generation| GenerationInfo::of(&generation.manifest)))
    }

    /// The generations with an intact record, newest first. Their files are not looked at.
    pub fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        let classifier = self.classifier();
        let mut generations = Vec::new();
        for number in classifier.numbers()?.into_iter().rev() {
            let manifest = manifest_file::read(&classifier.generation(number))?;
            let manifest = manifest.filter(|manifest| manifest.generation == number);
            generations.extend(manifest.as_ref().map(GenerationInfo::of));
        }
        Ok(generations)
    }

    /// The size of all files of the model, evaluation runs included; without those that cannot be read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size(&self.dir)
    }
}
