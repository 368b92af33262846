//! `model-card.md`: what a model is, for people who never saw it before.

use std::fmt::Write as _;

use serde_json::Value;

use super::description::Description;
use crate::text::Untrusted;

/// The card's text, in Markdown.
pub(super) fn text(about: &Description) -> String {
    let mut card = String::from("# A Moodle analytics model\n");
    let sections = [
        predicts(about),
        samples(about),
        quality(about),
        decided(about),
        top(about),
        limits(about),
        run(about),
    ];
    for section in sections.iter().filter(|section| !section.is_empty()) {
        card.push('\n');
        card += section;
    }
    card
}

fn predicts(about: &Description) -> String {
    let mut text = String::from("## What it predicts\n\n");
    let target = about.target.as_deref().map_or_else(
        || "a Moodle target whose name was not handed down".to_owned(),
        |target| format!("the Moodle target {}", code(target)),
    );
    let _ = write!(text, "The probability of each class of {target}");
    if let Some(splitting) = &about.time_splitting {
        let _ = write!(text, ", with the time-splitting method {}", code(splitting));
    }
    let _ = writeln!(
        text,
        ", from {} features of one sample.\n\n- Classes, in the order of the answer: {}\n- Made by: {}\n\
         - Published: {}\n- Exported by: {}\n- `model.onnx`: {} bytes, sha256 `{}`",
        about.features.len(),
        about.classes.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
        plain(&about.made_by),
        published(about),
        about.exported_by,
        about.size,
        about.sha256,
    );
    text
}

fn published(about: &Description) -> String {
    match (&about.published, about.generation) {
        (Some(when), Some(generation)) => {
            let imported = if about.imported { ", imported" } else { "" };
            format!("{when} (generation {generation}{imported})")
        }
        _ => "by a Python server, whose directory serves in place".to_owned(),
    }
}

fn samples(about: &Description) -> String {
    let Some(samples) = about.samples else {
        return "## What it has learnt from\n\nThat was not handed down.\n".to_owned();
    };
    let mut text = format!(
        "## What it has learnt from\n\n{samples} samples:\n\n| class | samples | share |\n|---|---|---|\n"
    );
    for (class, &count) in about.classes.iter().zip(&about.class_counts) {
        let share = 100.0 * count as f64 / samples.max(1) as f64;
        let _ = writeln!(text, "| {class} | {count} | {share:.1} % |");
    }
    text
}

fn quality(about: &Description) -> String {
    let mut text = String::from("## How well it answers\n\n");
    let Some(loss) = about.metrics.log_loss else {
        text +=
            "That was not measured: there were too few samples to hold some out, or it was made elsewhere.\n";
        return text;
    };
    let _ = write!(text, "On samples that were held out its log-loss is {loss:.4}");
    if let Some(shares) = about.metrics.log_loss_of_shares {
        let _ = write!(text, "; always answering with the classes' shares would have {shares:.4}");
    }
    text += ". Less is better. An evaluation in Moodle says more.\n";
    text
}

fn decided(about: &Description) -> String {
    list("## What was decided while it learnt\n", about.decisions.iter().map(|said| plain(said)))
}

fn top(about: &Description) -> String {
    if about.top_features.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## What moves its answers most\n\nThe share of the movement of its answers over the samples it has learnt \
         from. It says what the model looks at, not what causes what.\n\n| feature | share |\n|---|---|\n",
    );
    for feature in &about.top_features {
        let _ = writeln!(text, "| {} | {:.1} % |", code(&feature.name), 100.0 * feature.weight);
    }
    text
}

fn limits(about: &Description) -> String {
    let mut said = vec![
        "It knows samples like those it has learnt from: another kind of course, another site or other years may \
         differ, so evaluate it where it is to be used."
            .to_owned(),
        "It sees what goes together, not why. Use its answers to offer help, not to judge a person.".to_owned(),
    ];
    if about.samples.is_some_and(|samples| samples < 500) {
        said.push("It has learnt from few samples: its probabilities are rough.".to_owned());
    }
    if !about.named {
        said.push(
            "The names of its features were not handed down: samples must have their columns in the order in which \
             it was trained."
                .to_owned(),
        );
    }
    list("## Limits\n", said.into_iter())
}

fn run(about: &Description) -> String {
    format!(
        "## How to run it\n\nImport the whole archive into Moodle or a server of ours. Or use any ONNX runtime, for \
         example Python's:\n\n```python\nimport numpy\nimport onnxruntime\n\nsession = \
         onnxruntime.InferenceSession(\"model.onnx\")\n# One row a sample, one column a feature in the order of \
         `features` in model.json, NaN where a value is missing.\nsamples = numpy.full((1, {}), numpy.nan, \
         dtype=numpy.float32)\nprobabilities = session.run([\"{}\"], {{\"{}\": samples}})[0]\n\
         print(probabilities)  # one row a sample, one column a class\n```\n",
        about.features.len(),
        about.output.name,
        about.input.name,
    )
}

fn list(heading: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("- {line}\n")).collect();
    if lines.is_empty() { String::new() } else { format!("{heading}\n{}", lines.concat()) }
}

/// Text of a model as one line without markup.
fn plain(text: &str) -> String {
    Untrusted(text).markdown(500)
}

/// A name as code that fits into a table.
fn code(name: &str) -> String {
    Untrusted(name).markdown_code(200)
}
