//! Explanations: how much each indicator contributes to the predictions of samples.
//!
//! Owns the choice of the samples to compare with, the limit of a reply, and indicators in words. Must not know how
//! contributions are computed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::current_model::CurrentModel;
use super::learning_threads::on_imported_threads;
use super::models::trained_on;
use super::reply::Status;
use super::{BackendError, Upload, open};
use crate::dataset::{DatasetError, Features, Limits, Unlabelled, read_labelled, read_unlabelled};
use crate::learning::{Method, most_probable};
use crate::model::{self, Explanations, ModelMetadata};
use crate::report::words;
use crate::store::ModelDir;

/// At most this many samples are compared with.
const MAX_BACKGROUND: usize = 100;

/// A reply has at most this many contributions: each takes about 100 bytes of JSON.
const MAX_CONTRIBUTIONS: usize = 1_000_000;

/// How predictions are explained.
#[derive(Debug, Default)]
pub struct ExplanationRequest {
    /// A dataset with the samples to compare with; without it, samples that the model was trained on.
    pub background: Option<Upload>,
    /// How many contributions are listed for each output; without it, all that are not zero.
    pub top: Option<usize>,
}

/// The explanations of some predictions.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// 0.
    pub status: Status,
    /// Sentences for the administrator.
    pub info: Vec<String>,
    /// Whether contributions are exact or estimated.
    pub method: ExplanationMethod,
    /// The number of random orders of an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<usize>,
    /// The samples that were compared with.
    pub background: BackgroundSamples,
    /// The scale of base values, outputs and contributions.
    pub scale: OutputScale,
    /// What is explained: of two classes the second one, of more each.
    pub outputs: Vec<OutputBase>,
    /// The indicators of the dataset, to which contributions refer.
    pub indicators: Vec<IndicatorName>,
    /// The samples, in the order of the dataset.
    pub explanations: Vec<ExplainedSample>,
}

/// How contributions were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExplanationMethod {
    /// From the structure of the model.
    Exact,
    /// Estimated with random orders of the indicators; contributions have a standard error.
    Sampled,
}

/// The samples that were compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackgroundSamples {
    /// Their number.
    pub samples: usize,
    /// Where they come from.
    pub origin: BackgroundOrigin,
}

/// Where the samples that were compared with come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackgroundOrigin {
    /// The stored training samples of the model.
    Kept,
    /// The request.
    Sent,
}

/// The scale of outputs: natural logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputScale {
    /// ln(p / (1 − p)) of the second of two classes.
    LogOdds,
    /// ln(p) of each of more than two classes.
    LogProbability,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutputBase {
    /// The label of the class.
    pub class: String,
    /// The base value, to which the contributions of a sample are added.
    pub base: f64,
}

/// The name of an indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IndicatorName {
    /// Its name in the dataset.
    pub name: String,
    /// The same in words.
    pub words: String,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedSample {
    /// Its id in the dataset.
    pub sampleid: String,
    /// The label of the predicted class.
    pub prediction: String,
    /// The probability of the predicted class.
    pub probability: f64,
    /// The outputs, as in the list of all.
    pub outputs: Vec<ExplainedOutput>,
}

/// One output of one sample.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedOutput {
    /// The label of the class.
    pub class: String,
    /// The log-odds or log-probability: the base value plus all contributions and `others`.
    pub value: f64,
    /// The largest first, without regard to the sign.
    pub contributions: Vec<IndicatorContribution>,
    /// The sum of the contributions that are not listed.
    pub others: f64,
}

/// The contribution of one indicator.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IndicatorContribution {
    /// Its position in the list of indicators, from 0.
    pub indicator: usize,
    /// Its value in the sample; null if it is missing.
    pub value: Option<f32>,
    /// The indicator and its value in words.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    pub words: Arc<str>,
    /// Positive if the value makes the class more probable than in the samples that were compared with.
    pub contribution: f64,
    /// The standard error of an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Explains the predictions of the samples of an unlabelled dataset. The same model, samples and background give the same
