//! The right side of the chart: the area in large figures, the legend, and how
//! to read the picture.

use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Font, Point};
use super::roc;
use super::roc::{ClassCurves, Spread};
use super::roc_chart::{CHANCE, COLOURS, INK, SOFT_INK, colour, pale};
use super::{ReportError, RunReport, format};
use crate::learning::Evaluation;

const LEFT: f64 = 1124.0;
const RIGHT: f64 = 1552.0;
/// Below this there is no room for another paragraph.
const LAST_START: f64 = 980.0;

/// Draws the panel beside the curves.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    report: &RunReport<'_>,
    curves: &[ClassCurves],
) -> Result<(), ReportError> {
    let mut pen = Pen::new(canvas);
    if let Some(auc) = report.evaluation.and_then(roc::overall_auc) {
        pen.area(auc, curves.len())?;
    }
    if curves.is_empty() {
        pen.reasons(report.info)?;
    } else {
        pen.legend(curves)?;
    }
    if let Some(evaluation) = report.evaluation {
        pen.score(report, evaluation)?;
    }
    if !curves.is_empty() && pen.y < LAST_START {
        pen.how_to_read(curves)?;
    }
    foot(canvas, report)
}

/// Which run it was.
pub(super) fn foot(canvas: &Canvas<'_>, report: &RunReport<'_>) -> Result<(), ReportError> {
    let foot = format!("Run {}, {}", format::one_line(&report.run, 24), format::time(report.started));
    canvas.text(&foot, (LEFT, 1178.0), Font::new(21.0, SOFT_INK))
}

/// Writes downwards.
pub(super) struct Pen<'c, 'a> {
    canvas: &'c Canvas<'a>,
    y: f64,
}

impl<'c, 'a> Pen<'c, 'a> {
    /// At the panel's upper left corner.
    pub fn new(canvas: &'c Canvas<'a>) -> Self {
        Self { canvas, y: 158.0 }
    }
}

impl Pen<'_, '_> {
    /// The figure that the picture is about.
    pub fn large(&mut self, what: &str, figure: &str) -> Result<(), ReportError> {
        self.canvas.text(what, (LEFT, self.y + 20.0), Font::new(27.0, SOFT_INK))?;
        self.canvas.text(figure, (LEFT - 2.0, self.y + 90.0), Font::new(76.0, INK).bold())?;
        self.y += 136.0;
        Ok(())
    }

    /// Where the sign of the next entry of the legend goes: a line from left to right.
    pub fn swatch(&self) -> [Point; 2] {
        swatch(self.y)
    }

    /// Leaves some room.
    pub fn gap(&mut self, pixels: f64) {
        self.y += pixels;
    }

    fn area(&mut self, auc: Spread, curves: usize) -> Result<(), ReportError> {
        let what = if curves > 1 { "AUC, mean of the classes" } else { "AUC, area under the curve" };
        self.canvas.text(what, (LEFT, self.y + 20.0), Font::new(27.0, SOFT_INK))?;
        let (large, small) = (Font::new(104.0, INK).bold(), Font::new(44.0, SOFT_INK));
        let mean = format!("{:.3}", auc.mean);
        self.canvas.text(&mean, (LEFT - 2.0, self.y + 102.0), large)?;
        if let Some(deviation) = auc.deviation {
            let x = LEFT + self.canvas.width(&mean, large)? + 12.0;
            self.canvas.text(&format!("± {deviation:.3}"), (x, self.y + 102.0), small)?;
        }
        self.y += 136.0;
        self.paragraph("0.5 is guessing, 1 is perfect.", Font::new(25.0, SOFT_INK))?;
        self.rule()
    }

    /// Why there is no curve, in the answer's own sentences.
    pub fn reasons(&mut self, info: &[String]) -> Result<(), ReportError> {
        self.y += 8.0;
        for sentence in info {
            if self.y < LAST_START {
                self.paragraph(&format::one_line(sentence, 220), Font::new(28.0, INK))?;
                self.y += 14.0;
            }
        }
        if info.is_empty() { Ok(()) } else { self.rule() }
    }

