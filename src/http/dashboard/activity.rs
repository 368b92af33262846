//! What the audit trail says about recent operations, for the overview and for the page of a model.
//!
//! Owns which lines a user sees and how a line is shown. Reads the end of the trail alone, so that a page stays fast however
//! long the trail is. Must not know who may see which model: `Names` does.

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::addresses::ModelName;
use super::layout::{at, foreign, scrolling};
use super::texts::Texts;
use super::visit::Visit;
use crate::audit::{AuditError, Event, Line, Operation, Verdict, newest};
use crate::http::routes::models::list::Names;
use crate::store::{ModelKey, Store};

/// What is read of the trail at most; some thousand lines.
const MAX_BYTES: u64 = 2 << 20;
/// The lines of a table.
const MAX_SHOWN: usize = 12;
/// The lines about one model.
const MAX_OF_MODEL: usize = 50;

/// An operation that has ended, and its model as the user calls it.
pub(super) struct Entry {
    pub(super) line: Line,
    /// `None` if the operation concerns no model, or has no page.
    model: Option<ModelName>,
}

/// The operations of all models that a user sees.
#[derive(Default)]
pub(super) struct Activity {
    pub(super) training: Option<Entry>,
    pub(super) evaluation: Option<Entry>,
    pub(super) prediction: Option<Entry>,
    /// The newest ones.
    pub(super) recent: Vec<Entry>,
    /// The newest ones of the last day that failed or were refused.
    pub(super) problems: Vec<Entry>,
    /// The number of all of those.
    pub(super) problem_count: usize,
}

impl Entry {
    /// `None` for a line that the user does not see.
    fn of(line: Line, names: &Names, sees_owners: bool) -> Option<Self> {
        let Some(id) = line.uniqueid.as_deref() else {
            return names.sees_all().then_some(Self { line, model: None });
        };
        let (owner, name) = names.of(id)?;
        let user = sees_owners.then(|| owner.to_owned());
        let name = name.to_owned();
        let model = line.dirhash.clone().map(|dir| ModelName { id: name.clone(), dir, user: user.clone() });
        let model = model.or(Some(ModelName { id: name, dir: String::new(), user }));
        Some(Self { line, model })
    }

    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.line.outcome.as_ref().map(|outcome| outcome.result)
    }

    fn is_problem(&self) -> bool {
        matches!(self.verdict(), Some(Verdict::Failed | Verdict::Refused | Verdict::Interrupted))
    }
}

impl Activity {
    /// Reads the end of the trail.
    pub(super) fn read(store: &Store, names: &Names, sees_owners: bool) -> Result<Self, AuditError> {
        let mut activity = Self::default();
        let day_ago = Timestamp::now() - SignedDuration::from_hours(24);
        newest(store, MAX_BYTES, |line| {
            if line.event != Event::Began
                && let Some(entry) = Entry::of(line, names, sees_owners)
            {
                activity.add(entry, day_ago);
            }
            ControlFlow::Continue(())
        })?;
        Ok(activity)
    }

    fn add(&mut self, entry: Entry, day_ago: Timestamp) {
        let copy = || Entry { line: entry.line.clone(), model: entry.model.clone() };
        let last = match entry.line.operation {
            Operation::Training => Some(&mut self.training),
            Operation::Evaluation => Some(&mut self.evaluation),
            Operation::Prediction => Some(&mut self.prediction),
            _ => None,
        };
        if let Some(last) = last
            && last.is_none()
        {
            *last = Some(copy());
        }
        if entry.is_problem() && entry.line.time >= day_ago {
            self.problem_count += 1;
            if self.problems.len() < MAX_SHOWN {
                self.problems.push(copy());
            }
        }
        if self.recent.len() < MAX_SHOWN {
            self.recent.push(entry);
        }
    }
}

/// The newest operations on a model.
pub(super) fn of_model(store: &Store, key: &ModelKey) -> Result<Vec<Entry>, AuditError> {
    let mut entries = Vec::new();
    newest(store, MAX_BYTES, |line| {
        let is_of_model = line.uniqueid.as_deref() == Some(key.id.as_str())
            && line.dirhash.as_deref().is_none_or(|dir| dir == key.dir.as_str());
        if is_of_model && line.event != Event::Began {
            entries.push(Entry { line, model: None });
        }
        if entries.len() < MAX_OF_MODEL { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(entries)
}

/// The entries as a table; `caption` names it for screen readers.
pub(super) fn table(visit: &Visit, caption: &str, entries: &[Entry]) -> Markup {
    let texts = visit.texts;
    let has_models = entries.iter().any(|entry| entry.model.is_some());
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (texts.text("column-time")) }
                th scope="col" { (texts.text("column-operation")) }
                @if has_models { th scope="col" { (texts.text("column-model")) } }
                th scope="col" { (texts.text("column-user")) }
                th scope="col" { (texts.text("column-result")) }
            } }
            tbody { @for entry in entries { tr {
                td class="keep" { (at(texts, entry.line.time)) }
                td { (operation(texts, entry.line.operation)) }
                @if has_models { td { (model(visit, entry)) } }
                td { (foreign(&entry.line.user)) @if visit.is_admin() { span class="id" { (foreign(&entry.line.address)) } } }
                td { (result(texts, entry)) }
            } } }
        }
    };
    scrolling(caption, &table)
}

fn model(visit: &Visit, entry: &Entry) -> Markup {
    match &entry.model {
        // A whole id was deleted, for example.
        Some(model) if model.dir.is_empty() => html! { code { (foreign(&shortened(&model.id))) } },
        Some(model) => {
            html! { a href=(visit.addresses.model(model, "")) title=(model.id) { code { (foreign(&shortened(&model.id))) } } }
        }
        None => html! { "–" },
    }
}

/// The beginning of an id: Moodle's are 40 hexadecimal digits.
pub(super) fn shortened(id: &str) -> String {
    if id.chars().count() > 16 {
        format!("{}…", id.chars().take(12).collect::<String>())
    } else {
        id.to_owned()
    }
}

/// How an operation ended, with the kind of its error.
pub(super) fn result(texts: Texts, entry: &Entry) -> Markup {
    let (key, class) = match entry.verdict() {
        Some(Verdict::Ok) => ("result-ok", "good"),
        Some(Verdict::NoResult) => ("result-none", "care"),
        Some(Verdict::Refused) => ("result-refused", "care"),
        Some(Verdict::Failed) => ("result-failed", "bad"),
        Some(Verdict::Abandoned) => ("result-abandoned", "care"),
        Some(Verdict::Interrupted) => ("result-interrupted", "bad"),
        None => return html! { "–" },
    };
    let reason = entry.line.outcome.as_ref().and_then(|outcome| outcome.reason.as_deref());
    html! {
        span class={"badge " (class)} { (texts.text(key)) }
        @if let Some(reason) = reason { " " span class="small" lang="en" { (foreign(reason)) } }
    }
}

/// The name of an operation.
pub(super) fn operation(texts: Texts, operation: Operation) -> String {
    texts.text(match operation {
        Operation::Training => "operation-training",
        Operation::Evaluation => "operation-evaluation",
        Operation::Prediction => "operation-prediction",
        Operation::Import => "operation-import",
        Operation::Export => "operation-export",
        Operation::Deletion => "operation-deletion",
        Operation::Rollback => "operation-rollback",
        Operation::SampleDownload => "operation-sample-download",
        Operation::Pruning => "operation-pruning",
        // Those of the command line alone.
        other => return other.name().to_owned(),
    })
}