/// result.
///
/// # Errors
/// [`BackendError`]; [`ErrorKind::NotTrained`](super::ErrorKind) without a model, and
/// [`ErrorKind::NoBackground`](super::ErrorKind) without samples to compare with.
pub fn explain(
    model_dir: &ModelDir,
    dataset: impl Into<Upload>,
    ExplanationRequest { background, top }: ExplanationRequest,
    limits: &Limits,
) -> Result<Explanation, BackendError> {
    let started = Instant::now();
    let samples = read_unlabelled(open(dataset)?, limits);
    let (current, kept) = match &background {
        Some(_) => (CurrentModel::at(model_dir)?, None),
        None => CurrentModel::with_all(model_dir)?.unzip(),
    };
    let current = current.ok_or(BackendError::NotTrained)?;
    let metadata = ModelMetadata::read(&current.onnx)?;
    let samples = samples?;
    let (background, origin) = match background {
        Some(sent) => {
            let sent = sent_background(sent, limits)?;
            (matched(sent, &metadata)?, BackgroundOrigin::Sent)
        }
        None => (kept_background(&current, kept.flatten())?, BackgroundOrigin::Kept),
    };
    let background = spread(&background);
    if background.rows() == 0 {
        return Err(BackendError::NoBackground("the background that was sent has no samples"));
    }
    let outputs = if metadata.classes.len() == 2 { 1 } else { metadata.classes.len() };
    let listed = samples.features.columns().len().min(top.unwrap_or(usize::MAX));
    let contributions = samples.ids.len().saturating_mul(outputs).saturating_mul(listed);
    if contributions > MAX_CONTRIBUTIONS {
        return Err(BackendError::TooManyContributions { contributions, max: MAX_CONTRIBUTIONS });
    }
    let ids = samples.ids.clone();
    let features = matched(samples, &metadata)?;
    let facts = BackgroundSamples { samples: background.rows(), origin };
    let found = on_imported_threads(|| {
        model::explain(&current.onnx, features, background, top.unwrap_or(usize::MAX))
    })?;
    tracing::info!(samples = ids.len(), seconds = started.elapsed().as_secs_f64(), "explanation ended");
    Ok(in_words(ids, &found, facts))
}

/// The features of a dataset, with the model's names if it has none itself.
fn matched(samples: Unlabelled, metadata: &ModelMetadata) -> Result<Features, BackendError> {
    if samples.named || !metadata.named {
        return Ok(samples.features);
    }
    Ok(samples.features.renamed(&metadata.features)?)
}

/// A dataset with or without targets. One without names has targets if it can be read so: ids are not numbers.
fn sent_background(mut sent: Upload, limits: &Limits) -> Result<Unlabelled, BackendError> {
    let unlabelled = read_unlabelled(open_again(&mut sent)?, limits);
    if unlabelled.as_ref().is_ok_and(|unlabelled| unlabelled.named) {
        return Ok(unlabelled?);
    }
    if let Ok(labelled) = read_labelled(open_again(&mut sent)?, limits) {
        let features = labelled.features().clone();
        let header = labelled.header;
        return Ok(Unlabelled { header, ids: Vec::new(), features, named: true, miscounted_names: None });
    }
    unlabelled.map_err(|error| match error {
        DatasetError::Read(cause) => BackendError::UnreadableUpload(cause),
        malformed => BackendError::Background(malformed),
    })
}

fn open_again(upload: &mut Upload) -> Result<&mut Upload, BackendError> {
    std::io::Seek::rewind(upload).map_err(BackendError::UnopenableUpload)?;
    Ok(upload)
}

/// The samples that the model was trained on.
fn kept_background(current: &CurrentModel, kept: Option<Vec<u8>>) -> Result<Features, BackendError> {
    let samples = match (&current.generation, kept) {
        (Some(generation), Some(bytes)) => trained_on(generation, &bytes)?,
        _ => None,
    };
    let samples = samples.filter(|samples| samples.features().rows() > 0);
    samples.map(|samples| samples.features().clone()).ok_or(BackendError::NoBackground(
        if current.is_imported() {
            "the model was imported, and the samples that it was trained on are not stored here"
        } else {
            "the samples that the model was trained on are no longer stored here"
        },
    ))
}

/// At most [`MAX_BACKGROUND`] samples at equal distances. Stored samples are in the order of their hashes, so that these are a
/// random choice that stays the same.
fn spread(samples: &Features) -> Features {
    let (rows, count) = (samples.rows(), samples.rows().min(MAX_BACKGROUND));
    samples.select(&(0..count).map(|at| (at * rows / count) as u32).collect::<Vec<u32>>())
}

