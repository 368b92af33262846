//! The JSON of stored models.
//!
//! Owns its fields, their order and their description. Must not know how values are found.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::backend::{Detail, ModelOrigin, RolledBack, StoredEvaluation, Summary};
use crate::store::GenerationInfo;

/// A page of the list of models. The header `Link` has the addresses of the other pages.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelList {
    /// The models of the page, in the requested order.
    pub(super) models: Vec<ModelItem>,
}

/// A stored model, or evaluations without a model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelItem {
    /// The user that it belongs to; empty if that is none of the server's users. Only for admins and viewers of a server that
    /// isolates its users.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    user: Option<String>,
    /// Moodle's id of the model.
    #[schema(example = "3f7c0e0d9a6b4c1e8f2a5d7b9c0e1f2a3b4c5d6e")]
    uniqueid: String,
    /// Moodle's id of its use: training and evaluations have different ones.
    #[schema(example = "0b7e4c1a9d2f4e6a8c3b5d7f9e1a2c4b")]
    dirhash: String,
    /// Where the model comes from; `none` if there are only evaluations.
    origin: Origin,
    /// The number of the current generation; it counts trainings, imports and rollbacks.
    generation: Option<u64>,
    /// When the current generation was trained, imported or rolled back to (RFC 3339).
    #[schema(example = "2026-11-27T17:54:08.123456789Z", format = DateTime)]
    trained: Option<String>,
    /// The number of samples that it was trained on.
    #[schema(example = 1904)]
    samples: Option<u64>,
    /// The labels of the classes.
    #[schema(value_type = Vec<f64>, example = json!([0, 1]))]
    classes: Vec<Value>,
    /// The number of samples of each class; empty if it is not known.
    #[schema(example = json!([1500, 404]))]
    class_counts: Vec<u64>,
    /// Mean log-loss on held-out samples of the training.
    #[schema(example = 0.2401)]
    log_loss: Option<f64>,
    /// Moodle's name of the target.
    #[schema(example = "\\core_course\\analytics\\target\\course_dropout")]
    target: Option<String>,
    /// Moodle's name of the time-splitting method.
    #[schema(example = "\\core\\analytics\\time_splitting\\quarters")]
    time_splitting: Option<String>,
    /// The last evaluation of this `uniqueid` under any `dirhash`.
    last_evaluation: Option<EvaluationItem>,
    /// The size of the files of the current generation in bytes; of other directories, of all files.
    #[schema(example = 48211)]
    size: u64,
    /// Why the model cannot be used, if it cannot.
    problem: Option<&'static str>,
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Origin {
    /// Trained on this server.
    Trained,
    /// Imported, perhaps trained further since.
    Imported,
    /// Files of the Python server, which are used in place.
    PythonServer,
    /// Evaluations alone.
    None,
}

/// A stored evaluation.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct EvaluationItem {
    /// The id of its run, as in `GET /evaluationlog`.
    #[schema(example = 1_795_802_048_123_u64)]
    runid: u64,
    /// The `dirhash` under which it is stored.
    dirhash: String,
    /// When it ended (RFC 3339); absent values mean that its report cannot be read.
    #[schema(format = DateTime)]
    finished: Option<String>,
    /// Moodle's status bits: 0 good, 4 a low score, 8 too few samples or results that vary.
    status: Option<u8>,
    /// The mean weighted F1 score.
    #[schema(example = 0.874)]
    score: Option<f64>,
    /// The number of samples of its dataset.
    samples: Option<u64>,
    /// Whether it rated the trained model instead of new ones.
    rated_trained_model: Option<bool>,
}

/// Everything that is stored about a model, except for its files.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelDetail {
    /// The same as in the list.
    model: ModelItem,
    /// The generations that are kept, newest first.
    generations: Vec<GenerationItem>,
    /// The evaluations of this `uniqueid` under any `dirhash`, newest first; at most 100.
    evaluations: Vec<EvaluationItem>,
    /// The batches of samples that Moodle sent, oldest first, as far as the server remembers them.
    batches: Vec<BatchItem>,
}

