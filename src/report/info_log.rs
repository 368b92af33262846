//! `info.log`: one run, for a Moodle administrator without knowledge of machine learning.
//!
//! Owns the layout of the log and the explanations of the metrics. Must not know how they were measured.

use std::fmt::Write as _;

use super::format::{count, figure, percent, seconds, spread, time, wrapped};
use super::{RunReport, calibration, roc, summary};
use crate::learning::Evaluation;
use crate::text::Untrusted;

/// Untrusted text is cut after this many characters.
const MAX_TEXT: usize = 300;
/// With more classes than this, the confusion matrix is left out: it would not fit a screen.
const MAX_CLASSES_IN_MATRIX: usize = 10;

/// The log of one run. It holds only this report's facts, so never lines of another run.
pub(super) fn text(report: &RunReport<'_>) -> String {
    let mut log = Log::default();
    log.heading(report);
    log.section("Summary");
    log.paragraph(&summary::of(report));
    for line in report.info {
        log.line(&format!("Message in Moodle: {}", Untrusted(line).line(MAX_TEXT)));
    }
    log.dataset(report);
    log.settings(report);
    if let Some(evaluation) = report.evaluation {
        log.iterations(evaluation);
        log.averages(evaluation);
        log.classes(evaluation);
        log.confusion_matrix(evaluation);
        log.calibration(report, evaluation);
        log.decisions(evaluation);
    }
    log.0
}

/// The text so far.
#[derive(Default)]
struct Log(String);

impl Log {
    fn heading(&mut self, report: &RunReport<'_>) {
        let title = format!(
            "moodle-mlbackend {}, evaluation run {}",
            env!("CARGO_PKG_VERSION"),
            Untrusted(&report.run).line(40)
        );
        self.line(&title);
        self.line(&"=".repeat(title.chars().count()));
        self.field("Started", &time(report.started));
        let took = format!("{:.1} s", seconds(report.started, report.finished));
        self.field("Finished", &format!("{}, after {took}", time(report.finished)));
    }

    fn dataset(&mut self, report: &RunReport<'_>) {
        let data = &report.dataset;
        self.section("Dataset");
        if let Some(target) = &data.target {
            self.field("Target", &Untrusted(target).line(MAX_TEXT));
        }
        if let Some(splitting) = &data.time_splitting {
            self.field("Time splitting", &Untrusted(splitting).line(MAX_TEXT));
        }
        self.field("Samples", &data.samples.to_string());
        self.field(
            "Features",
            &format!(
                "{}, of which {} vary; the others have one value in all samples and carry no information",
                data.features, data.varying_features
            ),
        );
        let total = data.class_counts.iter().fold(0_usize, |sum, (_, n)| sum.saturating_add(*n));
        for (label, n) in &data.class_counts {
            let share = percent(*n as f64 / total.max(1) as f64);
            let samples = count(*n, "sample", "samples");
            self.field(&format!("Class {}", Untrusted(label).line(40)), &format!("{samples} ({share})"));
        }
        let frequent = data.class_counts.iter().max_by_key(|(_, n)| *n).filter(|_| total > 0);
        if let Some((label, n)) = frequent {
            self.paragraph(&format!(
                "Always predicting class {} would have an accuracy of {}. A useful model must exceed that.",
                Untrusted(label).line(40),
                percent(*n as f64 / total as f64)
            ));
        }
    }

    fn settings(&mut self, report: &RunReport<'_>) {
        self.section("Settings of this evaluation");
        self.field("Minimum score", &report.min_score.to_string());
        self.field("Max. deviation", &report.max_deviation.to_string());
        if report.rated_trained_model {
            self.field("Evaluated", "the trained model, once, on all samples");
        } else if let Some(evaluation) = report.evaluation {
            let iterations = count(evaluation.iterations.len(), "iteration", "iterations");
            self.field(
                "Evaluated",
                &format!(
                    "{iterations}: shuffle the samples, train a new model on four fifths, test it on the rest"
                ),
            );
            let (done, requested) = (evaluation.iterations.len(), evaluation.requested_iterations);
            if done < requested {
                self.paragraph(&format!(
                    "{requested} iterations were requested; the time limit (MOODLE_MLBACKEND_EVALUATION_SECONDS) was \
                     reached after {done}."
                ));
            }
        }
    }

    fn iterations(&mut self, evaluation: &Evaluation) {
        self.section("Iterations");
        self.line("  #    training      test   score  accuracy  balanced     AUC  log-loss");
        for (n, iteration) in evaluation.iterations.iter().enumerate() {
            let metrics = &iteration.metrics;
            let auc = roc::iteration_auc(iteration).map_or("-".to_owned(), figure);
            self.line(&format!(
                "{:>3}  {:>10}  {:>8}  {:>6}  {:>8}  {:>8}  {:>6}  {:>8}",
                n + 1,
                iteration.training_samples,
                iteration.test_samples,
                figure(metrics.f1),
                figure(metrics.accuracy),
                figure(metrics.balanced_accuracy),
                auc,
                figure(metrics.log_loss),
            ));
        }
    }

