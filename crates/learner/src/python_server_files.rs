//! The names of the files in which the Python server stores a model, below a model's directory or an archive.
//!
//! Owns the one list of these names, for the modules `model`, `store` and `backend`. Must not know what the files
//! contain.

/// The pickle that the Python server reads first: without it there is no model.
pub const CLASSIFIER: &str = "classifier.pkl";

/// The directory of all other files.
pub const CHECKPOINT: &str = "model.ckpt";

/// The description of the layers by Keras. Absent where TensorFlow was older than 2.5.
pub const KERAS_METADATA: &str = "model.ckpt/keras_metadata.pb";

/// The position of each weight in [`VARIABLES`].
pub const VARIABLES_INDEX: &str = "model.ckpt/variables/variables.index";

/// The weights.
pub const VARIABLES: &str = "model.ckpt/variables/variables.data-00000-of-00001";

/// TensorFlow's description of the computation, which this backend does not read.
pub const SAVED_MODEL: &str = "model.ckpt/saved_model.pb";

/// TensorFlow's checksum of the model, which this backend does not read.
pub const FINGERPRINT: &str = "model.ckpt/fingerprint.pb";

/// A file that only the releases with TensorFlow 1 wrote, in place of the directory: it identifies their models.
pub const TENSORFLOW1_INDEX: &str = "model.ckpt.index";

/// The files that a model is read from.
pub const READ: [&str; 5] = [CLASSIFIER, TENSORFLOW1_INDEX, KERAS_METADATA, VARIABLES_INDEX, VARIABLES];

/// The directories that an archive of a model may list.
pub const DIRECTORIES: [&str; 3] = ["model.ckpt/", "model.ckpt/variables/", "model.ckpt/assets/"];