    fn legend(&mut self, curves: &[ClassCurves]) -> Result<(), ReportError> {
        let text = Font::new(26.0, INK);
        for (n, class) in curves.iter().enumerate().take(COLOURS) {
            let y = self.y;
            self.canvas.line(&swatch(y), 4.5, colour(n))?;
            self.entry(&curve_name(class, curves.len()), text)?;
        }
        if let Some(more) = curves.len().checked_sub(COLOURS).filter(|&more| more > 0) {
            self.canvas.line(&swatch(self.y), 2.0, colour(COLOURS))?;
            self.entry(&format::count(more, "more class", "more classes"), text)?;
        }
        if let [only] = curves
            && only.iterations > 1
        {
            let y = self.y;
            let [from, to] = swatch(y);
            let corners = [(from.0, y - 13.0), (to.0, y - 13.0), (to.0, y + 11.0), (from.0, y + 11.0)];
            self.canvas.fill(&corners, colour(0), 0.16)?;
            self.entry("± one standard deviation", text)?;
            self.canvas.line(&swatch(self.y), 2.0, pale(colour(0)))?;
            let drawn = match only.each.len() {
                all if all == only.iterations => format!("each of the {all} iterations"),
                some => format!("{some} of the {} iterations", only.iterations),
            };
            self.entry(&drawn, text)?;
        }
        let y = self.y;
        self.canvas.dashes((swatch(y)[0], swatch(y)[1]), 2.5, CHANCE, (13.0, 9.0))?;
        self.entry("guessing (AUC 0.5)", text)?;
        self.rule()
    }

    fn score(&mut self, report: &RunReport<'_>, evaluation: &Evaluation) -> Result<(), ReportError> {
        let mean = &evaluation.mean;
        let many = evaluation.iterations.len() > 1;
        let deviation =
            if many { format!(" ± {}", format::short(evaluation.score_deviation)) } else { String::new() };
        self.paragraph(&format!("Score {}{deviation}", format::short(mean.f1)), Font::new(34.0, INK).bold())?;
        let asked = format!(
            "Weighted F1, what Moodle goes by. Asked for: at least {}, varying by at most {}.",
            report.min_score, report.max_deviation
        );
        self.paragraph(&asked, Font::new(25.0, SOFT_INK))?;
        self.y += 14.0;
        for (name, value) in [
            ("Accuracy", mean.accuracy),
            ("Accuracy of guessing", mean.majority_accuracy),
            ("Balanced accuracy", mean.balanced_accuracy),
        ] {
            let font = Font::new(26.0, INK);
            self.canvas.text(&format::short(value), (RIGHT, self.y + 8.0), font.align(HPos::Right))?;
            self.put(name, font)?;
        }
        self.y += 4.0;
        self.rule()
    }

    fn how_to_read(&mut self, curves: &[ClassCurves]) -> Result<(), ReportError> {
        let class = match curves {
            [only] => format!("class {}", format::one_line(&only.label, 16)),
            _ => "a class".to_owned(),
        };
        let meaning = format!(
            "Each point is one threshold: how many samples of {class} are found (upwards) at the price of how \
             many of the others being taken for it (to the right). The closer to the upper left corner, the better."
        );
        self.paragraph(&meaning, Font::new(25.0, SOFT_INK))
    }

    /// A line of the legend, beside its sign.
    pub fn entry(&mut self, text: &str, font: Font) -> Result<(), ReportError> {
        self.canvas.text(text, (LEFT + 72.0, self.y + 8.0), font)?;
        self.y += 42.0;
        Ok(())
    }

    /// Text broken into lines at spaces.
    pub fn paragraph(&mut self, text: &str, font: Font) -> Result<(), ReportError> {
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && self.canvas.width(&longer, font)? > RIGHT - LEFT {
                self.put(&line, font)?;
                word.clone_into(&mut line);
            } else {
                line = longer;
            }
        }
        self.put(&line, font)
    }

    fn put(&mut self, line: &str, font: Font) -> Result<(), ReportError> {
        self.canvas.text(line, (LEFT, self.y + 8.0), font)?;
        self.y += (font.size * 1.36).round();
        Ok(())
    }

    /// A thin line between two blocks.
    pub fn rule(&mut self) -> Result<(), ReportError> {
        self.canvas.line(&[(LEFT, self.y + 4.0), (RIGHT, self.y + 4.0)], 1.0, CHANCE)?;
        self.y += 44.0;
        Ok(())
    }
}

fn swatch(y: f64) -> [Point; 2] {
    [(LEFT, y), (LEFT + 52.0, y)]
}

fn curve_name(class: &ClassCurves, curves: usize) -> String {
    let label = format::one_line(&class.label, 16);
    match (curves, class.iterations, class.auc) {
        (1, 1, _) => format!("class {label}"),
        (1, ..) => format!("class {label}, mean of the iterations"),
        (_, _, Some(Spread { mean, deviation: Some(deviation) })) => {
            format!("class {label}: {mean:.3} ± {deviation:.3}")
        }
        (_, _, Some(Spread { mean, .. })) => format!("class {label}: {mean:.3}"),
        (_, _, None) => format!("class {label}"),
    }
}