/// A generation: one published state of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GenerationItem {
    /// Counts from 1.
    number: u64,
    /// Whether predictions use it.
    current: bool,
    /// When it was published (RFC 3339).
    #[schema(format = DateTime)]
    published: String,
    /// Whether it was imported.
    imported: bool,
    /// The number of samples that it was trained on.
    samples: Option<u64>,
    /// Mean log-loss on held-out samples.
    log_loss: Option<f64>,
    /// The generation that it is a copy of, after a rollback.
    restored_from: Option<u64>,
    /// The size of the model in bytes.
    model_bytes: u64,
    /// The size of the stored samples in bytes.
    samples_bytes: Option<u64>,
    /// The checksum of the model (SHA-256, hexadecimal).
    sha256: String,
}

/// A batch of samples.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BatchItem {
    /// The day on which it came (UTC), if it is known.
    #[schema(example = "2026-11-27", format = Date)]
    day: Option<String>,
    /// The number of its samples.
    samples: usize,
}

/// A rollback that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Rollback {
    /// The number of the new current generation, a copy.
    #[schema(example = 3)]
    generation: u64,
    /// The number of the generation that was copied.
    #[schema(example = 1)]
    restored_from: u64,
    /// The number of samples that the next training continues from.
    #[schema(example = 1500)]
    samples: Option<u64>,
}

impl From<ModelOrigin> for Origin {
    fn from(origin: ModelOrigin) -> Self {
        match origin {
            ModelOrigin::Trained => Self::Trained,
            ModelOrigin::Imported => Self::Imported,
            ModelOrigin::PythonServer => Self::PythonServer,
            ModelOrigin::None => Self::None,
        }
    }
}

impl ModelItem {
    /// A model of `user` that it calls `uniqueid`.
    pub(super) fn new(user: Option<String>, uniqueid: String, model: &Summary) -> Self {
        let current = model.current.as_ref();
        let text = |fact| current.and_then(|current| current.text(fact)).map(str::to_owned);
        Self {
            user,
            uniqueid,
            dirhash: model.dir.as_str().to_owned(),
            origin: model.origin.into(),
            generation: current.map(|current| current.number),
            trained: current.map(|current| current.created_at.clone()),
            samples: current.and_then(GenerationInfo::sample_count),
            classes: current.map(GenerationInfo::classes).unwrap_or_default(),
            class_counts: current.map(GenerationInfo::class_counts).unwrap_or_default(),
            log_loss: current.and_then(GenerationInfo::log_loss),
            target: text("target"),
            time_splitting: text("time_splitting"),
            last_evaluation: model.evaluation.as_ref().map(EvaluationItem::new),
            size: model.bytes,
            problem: model.problem,
        }
    }
}

impl EvaluationItem {
    fn new(evaluation: &StoredEvaluation) -> Self {
        let result = evaluation.result.as_ref();
        Self {
            runid: evaluation.run.0,
            dirhash: evaluation.dir.as_str().to_owned(),
            finished: result.map(|result| result.finished.clone()),
            status: result.map(|result| result.status),
            score: result.and_then(|result| result.score),
            samples: result.and_then(|result| result.samples),
            rated_trained_model: result.map(|result| result.rated_trained_model),
        }
    }
}

impl ModelDetail {
    /// A model of `user` that it calls `uniqueid`.
    pub(super) fn new(user: Option<String>, uniqueid: String, detail: &Detail) -> Self {
        let current = detail.summary.current.as_ref().map(|current| current.number);
        let generation = |generation: &GenerationInfo| GenerationItem {
            number: generation.number,
            current: current == Some(generation.number),
            published: generation.created_at.clone(),
            imported: generation.is_imported(),
            samples: generation.sample_count(),
            log_loss: generation.log_loss(),
            restored_from: generation.restored_from(),
            model_bytes: generation.model.size,
            samples_bytes: generation.samples.as_ref().map(|samples| samples.size),
            sha256: generation.model.sha256.clone(),
        };
        Self {
            model: ModelItem::new(user, uniqueid, &detail.summary),
            generations: detail.generations.iter().map(generation).collect(),
            evaluations: detail.evaluations.iter().map(EvaluationItem::new).collect(),
            batches: detail
                .batches
                .iter()
                .map(|(day, samples)| BatchItem { day: day.clone(), samples: *samples })
                .collect(),
        }
    }
}

impl Rollback {
    pub(super) fn new(done: &RolledBack) -> Self {
        Self {
            generation: done.generation.number(),
            restored_from: done.restored_from,
            samples: done.generation.facts().get("samples").and_then(Value::as_u64),
        }
    }
}
