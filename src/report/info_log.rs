//! `info.log`: one run, told to a Moodle administrator who is no data scientist.

use std::fmt::Write as _;

use super::format::{count, figure, one_line, percent, seconds, spread, time};
use super::{RunReport, calibration, roc, summary};
use crate::learning::Evaluation;

/// Text of foreign origin is cut after this many characters.
const LONGEST: usize = 300;
/// More classes than this have no table of mix-ups: it would not fit a screen.
const CLASSES_IN_TABLE: usize = 10;

/// The log of one run; only what the report holds, so never another run's lines.
pub(super) fn text(report: &RunReport<'_>) -> String {
    let mut log = Log::default();
    log.heading(report);
    log.section("In short");
    log.paragraph(&summary::of(report));
    for line in report.info {
        log.line(&format!("Moodle was told: {}", one_line(line, LONGEST)));
    }
    log.data(report);
    log.settings(report);
    if let Some(evaluation) = report.evaluation {
        log.iterations(evaluation);
        log.averages(evaluation);
        log.classes(evaluation);
        log.mix_ups(evaluation);
        log.believable(report, evaluation);
        log.decisions(evaluation);
    }
    log.messages(report.log);
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
            one_line(&report.run, 40)
        );
        self.line(&title);
        self.line(&"=".repeat(title.chars().count()));
        self.field("Started", &time(report.started));
        let took = format!("{:.1} s", seconds(report.started, report.finished));
        self.field("Finished", &format!("{}, after {took}", time(report.finished)));
    }

    fn data(&mut self, report: &RunReport<'_>) {
        let data = &report.dataset;
        self.section("The data");
        if let Some(target) = &data.target {
            self.field("Target", &one_line(target, LONGEST));
        }
        if let Some(splitting) = &data.time_splitting {
            self.field("Time splitting", &one_line(splitting, LONGEST));
        }
        self.field("Samples", &data.samples.to_string());
        self.field(
            "Features",
            &format!(
                "{}, of which {} vary; the others are the same for all samples and can teach nothing",
                data.features, data.varying_features
            ),
        );
        let total = data.class_counts.iter().fold(0_usize, |sum, (_, n)| sum.saturating_add(*n));
        for (label, n) in &data.class_counts {
            let share = percent(*n as f64 / total.max(1) as f64);
            let samples = count(*n, "sample", "samples");
            self.field(&format!("Class {}", one_line(label, 40)), &format!("{samples} ({share})"));
        }
        let frequent = data.class_counts.iter().max_by_key(|(_, n)| *n).filter(|_| total > 0);
        if let Some((label, n)) = frequent {
            self.paragraph(&format!(
                "Always guessing class {} would be right for {}. A useful model must beat that.",
                one_line(label, 40),
                percent(*n as f64 / total as f64)
            ));
        }
    }

    fn settings(&mut self, report: &RunReport<'_>) {
        self.section("What was asked for");
        self.field("Lowest score", &report.min_score.to_string());
        self.field("Most deviation", &report.max_deviation.to_string());
        if report.rated_trained_model {
            self.field("What is rated", "the trained model as it is, once, on all samples");
        } else if let Some(evaluation) = report.evaluation {
            let times = count(evaluation.iterations.len(), "time", "times");
            self.field(
                "What is rated",
                &format!(
                    "{times}: shuffle the samples, train a new model on four fifths, rate it on the rest"
                ),
            );
            let (done, asked) = (evaluation.iterations.len(), evaluation.asked);
            if done < asked {
                self.paragraph(&format!(
                    "{asked} times were asked for; the time that the server's setting evaluation-seconds allows was up \
                     after {done}."
                ));
            }
        }
    }

    fn iterations(&mut self, evaluation: &Evaluation) {
        self.section("Each iteration");
        self.line("  #  trained on  rated on   score  accuracy  balanced     AUC  log-loss");
        for (n, iteration) in evaluation.iterations.iter().enumerate() {
            let figures = &iteration.figures;
            let auc = roc::iteration_auc(iteration).map_or("-".to_owned(), figure);
            self.line(&format!(
                "{:>3}  {:>10}  {:>8}  {:>6}  {:>8}  {:>8}  {:>6}  {:>8}",
                n + 1,
                iteration.trained_on,
                iteration.rated_on,
                figure(figures.f1),
                figure(figures.accuracy),
                figure(figures.balanced_accuracy),
                auc,
                figure(figures.log_loss),
            ));
        }
    }

    fn averages(&mut self, evaluation: &Evaluation) {
        let mean = &evaluation.mean;
        let many = evaluation.iterations.len() > 1;
        self.section("Averages");
        self.meaning(
            "Score",
            &spread(mean.f1, many.then_some(evaluation.score_deviation)),
            "weighted F1, what Moodle goes by; low when classes are missed or wrongly suspected. 1 is perfect",
        );
        self.meaning("Accuracy", &figure(mean.accuracy), "share of samples whose class was predicted");
        self.meaning(
            "Guessing",
            &figure(mean.majority_accuracy),
            "the accuracy of always naming the most frequent class",
        );
        self.meaning(
            "Balanced accuracy",
            &figure(mean.balanced_accuracy),
            "as accuracy, but each class counts the same, however rare it is",
        );
        if let Some(auc) = roc::overall_auc(evaluation) {
            let deviation = evaluation.auc_deviation.or(auc.deviation).filter(|_| many);
            self.meaning(
                "AUC",
                &spread(auc.mean, deviation),
                "how well the classes are told apart: 0.5 is guessing, 1 perfect; see roc-curve.png",
            );
        }
        self.meaning(
            "Precision",
            &figure(mean.precision),
            "of the samples said to be of a class, how many were",
        );
        self.meaning("Recall", &figure(mean.recall), "of the samples of a class, how many were found");
        self.meaning(
            "Log-loss",
            &figure(mean.log_loss),
            "how far the probabilities are off; 0 is perfect, sure and wrong costs most",
        );
        self.meaning(
            "Calibration error",
            &figure(evaluation.calibration.error),
            "how far a stated probability is from what comes true; 0 is perfect",
        );
        self.meaning(
            "Brier score",
            &figure(mean.brier),
            "the same, milder with single mistakes; 0 is perfect",
        );
        if many {
            self.paragraph("The figure after ± is the standard deviation over the iterations.");
        }
    }

    fn classes(&mut self, evaluation: &Evaluation) {
        if evaluation.per_class.is_empty() {
            return;
        }
        self.section("Each class");
        self.line("class               rated  precision    recall        F1       AUC");
        for (label, own) in evaluation.classes.iter().zip(&evaluation.per_class) {
            self.line(&format!(
                "{:<16} {:>8}  {:>9}  {:>8}  {:>8}  {:>8}",
                one_line(label, 15),
                own.support,
                figure(own.precision),
                figure(own.recall),
                figure(own.f1),
                own.auc.map_or("-".to_owned(), figure),
            ));
        }
        self.paragraph(
            "Precision: of the samples said to be of the class, how many were. Recall: of the samples of the class, \
             how many were found. F1: the mean of both, nearer to the lower one. AUC: the class told from all others.",
        );
    }

    /// The calibration, as an administrator would ask for it.
    fn believable(&mut self, report: &RunReport<'_>, evaluation: &Evaluation) {
        let Some(verdict) = calibration::verdict(report) else { return };
        self.section("Can the probabilities be believed?");
        self.paragraph(&verdict);
        if let Some(example) = calibration::example(evaluation) {
            self.paragraph(&example);
        }
        self.line("");
        self.line(&format!(
            "Of all ratings, in parts of about the same size: {}",
            calibration::subject(evaluation)
        ));
        self.line("   it said   it was so     rated");
        for bin in calibration::bins(evaluation) {
            let (said, was) = (percent(bin.predicted), percent(bin.observed));
            self.line(&format!("{said:>10}  {was:>10}  {:>8}", bin.samples));
        }
        self.line("calibration.png shows the same.");
    }

    /// The confusion matrix, added up over the iterations.
    fn mix_ups(&mut self, evaluation: &Evaluation) {
        let classes = evaluation.classes.len();
        if classes == 0 || classes > CLASSES_IN_TABLE || evaluation.iterations.is_empty() {
            return;
        }
        self.section("What was taken for what (all iterations together)");
        let label = |class: usize| format!("said {}", one_line(&evaluation.classes[class], 8));
        let head: String =
            (0..classes).fold(String::new(), |row, class| row + &format!("{:>15}", label(class)));
        self.line(format!("{:<20}{head}", "").trim_end());
        for truth in 0..classes {
            let mut row = format!("{:<20}", format!("was {}", one_line(&evaluation.classes[truth], 14)));
            for said in 0..classes {
                let cell =
                    |counts: &Vec<Vec<usize>>| counts.get(truth).and_then(|row| row.get(said)).copied();
                let sum = evaluation
                    .iterations
                    .iter()
                    .filter_map(|i| cell(&i.confusion))
                    .fold(0, usize::saturating_add);
                // Writing to a String cannot fail.
                let _ = write!(row, "{sum:>15}");
            }
            self.line(&row);
        }
    }

    /// What the learner decided: the first iteration tells enough, the others decide alike on almost the
    /// same samples.
    fn decisions(&mut self, evaluation: &Evaluation) {
        let Some(first) = evaluation.iterations.iter().find(|iteration| !iteration.decisions.is_empty())
        else {
            return;
        };
        self.section("What the learner decided");
        for sentence in &first.decisions {
            self.line(&format!("- {}", one_line(sentence, LONGEST)));
        }
        if evaluation.iterations.len() > 1 {
            self.line("This is the first iteration; report.json tells of each.");
        }
    }

    fn messages(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.section("Messages of this run");
        for line in lines {
            self.line(&one_line(line, LONGEST));
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

    fn meaning(&mut self, name: &str, value: &str, meaning: &str) {
        self.line(&format!("{name:<18} {value:<17} {meaning}"));
    }

    /// Text broken into lines of a readable length.
    fn paragraph(&mut self, text: &str) {
        const WIDTH: usize = 96;
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

#[cfg(test)]
#[path = "info_log_tests.rs"]
mod tests;
