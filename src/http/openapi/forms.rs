//! The forms of Moodle's requests, and the bodies that are no JSON, for the document alone.
//!
//! Must not know how forms are read: `http/extract` does.
#![allow(dead_code, reason = "only their description is used")]
#![allow(clippy::doc_markdown, reason = "the description is shown as it is")]

use utoipa::{IntoParams, ToSchema};

/// A labelled dataset for a model.
#[derive(ToSchema)]
pub(in crate::http) struct TrainingForm {
    /// Moodle's id of the model. Other characters than `A-Z a-z 0-9 _ - $` are deleted; 1 to 200 must be left.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
    /// Moodle's id of the model's use, like `uniqueid`.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    dirhash: String,
    /// The dataset in Moodle's CSV format, with its file name: three header lines, and a line for each sample with its target
    /// last.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    dataset: Vec<u8>,
}

/// An unlabelled dataset for a model.
#[derive(ToSchema)]
pub(in crate::http) struct PredictionForm {
    /// Moodle's id of the model, as in `/training`.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
    /// Moodle's id of the model's use.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    dirhash: String,
    /// The dataset in Moodle's CSV format, with its file name: the id of the sample first, and no target.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    dataset: Vec<u8>,
}

/// An unlabelled dataset whose predictions are to be explained.
#[derive(ToSchema)]
pub(in crate::http) struct ExplanationForm {
    /// Moodle's id of the model, as in `/training`.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
    /// Moodle's id of the model's use.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    dirhash: String,
    /// How many contributions are listed for each output, the largest ones; without it, all that are not zero.
    #[schema(required = false, nullable = false, pattern = "^0*[1-9][0-9]{0,8}$")]
    top: Option<String>,
    /// A dataset as for `/prediction`.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    dataset: Vec<u8>,
    /// A dataset as for `/prediction` or `/training`, with its file name: the samples to compare with, of which at most 100 are
    /// used. Without it they are samples that the model was trained on.
    #[schema(
        value_type = String,
        required = false,
        nullable = false,
        format = Binary,
        content_media_type = "text/csv"
    )]
    background: Option<Vec<u8>>,
}

/// A labelled dataset to evaluate.
#[derive(ToSchema)]
pub(in crate::http) struct EvaluationForm {
    /// Moodle's id of the model, as in `/training`.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
    /// Moodle's id of the evaluation's use of the model.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    dirhash: String,
    /// A score below it sets the status bit 4: a number from 0 to 1 in digits.
    #[schema(pattern = "^(0*\\.[0-9]+|0+(\\.[0-9]*)?|0*1(\\.0*)?)$")]
    minscore: String,
    /// A larger standard deviation of the score sets the status bit 8: a number from 0 to 1 in digits.
    #[schema(pattern = "^(0*\\.[0-9]+|0+(\\.[0-9]*)?|0*1(\\.0*)?)$")]
    maxdeviation: String,
    /// The number of training and test splits, at most MOODLE_MLBACKEND_MAX_ITERATIONS (1000).
    #[schema(pattern = "^0*([1-9][0-9]{0,2}|1000)$")]
    niterations: String,
    /// The `dirhash` of a trained model, which is then rated instead of new ones.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$"
    )]
    trainedmodeldirhash: Option<String>,
    /// A dataset as for `/training`.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    dataset: Vec<u8>,
}

/// An archive of a model.
#[derive(ToSchema)]
pub(in crate::http) struct ImportForm {
    /// Moodle's id of the model, as in `/training`.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
    /// Moodle's id of the model's use.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    dirhash: String,
    /// The archive of `/export`, of Moodle or of another tool, with its file name.
    #[schema(value_type = String, format = Binary, content_media_type = "application/zip")]
    importzip: Vec<u8>,
}

/// A model to delete.
#[derive(ToSchema)]
pub(in crate::http) struct DeletionForm {
    /// Moodle's id of the model, as in `/training`: everything under it is deleted.
    #[schema(pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$")]
    uniqueid: String,
}

/// How a client gets the result.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct Asynchronous {
    /// `respond-async` (RFC 7240): the response is the address of a job, and the result is there.
    #[param(rename = "Prefer", required = false, nullable = false, example = "respond-async")]
    prefer: Option<String>,
}

/// The response to a request whose job is stored.
#[derive(ToSchema)]
pub(in crate::http) struct AcceptedJob {
    /// The id of the job.
    #[schema(pattern = "^[0-9a-f]{32}$", example = "5b1f7a2c9d0e4f365b1f7a2c9d0e4f36")]
    id: String,
    /// The address of the job.
    #[schema(example = "/jobs/5b1f7a2c9d0e4f365b1f7a2c9d0e4f36")]
    job: String,
}

/// The id of a job.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct JobPath {
    /// The id of the job.
    #[param(pattern = "^[0-9a-f]{32}$", example = "5b1f7a2c9d0e4f365b1f7a2c9d0e4f36")]
    id: String,
}

