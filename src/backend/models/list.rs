//! A page of the list of models.
//!
//! A page begins at a place in the order and not at a number, so that models that appear or vanish in between neither repeat
//! nor hide others. Sorted by id, a page reads the names of the data directory and the records of its own models; every other
//! order reads the records of all models. Must not know whose models they are, nor how a page is addressed.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::evaluation::{self, StoredEvaluation};
use super::summary::{ModelOrigin, Summary};
use crate::backend::BackendError;
use crate::store::{DirHash, GenerationInfo, ModelDir, ModelId, Store};

/// The order of a list. Models without the value come first; those with the same value are in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The value that is compared.
    pub by: SortBy,
    /// Whether the order is reversed, that of ids as well.
    pub descending: bool,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// The id on the disk and the dirhash.
    Id,
    /// When the current generation was published.
    Trained,
    /// The number of samples.
    Samples,
    /// The score of the last evaluation.
    Score,
    /// The size of the current files.
    Size,
}

/// A place in the order: just beyond a model that need not exist any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The value that the list is sorted by.
    pub value: Option<i64>,
    /// The id on the disk.
    pub id: String,
    /// The dirhash.
    pub dir: String,
}

/// Which side of a place a page is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Behind it.
    After,
    /// Before it.
    Before,
}

/// Where a page is: beside a place, or at the beginning ([`Direction::After`]) or the end of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The side.
    pub direction: Direction,
    /// The place.
    pub place: Option<Place>,
}

/// What a page shows.
pub struct ListQuery<'a> {
    /// Whether a model with this id on the disk is listed.
    pub has_id: &'a dyn Fn(&str) -> bool,
    /// Only models with this dirhash.
    pub dir: Option<DirHash>,
    /// Only models of this origin.
    pub origin: Option<ModelOrigin>,
    /// Whether a model is listed, by its record; called for all models with such an id.
    pub matches: &'a dyn Fn(&Summary) -> bool,
    /// The order.
    pub sort: Sort,
    /// Where the page is.
    pub cursor: Cursor,
    /// The maximum number of models on it; at least 1.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// Its models.
    pub models: Vec<(Place, Summary)>,
    /// Whether models precede it.
    pub has_previous: bool,
    /// Whether models follow it.
    pub has_next: bool,
}

impl Place {
    /// The place of a model in an order.
    fn of(model: &Summary, by: SortBy) -> Self {
        let current = model.current.as_ref();
        let count = |count: u64| i64::try_from(count).ok();
        let value = match by {
            SortBy::Id => None,
            SortBy::Trained => current
                .and_then(|current| current.created_at.parse::<Timestamp>().ok())
                .map(Timestamp::as_microsecond),
            SortBy::Samples => current.and_then(GenerationInfo::sample_count).and_then(count),
            // A score is from 0 to 1.
            SortBy::Score => {
                let score =
                    model.evaluation.as_ref().and_then(|evaluation| evaluation.result.as_ref()?.score);
                score.map(|score| (score * 1e9).round() as i64)
            }
            SortBy::Size => count(model.bytes),
        };
        Self { value, id: model.id.as_str().to_owned(), dir: model.dir.as_str().to_owned() }
    }

    fn key(&self) -> (Option<i64>, &str, &str) {
        (self.value, &self.id, &self.dir)
    }
}

impl Sort {
    fn compare(self, one: &Place, other: &Place) -> Ordering {
        let order = one.key().cmp(&other.key());
        if self.descending { order.reverse() } else { order }
    }
}

/// A page of the models of a data directory.
///
/// # Errors
/// [`BackendError`] if the data directory cannot be read. A model that cannot be read is listed with its problem.
pub fn list(store: &Store, query: &ListQuery<'_>) -> Result<Page, BackendError> {
    let mut ids = store.ids()?;
    ids.retain(|id| (query.has_id)(id.as_str()));
    let list = List { store, query, ids };
    let page = if query.sort.by == SortBy::Id { list.by_id() } else { list.by_value() };
    Ok(list.with_evaluations(page))
}

/// The number of ids on the disk that `has_id` accepts, each of which is a model of Moodle. Reads one directory.
///
/// # Errors
/// [`BackendError`] if the data directory cannot be read.
pub fn count(store: &Store, has_id: impl Fn(&str) -> bool) -> Result<usize, BackendError> {
    Ok(store.ids()?.iter().filter(|id| has_id(id.as_str())).count())
}

struct List<'a> {
    store: &'a Store,
    query: &'a ListQuery<'a>,
    /// Ascending.
    ids: Vec<ModelId>,
}

