//! Whether the evaluated data are like those that the tested model learnt from.
//!
//! Owns the reading of the figures. Must not know how they are computed: `learning` does.

use maud::{Markup, html};

use super::super::RunReport;
use super::super::format::{count, percent};
use super::figure::scrolling;
use super::words::words;
use crate::learning::{Drift, FeatureDrift};

/// The conventional limits of the population stability index: below the first a feature counts as unchanged, from the second on
/// as different (Siddiqi 2006).
const MODERATE: f64 = 0.1;
const LARGE: f64 = 0.25;
/// The number of features that are shown.
const MAX_SHOWN: usize = 10;

/// The section, for a tested model.
pub(super) fn section(report: &RunReport<'_>) -> Option<Markup> {
    if !report.rated_trained_model {
        return None;
    }
    Some(html! {
        section id="drift" {
            h2 { "Are these data like those that the model learnt from?" }
            @match report.drift {
                Some(drift) => (found(drift)),
                None => p {
                    "This is not known: the model file does not say what the model learnt from. It was made by another tool or an \
                     earlier version; a model that is trained now says it."
                },
            }
        }
    })
}

fn found(drift: &Drift) -> Markup {
    html! {
        p { (sentence(drift)) }
        p class="small" {
            "Population stability index (PSI): below " (MODERATE) " a feature is about the same, to " (LARGE) " it has changed, above \
             it is different. The mean of all features is " (format!("{:.3}", drift.overall)) "."
        }
        (scrolling(&html! { table class="bars" {
            thead { tr {
                th scope="col" { "Indicator" }
                th scope="col" { "PSI" }
                th scope="col" { "What changed" }
            } }
            tbody { @for one in drift.features.iter().take(MAX_SHOWN) {
                tr {
                    th scope="row" title=(one.feature) { (words(&one.feature)) }
                    td { (format!("{:.3}", one.psi)) br; span { (reading(one)) } }
                    td { (change(one)) }
                }
            } }
        } }))
    }
}

/// Whether a change is larger than chance and than `limit`.
fn exceeds(one: &FeatureDrift, limit: f64) -> bool {
    one.psi >= limit && one.psi > one.by_chance
}

fn reading(one: &FeatureDrift) -> &'static str {
    if exceeds(one, LARGE) {
        "different"
    } else if exceeds(one, MODERATE) {
        "changed"
    } else if one.psi >= MODERATE {
        "may be chance"
    } else {
        "about the same"
    }
}

fn sentence(drift: &Drift) -> String {
    let above = |limit| drift.features.iter().filter(|one| exceeds(one, limit)).count();
    let (large, moderate) = (above(LARGE), above(MODERATE));
    let all = count(drift.features.len(), "indicator", "indicators");
    let samples = count(drift.training_samples, "sample", "samples");
    if large > 0 {
        format!(
            "No: of {all} that the model uses, {large} differ from the {samples} that it learnt from. Its probabilities may be wrong \
             here: look at their reliability below, and train the model with recent samples."
        )
    } else if moderate > 0 {
        format!(
            "Mostly: of {all} that the model uses, {moderate} have changed since it learnt from {samples}. Evaluate it again when more \
             of them change."
        )
    } else {
        format!(
            "Yes: none of {all} that the model uses has changed since it learnt from {samples}, beyond what chance explains."
        )
    }
}

/// What is different, in words.
fn change(one: &FeatureDrift) -> String {
    let mut parts = Vec::new();
    match one.mean_now {
        Some(now) if (now - one.mean_before).abs() >= 0.005 => {
            let how = if now > one.mean_before { "higher" } else { "lower" };
            parts.push(format!("{how}: {:.2} before, {now:.2} now", one.mean_before));
        }
        Some(_) => {}
        None => parts.push("no sample has a value now".to_owned()),
    }
    if (one.missing_now - one.missing_before).abs() >= 0.01 {
        let how =
            if one.missing_now > one.missing_before { "more often missing" } else { "less often missing" };
        parts.push(format!(
            "{how}: {} before, {} now",
            percent(one.missing_before),
            percent(one.missing_now)
        ));
    }
    if parts.is_empty() { "the same on average".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    fn page_of(drift: Option<&Drift>) -> String {
        let evaluation = fixtures::evaluation(2, 1);
        let mut report = fixtures::report(Some(&evaluation), 0);
        report.rated_trained_model = true;
        report.drift = drift;
        section(&report).expect("a tested model").into_string()
    }

    #[test]
    fn a_large_change_is_named_in_words_with_the_remedy() {
        let page = page_of(Some(&fixtures::drift()));
        assert!(page.contains("No: of 2 indicators that the model uses, 1 differ"), "{page}");
        assert!(
            page.contains("forum: cognitive depth") && page.contains("higher: 0.20 before, 0.60 now"),
            "{page}"
        );
        assert!(page.contains("more often missing: 10.0 % before, 40.0 % now"), "{page}");
    }

    #[test]
    fn what_chance_explains_is_not_a_change() {
        let mut drift = fixtures::drift();
        drift.features.iter_mut().for_each(|one| one.by_chance = 1.0);
        let page = page_of(Some(&drift));
        assert!(page.contains("Yes: none of 2 indicators") && page.contains("may be chance"), "{page}");
    }

    #[test]
    fn a_model_that_does_not_say_what_it_learnt_from_has_the_reason() {
        assert!(page_of(None).contains("This is not known"));
        let evaluation = fixtures::evaluation(2, 1);
        assert!(section(&fixtures::report(Some(&evaluation), 0)).is_none(), "models trained for the run");
    }
}
