//! `model-card.md`: a description of a model for people who do not know it.
//!
//! Owns the text and its escaping. Its headings follow what the provider of a high-risk system documents (Regulation (EU)
//! 2024/1689, articles 11 to 14 and annex IV) and Mitchell et al. 2019, Model Cards for Model Reporting. Must not know where the
//! facts come from.

use std::fmt::Write as _;

use serde_json::Value;

use super::description::Description;
use super::measured_quality::MeasuredQuality;
use crate::text::Untrusted;

/// The text of the card, in Markdown. `measured` is the last evaluation, if it is known.
pub(in crate::backend) fn text(about: &Description, measured: Option<&MeasuredQuality>) -> String {
    let sections = [
        "# A Moodle analytics model\n".to_owned(),
        INTENDED_USE.to_owned(),
        predictions(about),
        training_data(about),
        quality(about, measured),
        calibration(about, measured),
        list("## Training decisions\n", about.decisions.iter().map(|decision| line(decision))),
        largest_shares(about),
        HUMAN_OVERSIGHT.to_owned(),
        limits(about),
        usage(about),
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n")
}

const INTENDED_USE: &str = "## Intended use\n\nMoodle analytics asks for the probability below to show staff where a look may help. \
                            The model is not made to grade, admit, exclude or sanction people, nor to act without a person.\n";

const HUMAN_OVERSIGHT: &str = "## Human oversight\n\n\
    - A person who knows the course reads a prediction, compares it with what they know, and decides.\n\
    - Those who use the predictions must know how often they are wrong: the report of an evaluation says it for several thresholds.\n\
    - Explain a prediction to the student that it is about, and accept objections.\n\
    - If predictions are wrong or unfair, disable the model in Moodle, or go back to an earlier generation on the server.\n";

fn predictions(about: &Description) -> String {
    let target = about.target.as_deref().map_or_else(
        || "a Moodle target whose name is not known".to_owned(),
        |target| format!("the Moodle target {}", code(target)),
    );
    let method = about.time_splitting.as_deref();
    let method = method.map(|method| format!(", with the time-splitting method {}", code(method)));
    format!(
        "## Predictions\n\nThe probability of each class of {target}{}, from {} features of one sample.\n\n\
         - Classes, in the order of the output: {}\n- Made by: {}\n- Published: {}\n- Exported by: {}\n\
         - `model.onnx`: {} bytes, sha256 `{}`\n",
        method.unwrap_or_default(),
        about.features.len(),
        about.classes.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
        line(&about.made_by),
        published(about),
        about.exported_by,
        about.size,
        about.sha256,
    )
}

fn published(about: &Description) -> String {
    match (&about.published, about.generation) {
        (Some(when), Some(generation)) => {
            let imported = if about.imported { ", imported" } else { "" };
            format!("{when} (generation {generation}{imported})")
        }
        _ => "by a Python server, whose directory is used in place".to_owned(),
    }
}

fn training_data(about: &Description) -> String {
    let Some(samples) = about.samples else {
        return "## Training data\n\nNot known.\n".to_owned();
    };
    let mut text =
        format!("## Training data\n\n{samples} samples:\n\n| class | samples | share |\n|---|---|---|\n");
    for (class, &count) in about.classes.iter().zip(&about.class_counts) {
        let share = 100.0 * count as f64 / samples.max(1) as f64;
        let _ = writeln!(text, "| {class} | {count} | {share:.1} % |");
    }
    text
}

fn quality(about: &Description, measured: Option<&MeasuredQuality>) -> String {
    let measured = measured.map(evaluation).unwrap_or_default();
    let Some(loss) = about.metrics.log_loss else {
        return format!(
            "## Quality\n\nNot measured: there were too few samples to hold some out, or the model was made elsewhere.\n{measured}"
        );
    };
    let shares = about.metrics.log_loss_of_shares;
    let shares =
        shares.map(|shares| format!("; always predicting the shares of the classes has {shares:.4}"));
    format!(
        "## Quality\n\nThe log-loss on held-out samples is {loss:.4}{}. Lower is better. An evaluation in Moodle \
         gives more details.\n{measured}",
        shares.unwrap_or_default()
    )
}

/// The figures of an evaluation, which trains on a part of its dataset and tests on the rest.
fn evaluation(measured: &MeasuredQuality) -> String {
    let MeasuredQuality { finished, samples, iterations, score, auc, .. } = measured;
    let samples = samples.map_or_else(|| "an unknown number of".to_owned(), |samples| samples.to_string());
    let mut text = format!(
        "\nThe last evaluation, which ended at {}, tested with {samples} samples in {iterations} splits",
        line(finished)
    );
    if let Some((score, deviation)) = score {
        let _ =
            write!(text, ": a weighted F1 score of {score:.3} with a standard deviation of {deviation:.3}");
    }
    if let Some(auc) = auc {
        let _ = write!(text, ", an AUC of {auc:.3}");
    }
    text + ". Groups of people that are rare in the data may be predicted worse than these means show.\n"
}

fn calibration(about: &Description, measured: Option<&MeasuredQuality>) -> String {
    let made = match about.metrics.log_loss {
        _ if about.imported => {
            "The model was made elsewhere: whether its probabilities were calibrated is not known."
        }
        None => "The probabilities are not calibrated: there were too few samples to hold some out.",
        Some(_) => {
            "The probabilities were calibrated with samples that were held out in the training, so that of the samples with a \
             probability of 70 %, about 70 % should belong to the class."
        }
    };
    let figures = measured.and_then(|measured| measured.calibration_error.zip(measured.brier));
    let figures = figures.map_or_else(
        || "The report of an evaluation shows how far they are from that.".to_owned(),
        |(error, brier)| {
            format!(
                "In the last evaluation, predicted probability and observed frequency differed by {error:.3} on average (expected \
                 calibration error), and the Brier score was {brier:.3}; 0 is perfect for both."
            )
        },
    );
    format!("## Calibration\n\n{made} {figures}\n")
}

fn largest_shares(about: &Description) -> String {
    if about.top_features.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Largest shares in the model\n\nThe share of each feature in the variation of the predictions for the training \
         samples, computed from the model alone. It shows what the model uses, not what causes what. The importance in an \
         evaluation's report is another figure: how much worse predictions become without a feature.\n\n\
         | feature | share |\n|---|---|\n",
    );
    for feature in &about.top_features {
        let _ = writeln!(text, "| {} | {:.1} % |", code(&feature.name), 100.0 * feature.weight);
    }
    text
}

