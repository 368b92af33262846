//! Errors by groups of samples, for a question of fairness.
//!
//! Owns what counts as a difference. Must not know how groups were made.

use maud::{Markup, html};

use super::super::format::{count, percent};
use super::figure::scrolling;
use super::names::Names;
use super::words::words;
use crate::learning::{Evaluation, GroupErrors, GroupMetrics, Rate};
use crate::text::Untrusted;

/// More rows would not be read.
const MAX_SHOWN: usize = 20;

/// The section; nothing when no groups were asked for.
pub(super) fn section(evaluation: &Evaluation, names: &Names) -> Option<Markup> {
    let errors = evaluation.groups.as_ref()?;
    let class = match &names.classes[..] {
        [_, class] => Some(class.as_str()),
        _ => None,
    };
    let subject = class.unwrap_or("the predicted class");
    let optional = |rate: Option<Rate>| rate.map_or("-".to_owned(), shown);
    Some(html! {
        section id="groups" {
            h2 { "Is it as good for every group?" }
            p { (sentence(errors)) }
            (scrolling(&html! { table {
                caption {
                    "Groups by " (words(&errors.column)) ", with 95 % intervals. Predicted and observed: the share of " (subject) "."
                }
                thead { tr {
                    th scope="col" { "Group" }
                    th scope="col" { "Samples" }
                    th scope="col" { "Accuracy" }
                    @if class.is_some() { th scope="col" { "Found (recall)" } th scope="col" { "False alarms" } }
                    th scope="col" { "Predicted" }
                    th scope="col" { "Observed" }
                } }
                tbody { @for group in errors.groups.iter().take(MAX_SHOWN) {
                    tr {
                        th scope="row" { (Untrusted(&group.group).line(40)) }
                        td { (group.samples) }
                        td { (shown(group.accuracy)) }
                        @if class.is_some() {
                            td { (optional(group.recall)) }
                            td { (optional(group.false_positive_rate)) }
                        }
                        td { (percent(group.predicted)) }
                        td { (shown(group.observed)) }
                    }
                } }
            } }))
            @if errors.hidden > 0 {
                p class="small" {
                    (count(errors.hidden, "group", "groups")) " with fewer than 10 tested samples "
                    @if errors.hidden == 1 { "is" } @else { "are" } " not shown."
                }
            }
        }
    })
}

fn shown(rate: Rate) -> String {
    format!("{:.0} % ({:.0}\u{2013}{:.0})", rate.value * 100.0, rate.low * 100.0, rate.high * 100.0)
}

/// A rate of a group.
type Figure = fn(&GroupMetrics) -> Option<Rate>;

fn sentence(errors: &GroupErrors) -> String {
    if errors.groups.len() < 2 {
        return "There are too few samples to compare groups.".to_owned();
    }
    let figures: [(&str, Figure); 3] = [
        ("how often it is right", |group| Some(group.accuracy)),
        ("how many it finds", |group| group.recall),
        ("how many false alarms it gives", |group| group.false_positive_rate),
    ];
    let different: Vec<&str> = figures
        .into_iter()
        .filter(|(_, figure)| are_apart(errors.groups.iter().filter_map(figure)))
        .map(|(name, _)| name)
        .collect();
    // Predicted far from observed, for one group at least.
    let off = errors
        .groups
        .iter()
        .filter(|group| group.predicted < group.observed.low || group.predicted > group.observed.high);
    let off: Vec<String> = off.map(|group| Untrusted(&group.group).line(40)).collect();
    let mut text = if different.is_empty() {
        "The groups do not differ by more than chance explains.".to_owned()
    } else {
        format!(
            "The groups differ in {}, by more than chance explains. Before the model is used, decide whether that is acceptable.",
            different.join(", ")
        )
    };
    if !off.is_empty() {
        text += " Its probabilities are too high or too low on average for: ";
        text += &off.join(", ");
        text.push('.');
    }
    text
}

/// Whether the intervals of two groups do not overlap.
fn are_apart(rates: impl Iterator<Item = Rate>) -> bool {
    let (mut highest_low, mut lowest_high) = (f64::NEG_INFINITY, f64::INFINITY);
    for rate in rates {
        highest_low = highest_low.max(rate.low);
        lowest_high = lowest_high.min(rate.high);
    }
    highest_low > lowest_high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    fn page_of(errors: GroupErrors) -> String {
        let mut evaluation = fixtures::evaluation(2, 2);
        evaluation.groups = Some(errors);
        let report = fixtures::report(Some(&evaluation), 0);
        section(&evaluation, &Names::of(&report)).expect("groups").into_string()
    }

    #[test]
    fn groups_whose_intervals_are_apart_differ() {
        let page = page_of(fixtures::groups());
        assert!(page.contains("The groups differ in how many it finds, by more than chance"), "{page}");
        assert!(
            page.contains("90 % (80\u{2013}95)") && page.contains("1 group with fewer than 10"),
            "{page}"
        );
    }

    #[test]
    fn groups_whose_intervals_overlap_do_not() {
        let mut errors = fixtures::groups();
        errors.groups[1].recall = errors.groups[0].recall;
        assert!(page_of(errors).contains("do not differ by more than chance"));
    }

    #[test]
    fn one_group_is_not_compared() {
        let mut errors = fixtures::groups();
        errors.groups.truncate(1);
        assert!(page_of(errors).contains("too few samples to compare"));
    }

    #[test]
    fn a_hostile_group_is_text() {
        let mut errors = fixtures::groups();
        errors.groups[0].group = "<script>".to_owned();
        errors.column = "<script>".to_owned();
        assert!(!page_of(errors).contains("<script"));
    }
}
