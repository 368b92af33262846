//! The parameters of a list of jobs, and the addresses of its other pages.
//!
//! The list begins with the newest job. A cursor is `after:TIME/ID` or `before:TIME/ID`, with the nanoseconds since 1970 at which
//! that job was requested; without both it means the first or the last page. Must not know how jobs are stored.

use crate::http::async_jobs::{JobId, Record};
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::text::Untrusted;

const DEFAULT_PER_PAGE: usize = 50;
const MAX_PER_PAGE: usize = 200;
/// The characters of a value that an error repeats.
const MAX_QUOTED: usize = 40;
/// The states, as the parameter names them.
const STATES: [&str; 5] = ["queued", "running", "done", "failed", "cancelled"];

/// The place of a job in the list; larger is newer.
pub(super) type Place = (i128, JobId);

/// What the parameters of a list request.
pub(super) struct Parameters {
    pub(super) state: Option<&'static str>,
    per_page: usize,
    is_forward: bool,
    place: Option<Place>,
    others: Vec<(&'static str, String)>,
}

/// A page, and the places beside it.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    previous: Option<Place>,
    next: Option<Place>,
}

pub(super) fn place(id: &JobId, record: &Record) -> Place {
    (record.requested.as_nanosecond(), id.clone())
}

impl Parameters {
    pub(super) fn read(query: &Form) -> Result<Self, HttpError> {
        let expected_state = || format!("one of {}", STATES.join(", "));
        let state = query.value("state").map(|raw| {
            let known = STATES.into_iter().find(|state| *state == raw);
            known.ok_or_else(|| bad("state", raw, &expected_state()))
        });
        let per_page = query.value("per_page").map_or(Ok(DEFAULT_PER_PAGE), |raw| {
            let number = raw.parse().ok().filter(|_| raw.bytes().all(|byte| byte.is_ascii_digit()));
            let number = number.filter(|number| (1..=MAX_PER_PAGE).contains(number));
            number.ok_or_else(|| bad("per_page", raw, &format!("a whole number from 1 to {MAX_PER_PAGE}")))
        });
        let cursor = query.value("cursor").map(|raw| {
            let cursor = cursor(raw);
            cursor.ok_or_else(|| bad("cursor", raw, "one of the addresses in the header Link of a page"))
        });
        let (is_forward, place) = cursor.transpose()?.unwrap_or((true, None));
        let others = ["state", "per_page"];
        let others = others.into_iter().filter_map(|name| Some((name, query.value(name)?.to_owned())));
        Ok(Self {
            state: state.transpose()?,
            per_page: per_page?,
            is_forward,
            place,
            others: others.collect(),
        })
    }

    /// The page of a list with places, which need not be sorted.
    pub(super) fn page<T>(&self, mut list: Vec<(Place, T)>) -> Page<T> {
        list.sort_by(|(one, _), (other, _)| other.cmp(one));
        let at = |place: &Place| list.partition_point(|(other, _)| other > place);
        let (from, to) = match (&self.place, self.is_forward) {
            (None, true) => (0, self.per_page),
            (None, false) => (list.len().saturating_sub(self.per_page), list.len()),
            (Some(place), true) => {
                let at = at(place);
                let from = at + usize::from(list.get(at).is_some_and(|(other, _)| other == place));
                (from, from.saturating_add(self.per_page))
            }
            (Some(place), false) => (at(place).saturating_sub(self.per_page), at(place)),
        };
        let to = to.min(list.len());
        let place_at = |at: usize| list.get(at).map(|(place, _)| place.clone());
        let previous = if from > 0 { place_at(from).or_else(|| place_at(list.len() - 1)) } else { None };
        let next = if to < list.len() && to > 0 { place_at(to - 1) } else { None };
        let items = list.drain(..to).skip(from).map(|(_, item)| item).collect();
        Page { items, previous, next }
    }