fn in_words(ids: Vec<String>, found: &Explanations, background: BackgroundSamples) -> Explanation {
    let labels: Vec<String> = found.classes.iter().map(ToString::to_string).collect();
    let explained: &[String] = if labels.len() == 2 { &labels[1..] } else { &labels };
    let indicators: Vec<IndicatorName> =
        found.features.iter().map(|name| IndicatorName { name: name.clone(), words: words(name) }).collect();
    let (method, orders) = match found.contributions.method {
        Method::Exact => (ExplanationMethod::Exact, None),
        Method::Sampled { orders } => (ExplanationMethod::Sampled, Some(orders)),
    };
    let mut texts: HashMap<(usize, u32), Arc<str>> = HashMap::new();
    let mut text = |indicator: usize, value: f32| {
        let text = texts.entry((indicator, value.to_bits()));
        Arc::clone(text.or_insert_with(|| with_value(&indicators[indicator].words, value).into()))
    };
    let mut explanations = Vec::with_capacity(ids.len());
    let samples = ids.into_iter().zip(found.probabilities.outer_iter()).zip(&found.contributions.samples);
    for ((sampleid, probabilities), outputs) in samples {
        let probabilities = probabilities.to_vec();
        let class = most_probable(&probabilities);
        let outputs = outputs.iter().zip(explained).map(|(output, class)| ExplainedOutput {
            class: class.clone(),
            value: output.value,
            contributions: output
                .contributions
                .iter()
                .map(|one| IndicatorContribution {
                    indicator: one.feature,
                    value: Some(one.value).filter(|value| !value.is_nan()),
                    words: text(one.feature, one.value),
                    contribution: one.contribution,
                    error: one.error,
                })
                .collect(),
            others: output.others,
        });
        let outputs = outputs.collect();
        let (prediction, probability) = (labels[class].clone(), probabilities[class]);
        explanations.push(ExplainedSample { sampleid, prediction, probability, outputs });
    }
    let base = explained.iter().zip(&found.contributions.base);
    Explanation {
        status: Status::OK,
        info: Vec::new(),
        method,
        orders,
        background,
        scale: if labels.len() == 2 { OutputScale::LogOdds } else { OutputScale::LogProbability },
        outputs: base.map(|(class, &base)| OutputBase { class: class.clone(), base }).collect(),
        indicators,
        explanations,
    }
}

/// An indicator and its value: Moodle's indicators that begin with `any` are -1 for no and 1 for yes.
fn with_value(words: &str, value: f32) -> String {
    let (component, rest) = words.split_once(": ").map_or(("", words), |(component, rest)| (component, rest));
    let separator = if component.is_empty() { "" } else { ": " };
    let is = |number: f32| value.to_bits() == number.to_bits();
    match rest.strip_prefix("any ") {
        _ if value.is_nan() => format!("{words}: missing"),
        Some(what) if is(-1.0) => format!("{component}{separator}no {what}"),
        Some(_) if is(1.0) => words.to_owned(),
        _ => format!("{words} = {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("any access after start", -1.0, "no access after start")]
    #[case("any access after start", 1.0, "any access after start")]
    #[case("log: any write", -1.0, "log: no write")]
    #[case("forum: cognitive depth", 0.25, "forum: cognitive depth = 0.25")]
    #[case("any access after start", 0.0, "any access after start = 0")]
    #[case("clicks", f32::NAN, "clicks: missing")]
    fn a_value_is_put_into_words(#[case] words: &str, #[case] value: f32, #[case] expected: &str) {
        assert_eq!(with_value(words, value), expected);
    }

    #[test]
    fn at_most_100_samples_are_compared_with() {
        let features = |rows: u16| {
            Features::of_columns(vec!["a".to_owned()], &[(0..rows).map(f32::from).collect::<Vec<f32>>()])
        };
        let chosen = spread(&features(250));
        assert_eq!((chosen.rows(), chosen.columns()[0].value(99).to_bits()), (100, 247.0_f32.to_bits()));
        assert_eq!(spread(&features(7)).rows(), 7);
        assert_eq!(spread(&features(0)).rows(), 0);
    }
}