fn limits(about: &Description) -> String {
    let few_samples = about.samples.is_some_and(|samples| samples < 500);
    let limits = [
        Some(
            "The model is valid for samples like its training samples. Other kinds of courses, other sites or other \
             years may differ: evaluate it where it is to be used.",
        ),
        Some("It finds correlations, not causes. Use its predictions to offer help, not to judge a person."),
        few_samples.then_some("It was trained on few samples: its probabilities are rough."),
        (!about.named).then_some(
            "The names of its features are not known: samples must have their columns in the order of the training.",
        ),
    ];
    list("## Limits\n", limits.into_iter().flatten().map(str::to_owned))
}

fn usage(about: &Description) -> String {
    format!(
        "## Usage\n\nImport the whole archive into Moodle or another server of this kind, or use any ONNX runtime, for \
         example Python's:\n\n```python\nimport numpy\nimport onnxruntime\n\nsession = \
         onnxruntime.InferenceSession(\"model.onnx\")\n# One row per sample, one column per feature in the order of \
         `features` in model.json, NaN for a missing value.\nsamples = numpy.full((1, {}), numpy.nan, \
         dtype=numpy.float32)\nprobabilities = session.run([\"{}\"], {{\"{}\": samples}})[0]\n\
         print(probabilities)  # one row per sample, one column per class\n```\n",
        about.features.len(),
        about.output.name,
        about.input.name,
    )
}

fn list(heading: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("- {line}\n")).collect();
    if lines.is_empty() { String::new() } else { format!("{heading}\n{}", lines.concat()) }
}

/// A text of the model as one line without markup.
fn line(text: &str) -> String {
    Untrusted(text).markdown(500)
}

/// A name as code in a table.
fn code(name: &str) -> String {
    Untrusted(name).markdown_code(200)
}
