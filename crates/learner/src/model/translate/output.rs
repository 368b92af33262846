//! From the output of a foreign graph to probabilities and a label.

use tract_onnx::pb::{GraphProto, ModelProto};

use super::graph_walk::{Translator, translate};
use super::model_json::{Description, Gives, Missing};
use super::value::{Computed, Dim};
use super::{Done, refused};
use crate::model::Model;
use crate::model::metadata::{FORMAT, ModelMetadata};
use crate::model::output_check::{are_probabilities, are_shares, probes};
use crate::model::to_onnx;

/// No classifier has more outputs to look through.
const MAX_OUTPUTS: usize = 8;

/// The outputs that may hold the answer, the likeliest first.
pub(crate) fn candidates(graph: &GraphProto, description: &Description) -> Done<Vec<String>> {
    let names: Vec<&String> = graph.output.iter().map(|output| &output.name).take(MAX_OUTPUTS).collect();
    if let Some(name) = &description.output.name {
        if !graph.output.iter().any(|output| output.name == *name) {
            return refused(format!(
                "it has no output of the name that model.json gives; it has {}",
                listed(&names)
            ));
        }
        return Ok(vec![name.clone()]);
    }
    let likely = |name: &&String| name.to_ascii_lowercase().contains("prob");
    let (mut first, rest): (Vec<&String>, Vec<&String>) = names.into_iter().partition(likely);
    first.extend(rest.into_iter().rev());
    Ok(first.into_iter().cloned().collect())
}

fn listed(names: &[&String]) -> String {
    let plain = |name: &String| -> String {
        name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect()
    };
    names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
}

/// How an output becomes probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Finish {
    AsTheyAre,
    SumToOne,
    FromLogits,
}

/// The model whose answer is the output called `output`.
pub(crate) fn model_of(
    proto: &ModelProto,
    graph: &GraphProto,
    output: &str,
    description: &Description,
) -> Done<Vec<u8>> {
    let draft = Draft { proto, graph, output, description };
    let asked_for = description.missing;
    if let Some(Missing::Number(number)) = asked_for {
        return draft.finished(Some(number));
    }
    // A model that handles missing values gets them; one that would calculate with NaN gets zeros, the
    // middle of every indicator.
    let misses = {
        let (t, answer) = translate(proto, graph, output, description.width(), None)?;
        answer.may_miss || t.emit.missing_lost
    };
    match (misses, asked_for) {
        (false, _) => draft.finished(None),
        (true, None) => draft.finished(Some(0.0)),
        (true, Some(_)) => refused(
            "it would calculate with missing values; give a number as \"missing\" in model.json instead of \"nan\"",
        ),
    }
}

struct Draft<'a> {
    proto: &'a ModelProto,
    graph: &'a GraphProto,
    output: &'a str,
    description: &'a Description,
}

impl Draft<'_> {
    fn finished(&self, missing: Option<f32>) -> Done<Vec<u8>> {
        let gives = self.description.output.gives;
        if gives == Some(Gives::Logits) {
            return self.build(missing, Finish::FromLogits);
        }
        let bytes = self.build(missing, Finish::AsTheyAre)?;
        let tried = Model::load(&bytes)?.answers_to(&probes(self.description.width()))?;
        let classes = self.description.classes.len();
        if are_probabilities(&tried, classes) {
            return Ok(bytes);
        }
        drop(bytes);
        match (gives, are_shares(&tried)) {
            (Some(_), true) => self.build(missing, Finish::SumToOne),
            (Some(_), false) => refused(
                "its output is not within 0 and 1, although model.json says that it gives probabilities; \
                 say \"logits\" if they are",
            ),
            (None, false) => self.build(missing, Finish::FromLogits),
            (None, true) => refused(
                "its output is within 0 and 1 but does not sum to 1; say in model.json whether it gives \
                 \"probabilities\" or \"logits\"",
            ),
        }
    }

    fn build(&self, missing: Option<f32>, finish: Finish) -> Done<Vec<u8>> {
        let Self { proto, graph, output, description } = *self;
        let (mut t, answer) = translate(proto, graph, output, description.width(), missing)?;
        let classes = description.classes.len();
        let probabilities = probabilities(&mut t, &answer, classes, finish)?;
        let mut done = t.emit.graph;
        to_onnx::outputs(&mut done, &probabilities.name, &description.classes);

        let (features, named) = description.features();
        let made_by = made_by(proto);
        let facts = ModelMetadata {
            format: FORMAT,
            decisions: decisions(description, &made_by, missing, finish),
            made_by,
            features,
            named,
            classes: description.classes.clone(),
            class_counts: Vec::new(),
            log_loss: None,
            open_ended: false,
            top_features: Vec::new(),
        };
        Ok(to_onnx::file(done, &facts))
    }
}

/// The output as rows × classes, each row's probabilities.
fn probabilities(t: &mut Translator, answer: &Computed, classes: usize, finish: Finish) -> Done<Computed> {
    let size = answer.shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
    let by_row = answer.shape.iter().find(|dim| dim.size != 1 || dim.batch).is_some_and(|dim| dim.batch);
    let columns = size.filter(|&size| by_row && (size == classes || (size == 1 && classes == 2)));
    let Some(columns) = columns.filter(|_| !answer.whole) else {
        return refused(format!("it has no output of {classes} columns, one for each class of model.json"));
    };
    let rows = Dim { size: 1, batch: true };
    let answer = t.emit.reshape(answer, vec![rows, Dim::fixed(columns)])?;
    let answer = match (finish, columns) {
        (Finish::FromLogits, 1) => t.emit.unary("Sigmoid", &answer)?,
        (Finish::FromLogits, _) => return t.emit.softmax(&answer, 1),
        _ => answer,
    };
    if columns == 1 {
        let one = t.emit.scalar(1.0)?;
        let other = t.emit.binary("Sub", &one, &answer)?;
        return t.emit.concat(&[other, answer], 1);
    }
    if finish == Finish::SumToOne {
        let sum = t.emit.reduce("ReduceSum", &answer, &[1])?;
        return t.emit.binary("Div", &answer, &sum);
    }
    Ok(answer)
}

fn made_by(proto: &ModelProto) -> String {
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(60).collect() };
    let name = format!("{} {}", plain(&proto.producer_name), plain(&proto.producer_version));
    if name.trim().is_empty() { "another tool".to_owned() } else { name.trim().to_owned() }
}

fn decisions(description: &Description, made_by: &str, missing: Option<f32>, finish: Finish) -> Vec<String> {
    let mut decisions = vec![format!("This model was made with {made_by} and imported.")];
    decisions.push(match missing {
        None => "Empty cells are given to it as missing values.".to_owned(),
        Some(number) => format!("Empty cells are given to it as {number}."),
    });
    match finish {
        Finish::AsTheyAre => {}
        Finish::SumToOne => decisions.push("Its probabilities are divided by their sum.".to_owned()),
        Finish::FromLogits => {
            decisions.push("Its output is turned from logits into probabilities.".to_owned());
        }
    }
    if !description.about.is_empty() {
        let said = description.about.chars().filter(|c| !c.is_control()).take(1_000);
        decisions.push(said.collect());
    }
    decisions
}