    /// The header `Link` of a page (RFC 8288).
    pub(super) fn links<T>(&self, page: &Page<T>, prefix: &str) -> String {
        let cursor = |side: &str, (time, id): &Place| format!("{side}:{time}/{id}");
        let links = [
            ("next", page.next.as_ref().map(|place| cursor("after", place))),
            ("prev", page.previous.as_ref().map(|place| cursor("before", place))),
            ("first", Some("after:".to_owned())),
            ("last", Some("before:".to_owned())),
        ];
        let link = |(rel, cursor): (&str, Option<String>)| {
            let cursor = cursor?;
            let others = self.others.iter().map(|(name, value)| (*name, value.as_str()));
            let pairs: Vec<(&str, &str)> = others.chain([("cursor", cursor.as_str())]).collect();
            let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
            Some(format!("<{prefix}/jobs?{query}>; rel=\"{rel}\""))
        };
        links.into_iter().filter_map(link).collect::<Vec<_>>().join(", ")
    }
}

fn cursor(raw: &str) -> Option<(bool, Option<Place>)> {
    let (side, place) = raw.split_once(':')?;
    let is_forward = match side {
        "after" => true,
        "before" => false,
        _ => return None,
    };
    if place.is_empty() {
        return Some((is_forward, None));
    }
    let (time, id) = place.split_once('/')?;
    let is_time = (1..=20).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let time = time.parse().ok().filter(|_| is_time)?;
    Some((is_forward, Some((time, JobId::parse(id)?))))
}

fn bad(name: &str, raw: &str, expected: &str) -> HttpError {
    HttpError::BadRequest(format!("{name} is {}: send {expected}.", Untrusted(raw).quoted(MAX_QUOTED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> JobId {
        JobId::parse(&digit.to_string().repeat(32)).expect("an id")
    }

    fn list() -> Vec<(Place, char)> {
        ['b', 'd', 'a', 'e', 'c']
            .into_iter()
            .map(|name| ((i128::from(u32::from(name)), id(name)), name))
            .collect()
    }

    /// The items of a page, and the cursor of a relation.
    fn page(query: &str, rel: &str) -> (String, Option<String>) {
        let parameters = Parameters::read(&Form::of_query(query.as_bytes())).expect("a valid query");
        let page = parameters.page(list());
        let links = parameters.links(&page, "/ml");
        let link = links.split(", ").find(|link| link.ends_with(&format!("rel=\"{rel}\"")));
        let query = link.map(|link| link.split(['?', '>']).nth(1).expect("a query").to_owned());
        (page.items.into_iter().collect(), query)
    }

    #[test]
    fn the_links_lead_through_all_pages_in_both_directions() {
        let (first, next) = page("per_page=2", "next");
        assert_eq!(first, "ed");
        let (second, next) = page(&next.expect("another page"), "next");
        assert_eq!(second, "cb");
        let (third, none) = page(next.as_deref().expect("another page"), "next");
        assert_eq!((third.as_str(), none), ("a", None));
        let (_, previous) = page(next.as_deref().expect("another page"), "prev");
        let (second, previous) = page(&previous.expect("another page"), "prev");
        assert_eq!(second, "cb");
        assert_eq!(page(&previous.expect("another page"), "prev"), ("ed".to_owned(), None));
        assert_eq!(page("per_page=2&cursor=before:", "next"), ("ba".to_owned(), None));
    }

    #[test]
    fn the_place_of_a_job_that_is_gone_is_still_one() {
        let cursor = format!("cursor=after:{}/{}", u32::from('c'), id('f'));
        assert_eq!(page(&cursor, "next").0, "cba");
    }

    #[rstest::rstest]
    fn refuses_what_is_no_parameter(
        #[values(
            "cursor=after",
            "cursor=after:1/x",
            "cursor=x:",
            "per_page=0",
            "per_page=201",
            "state=lost"
        )]
        query: &str,
    ) {
        assert!(Parameters::read(&Form::of_query(query.as_bytes())).is_err(), "{query}");
    }
}