impl List<'_> {
    /// Reads the records of the models on the page, and of one beyond each of its ends.
    fn by_id(&self) -> Page {
        let Cursor { direction, place } = &self.query.cursor;
        let mut models = self.scan(*direction, place.as_ref(), self.query.limit + 1);
        let more = models.len() > self.query.limit;
        models.truncate(self.query.limit);
        let back = match direction {
            Direction::After => Direction::Before,
            Direction::Before => Direction::After,
        };
        // Beyond the end of the list, every model is on the other side.
        let nearest = models.first().map(|(place, _)| place);
        let has_other_side = place.is_some() && !self.scan(back, nearest, 1).is_empty();
        if *direction == Direction::Before {
            models.reverse();
            return Page { models, has_previous: more, has_next: has_other_side };
        }
        Page { models, has_previous: has_other_side, has_next: more }
    }

    /// Up to `max` models on one side of a place, the nearest first.
    fn scan(&self, direction: Direction, place: Option<&Place>, max: usize) -> Vec<(Place, Summary)> {
        let ascending = (direction == Direction::After) != self.query.sort.descending;
        let beyond = if ascending { Ordering::Greater } else { Ordering::Less };
        let ids: Box<dyn Iterator<Item = &ModelId>> =
            if ascending { Box::new(self.ids.iter()) } else { Box::new(self.ids.iter().rev()) };
        let mut found = Vec::new();
        // Directories of ids before the place are not opened.
        let reaches = |id: &&ModelId| {
            place.is_none_or(|place| [beyond, Ordering::Equal].contains(&id.as_str().cmp(&place.id)))
        };
        for id in ids.filter(reaches) {
            let mut dirs = self.dirs(id);
            if !ascending {
                dirs.reverse();
            }
            for (dir, model_dir) in dirs.into_iter().filter(|(dir, _)| self.is_wanted(dir)) {
                let key = (id.as_str(), dir.as_str());
                if place.is_some_and(|place| key.cmp(&(&place.id, &place.dir)) != beyond) {
                    continue;
                }
                let Some(model) = self.model(id, dir, &model_dir) else { continue };
                found.push((Place::of(&model, SortBy::Id), model));
                if found.len() == max {
                    return found;
                }
            }
        }
        found
    }

    /// Reads the records of all models.
    fn by_value(&self) -> Page {
        let sort = self.query.sort;
        let mut models = Vec::new();
        for id in &self.ids {
            let dirs = self.dirs(id);
            let evaluation = if sort.by == SortBy::Score { last_evaluation(&dirs) } else { None };
            for (dir, model_dir) in dirs.into_iter().filter(|(dir, _)| self.is_wanted(dir)) {
                if let Some(model) = self.model(id, dir, &model_dir) {
                    let model = Summary { evaluation: evaluation.clone(), ..model };
                    models.push((Place::of(&model, sort.by), model));
                }
            }
        }
        models.sort_by(|(one, _), (other, _)| sort.compare(one, other));
        let Cursor { direction, place } = &self.query.cursor;
        let count = models.len();
        let (start, end) = match direction {
            Direction::After => {
                let before =
                    |place: &Place| models.partition_point(|(other, _)| sort.compare(other, place).is_le());
                let start = place.as_ref().map_or(0, before);
                (start, count.min(start.saturating_add(self.query.limit)))
            }
            Direction::Before => {
                let before =
                    |place: &Place| models.partition_point(|(other, _)| sort.compare(other, place).is_lt());
                let end = place.as_ref().map_or(count, before);
                (end.saturating_sub(self.query.limit), end)
            }
        };
        let models = models.drain(start..end).collect();
        Page { models, has_previous: start > 0, has_next: end < count }
    }

    /// The directories of an id; none, with a log line, if they cannot be read.
    fn dirs(&self, id: &ModelId) -> Vec<(DirHash, ModelDir)> {
        self.store.model_dirs_of(id).unwrap_or_else(|error| {
            tracing::warn!(%error, "a model is not listed");
            Vec::new()
        })
    }

    fn is_wanted(&self, dir: &DirHash) -> bool {
        self.query.dir.as_ref().is_none_or(|wanted| wanted == dir)
    }

    /// The model, if it is of the right origin and matches.
    fn model(&self, id: &ModelId, dir: DirHash, model_dir: &ModelDir) -> Option<Summary> {
        let model = Summary::of(id, dir, model_dir);
        let is_listed = self.query.origin.is_none_or(|origin| origin == model.origin);
        Some(model).filter(|model| is_listed && (self.query.matches)(model))
    }

    fn with_evaluations(&self, mut page: Page) -> Page {
        if self.query.sort.by != SortBy::Score {
            for (_, model) in &mut page.models {
                let dirs = self.store.model_dirs_of(&model.id).unwrap_or_default();
                model.evaluation = last_evaluation(&dirs);
            }
        }
        page
    }
}

/// The last evaluation of a model id, in any of its directories.
fn last_evaluation(dirs: &[(DirHash, ModelDir)]) -> Option<StoredEvaluation> {
    evaluation::newest_in(dirs, 1).ok()?.pop()
}