    fn averages(&mut self, evaluation: &Evaluation) {
        let mean = &evaluation.mean;
        let several = evaluation.iterations.len() > 1;
        self.section("Averages");
        self.row(
            "Score",
            &spread(mean.f1, several.then_some(evaluation.score_deviation)),
            "weighted F1, the score that Moodle uses: combines precision and recall of all classes; 1 is perfect",
        );
        self.row("Accuracy", &figure(mean.accuracy), "share of samples whose class was predicted correctly");
        self.row(
            "Majority class",
            &figure(mean.majority_accuracy),
            "accuracy of always predicting the most frequent class",
        );
        self.row(
            "Balanced accuracy",
            &figure(mean.balanced_accuracy),
            "mean recall of the classes: weights all classes equally, however rare",
        );
        if let Some(auc) = roc::overall_auc(evaluation) {
            let deviation = evaluation.auc_deviation.or(auc.deviation).filter(|_| several);
            self.row(
                "AUC",
                &spread(auc.mean, deviation),
                "how well the model separates the classes: 0.5 is guessing, 1 perfect; see roc-curve.png",
            );
        }
        self.row(
            "Precision",
            &figure(mean.precision),
            "share of the predictions of a class that are correct",
        );
        self.row("Recall", &figure(mean.recall), "share of the samples of a class that are found");
        self.row(
            "Log-loss",
            &figure(mean.log_loss),
            "error of the probabilities; 0 is perfect, confident mistakes cost most",
        );
        self.row(
            "Calibration error",
            &figure(evaluation.calibration.error),
            "mean difference between predicted probability and observed frequency; 0 is perfect",
        );
        self.row("Brier score", &figure(mean.brier), "mean squared error of the probabilities; 0 is perfect");
        if several {
            self.paragraph("The figure after ± is the standard deviation over the iterations.");
        }
        if let Some(grouped) = evaluation.grouped_score {
            self.paragraph(&format!(
                "The score is too high: many samples have equal features, and a test sample that is equal to a training \
                 sample is easy to predict. With equal samples kept in the same part of a split, the score is {}.",
                figure(grouped)
            ));
        }
    }

    fn classes(&mut self, evaluation: &Evaluation) {
        if evaluation.per_class.is_empty() {
            return;
        }
        self.section("Classes");
        self.line("class                test  precision    recall        F1       AUC");
        for (label, class) in evaluation.classes.iter().zip(&evaluation.per_class) {
            self.line(&format!(
                "{:<16} {:>8}  {:>9}  {:>8}  {:>8}  {:>8}",
                Untrusted(label).line(15),
                class.support,
                figure(class.precision),
                figure(class.recall),
                figure(class.f1),
                class.auc.map_or("-".to_owned(), figure),
            ));
        }
        self.paragraph(
            "Precision: share of the predictions of the class that are correct. Recall: share of the samples of the class \
             that are found. F1: harmonic mean of both. AUC: separation of the class from all others.",
        );
    }

    fn calibration(&mut self, report: &RunReport<'_>, evaluation: &Evaluation) {
        let Some(assessment) = calibration::assessment(report) else { return };
        self.section("Are the probabilities reliable?");
        self.paragraph(&assessment);
        if let Some(example) = calibration::example(evaluation) {
            self.paragraph(&example);
        }
        self.line("");
        self.line(&format!(
            "Probability of {}, in groups of about the same size:",
            calibration::subject(evaluation)
        ));
        self.line(" predicted    observed   samples");
        for bin in calibration::bins(evaluation) {
            let (predicted, observed) = (percent(bin.predicted), percent(bin.observed));
            self.line(&format!("{predicted:>10}  {observed:>10}  {:>8}", bin.samples));
        }
        self.line("calibration.png shows these groups.");
    }

    /// Summed over the iterations.
    fn confusion_matrix(&mut self, evaluation: &Evaluation) {
        let classes = evaluation.classes.len();
        if classes == 0 || classes > MAX_CLASSES_IN_MATRIX || evaluation.iterations.is_empty() {
            return;
        }
        self.section("Confusion matrix (all iterations)");
        let label = |class: usize| format!("predicted {}", Untrusted(&evaluation.classes[class]).line(8));
        let head: String =
            (0..classes).fold(String::new(), |row, class| row + &format!("{:>20}", label(class)));
        self.line(format!("{:<20}{head}", "").trim_end());
        for actual in 0..classes {
            let mut row =
                format!("{:<20}", format!("actual {}", Untrusted(&evaluation.classes[actual]).line(14)));
            for predicted in 0..classes {
                let cell =
                    |counts: &Vec<Vec<usize>>| counts.get(actual).and_then(|row| row.get(predicted)).copied();
                let sum = evaluation
                    .iterations
                    .iter()
                    .filter_map(|i| cell(&i.confusion))
                    .fold(0, usize::saturating_add);
                // Writing to a String cannot fail.
                let _ = write!(row, "{sum:>20}");
            }
            self.line(&row);
        }
    }

    /// The first iteration's decisions: the others train on almost the same samples and decide alike.
    fn decisions(&mut self, evaluation: &Evaluation) {
        let Some(first) = evaluation.iterations.iter().find(|iteration| !iteration.decisions.is_empty())
        else {
            return;
        };
        self.section("Training decisions");
        for sentence in &first.decisions {
            self.line(&format!("- {}", Untrusted(sentence).line(MAX_TEXT)));
        }
        if evaluation.iterations.len() > 1 {
            self.line("These are from the first iteration; report.json lists those of each.");
        }
    }

    fn section(&mut self, title: &str) {
        self.line("");
        self.line(title);
        self.line(&"-".repeat(title.chars().count()));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.line(&format!("{name:<16} {value}"));
    }

    fn row(&mut self, name: &str, value: &str, meaning: &str) {
        self.line(&format!("{name:<18} {value:<17} {meaning}"));
    }

    /// Text broken into lines of a readable length.
    fn paragraph(&mut self, text: &str) {
        for line in wrapped(text, |line| line.chars().count() <= 96) {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

#[cfg(test)]
#[path = "info_log_tests.rs"]
mod tests;
