//! Which indicators the model relies on.
//!
//! Owns how importance is shown. It is permutation importance, as `learning` defines it: the same figure as in report.json.

use maud::{Markup, html};

use super::figure::scrolling;
use super::names::Names;
use super::words::words;
use crate::learning::{Evaluation, FeatureImportance};

/// The number of features that are shown.
const MAX_SHOWN: usize = 15;
/// A weaker correlation has no clear direction.
const MIN_DIRECTION: f64 = 0.1;

/// The section; nothing when importance was not measured.
pub(super) fn section(evaluation: &Evaluation, names: &Names) -> Option<Markup> {
    let shown: Vec<&FeatureImportance> =
        evaluation.importance.iter().filter(|one| one.loss_increase > 0.0).take(MAX_SHOWN).collect();
    let largest = shown.first()?.loss_increase;
    let direction = |one: &FeatureImportance| match (one.direction, &names.classes[..]) {
        (Some(r), [_, class]) if r >= MIN_DIRECTION => format!("more of it: {class} is more likely"),
        (Some(r), [_, class]) if r <= -MIN_DIRECTION => format!("more of it: {class} is less likely"),
        _ => "no single direction".to_owned(),
    };
    Some(html! {
        section id="importance" {
            h2 { "Which indicators matter" }
            p {
                "How much worse the predictions become when the values of one indicator are shuffled among the samples. It says \
                 what the model relies on, not what causes the result; of two indicators that say the same, it may rely on either. \
                 (This is permutation importance. The \u{201c}share\u{201d} in model cards is another figure: what predictions are made of.)"
            }
            (scrolling(&html! { table class="bars" {
                thead { tr { th scope="col" { "Indicator" } th scope="col" { "Log-loss gets worse by" } th scope="col" { "Effect" } } }
                tbody { @for one in shown {
                    @let width = (one.loss_increase / largest * 100.0).clamp(0.0, 100.0);
                    tr {
                        th scope="row" title=(one.feature) { (words(&one.feature)) }
                        td {
                            svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                                rect class="bar c0" x="0" y="0" width=(format!("{width:.1}")) height="10" {}
                            }
                            span { (format!("{:.4} ± {:.4}", one.loss_increase, one.deviation)) }
                        }
                        td { (direction(one)) }
                    }
                } }
            } }))
        }
    })
}