/// How long a client waits.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::http) struct Waiting {
    /// `wait=N` (RFC 7240): the response comes when the job has ended, at the latest after N seconds, of which 60 count.
    #[param(rename = "Prefer", required = false, nullable = false, example = "wait=1")]
    prefer: Option<String>,
}

/// Which jobs are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct JobListParameters {
    /// Only jobs in this state.
    #[param(required = false, nullable = false, inline)]
    state: Option<JobState>,
    /// The number of jobs on a page; 50 without it.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200)]
    per_page: Option<u32>,
    /// The place of the page in the list: take it from the header `Link`.
    #[param(
        required = false,
        nullable = false,
        pattern = "^(after|before):([0-9]{1,20}/[0-9a-f]{32})?$",
        example = "after:"
    )]
    cursor: Option<String>,
}

/// The state of a job.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(in crate::http) enum JobState {
    /// It waits.
    Queued,
    /// It has started.
    Running,
    /// It has a result.
    Done,
    /// It has ended with an error.
    Failed,
    /// It was cancelled, and has changed nothing.
    Cancelled,
}

/// An archive.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(in crate::http) struct Zip(Vec<u8>);

/// One model of Moodle.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ModelQuery {
    /// Moodle's id of the model, as in `/training`.
    #[param(
        pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$",
        example = "3f7c0e0d9a6b4c1e8f2a5d7b9c0e1f2a3b4c5d6e"
    )]
    uniqueid: String,
    /// Moodle's id of the model's use.
    #[param(
        pattern = "^[^A-Za-z0-9_$-]*([A-Za-z0-9_$-][^A-Za-z0-9_$-]*){1,200}$",
        example = "0b7e4c1a9d2f4e6a8c3b5d7f9e1a2c4b"
    )]
    dirhash: String,
}

/// The user of an admin's request.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct OtherUser {
    /// The user whose model is meant, for admins of a server that isolates its users; an empty name means models that belong to
    /// none of the server's users, whose ids are the names of their folders. Without it, the model is the user's own.
    #[param(required = false, nullable = false)]
    user: Option<String>,
}

/// The model of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct ModelPath {
    /// Moodle's id of the model, exactly as the list has it.
    #[param(pattern = "^[A-Za-z0-9_$-]+$", min_length = 1, max_length = 200, example = "m1")]
    uniqueid: String,
    /// Moodle's id of the model's use.
    #[param(pattern = "^[A-Za-z0-9_$-]+$", min_length = 1, max_length = 200, example = "d1")]
    dirhash: String,
}

/// The parameters of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParameters {
    /// Only models whose `uniqueid` begins with this.
    #[param(
        required = false,
        nullable = false,
        pattern = "^[A-Za-z0-9_$-]+$",
        min_length = 1,
        max_length = 200
    )]
    uniqueid: Option<String>,
    /// Only models with this `dirhash`.
    #[param(
        required = false,
        nullable = false,
        pattern = "^[A-Za-z0-9_$-]+$",
        min_length = 1,
        max_length = 200
    )]
    dirhash: Option<String>,
    /// Only models that come from there; `none` means evaluations without a model.
    #[param(required = false, nullable = false, inline)]
    origin: Option<OriginFilter>,
    /// Only models of this user, for admins and viewers of a server that isolates its users; an empty name means models that
    /// belong to none of the server's users.
    #[param(required = false, nullable = false)]
    user: Option<String>,
    /// The order: a value of the models, with `-` before it for the reverse order. Models without the value count as smallest.
    /// `id` needs the records of the models on the page alone, every other order those of all models.
    #[param(required = false, nullable = false, inline)]
    sort: Option<SortOrder>,
    /// The number of models on a page; 50 without it.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200)]
    per_page: Option<u32>,
    /// The place of the page in the list: take it from the header `Link`. Models that appear or vanish between two pages
    /// neither repeat nor hide others.
    #[param(
        required = false,
        nullable = false,
        pattern = "^(after|before):(:|(-?[0-9]{1,18})?:[A-Za-z0-9_$-]{1,200}/[A-Za-z0-9_$-]{1,200})$",
        example = "after::m1/d1"
    )]
    cursor: Option<String>,
}

/// Where a model comes from.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum OriginFilter {
    Trained,
    Imported,
    PythonServer,
    None,
}

/// The order of a list.
#[derive(ToSchema)]
pub(in crate::http) enum SortOrder {
    #[schema(rename = "id")]
    Id,
    #[schema(rename = "-id")]
    IdReversed,
    #[schema(rename = "trained")]
    Trained,
    #[schema(rename = "-trained")]
    TrainedReversed,
    #[schema(rename = "samples")]
    Samples,
    #[schema(rename = "-samples")]
    SamplesReversed,
    #[schema(rename = "score")]
    Score,
    #[schema(rename = "-score")]
    ScoreReversed,
    #[schema(rename = "size")]
    Size,
    #[schema(rename = "-size")]
    SizeReversed,
}
