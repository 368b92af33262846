//! A model in a temporary directory, used through the library.
//!
//! Must not assert what a dataset or a model leads to: the tests do.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use moodle_mlbackend::backend::{
    self, BackendError, EvaluationInfo, EvaluationReply, EvaluationRequest, ImportLimits, LoadedModels,
    RepeatedBatches, Training, TrainingOptions,
};
use moodle_mlbackend::dataset::Limits;
use moodle_mlbackend::store::ModelDir;
use tempfile::TempDir;

/// A model in a temporary directory, which is removed when dropped.
pub struct TestModel {
    dir: TempDir,
    pub limits: Limits,
    pub repeated: RepeatedBatches,
}

/// The prediction for one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub id: String,
    pub class: String,
    /// Of the predicted class.
    pub probability: f64,
}

impl Prediction {
    /// The probability of class 1, for models with the classes 0 and 1.
    pub fn probability_of_1(&self) -> f64 {
        if self.class == "1" { self.probability } else { 1.0 - self.probability }
    }
}

impl TestModel {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self { dir, limits: Limits::default(), repeated: RepeatedBatches::CountOnce }
    }

    /// A model trained on a dataset.
    #[track_caller]
    pub fn trained(dataset: &[u8]) -> Self {
        let model = Self::new();
        model.train(dataset);
        model
    }

    /// The directory of the model.
    pub fn model_dir(&self) -> ModelDir {
        ModelDir::at(&self.dir.path().join("model"))
    }

    /// The temporary directory, which no message may contain.
    pub fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Trains, and asserts status 0.
    #[track_caller]
    pub fn train(&self, dataset: &[u8]) {
        let reply = self.try_train(dataset).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reply.status.0, 0, "{reply:?}");
    }

    pub fn try_train(&self, dataset: &[u8]) -> Result<Training, BackendError> {
        backend::train(
            &self.model_dir(),
            self.file(dataset),
            &self.limits,
            TrainingOptions { repeated: self.repeated, ..TrainingOptions::default() },
        )
    }

    /// Predicts, and asserts status 0.
    #[track_caller]
    pub fn predict(&self, dataset: &[u8]) -> Vec<Prediction> {
        self.try_predict(dataset).unwrap_or_else(|error| panic!("{error}")).expect("a trained model")
    }

    /// `None` when the model is not trained.
    pub fn try_predict(&self, dataset: &[u8]) -> Result<Option<Vec<Prediction>>, BackendError> {
        let reply =
            backend::predict(&self.model_dir(), &LoadedModels::none(), self.file(dataset), &self.limits)?;
        let prediction = |(id, class, probability): (String, String, String)| Prediction {
            id,
            class,
            probability: probability.parse().expect("a number"),
        };
        Ok(reply.predictions.map(|rows| rows.into_iter().map(prediction).collect()))
    }

    /// Evaluates the learner with Moodle's default thresholds: a score of 0.7 and a deviation of 0.05.
    #[track_caller]
    pub fn evaluate(&self, dataset: &[u8], iterations: usize) -> EvaluationReply {
        self.try_evaluate(dataset, iterations, None).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Evaluates a trained model.
    #[track_caller]
    pub fn evaluate_trained(&self, trained: &Self, dataset: &[u8]) -> EvaluationReply {
        let trained = trained.model_dir();
        self.try_evaluate(dataset, 10, Some(&trained)).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn try_evaluate(
        &self,
        dataset: &[u8],
        iterations: usize,
        trained: Option<&ModelDir>,
    ) -> Result<EvaluationReply, BackendError> {
        let request = EvaluationRequest {
            min_score: 0.7,
            max_deviation: 0.05,
            iterations,
            info: EvaluationInfo::Full,
            group_by: None,
        };
        backend::evaluate(&self.model_dir(), trained, self.file(dataset), &request, &self.limits, &())
    }

    pub fn export(&self) -> Vec<u8> {
        backend::export(&self.model_dir()).expect("exports").expect("a trained model")
    }

    pub fn try_import(&self, archive: &[u8]) -> Result<(), BackendError> {
        backend::import(&self.model_dir(), self.file(archive), &self.limits, &ImportLimits::USUAL).map(drop)
    }

    /// The stored ONNX file.
    pub fn onnx(&self) -> Vec<u8> {
        self.model_dir().current().expect("readable").expect("a trained model").model().expect("readable")
    }

    /// An unnamed file, like an upload.
    fn file(&self, bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile_in(self.dir.path()).expect("a file");
        file.write_all(bytes).expect("written");
        file
    }
}
