//! The parameters of a list of models, and the addresses of its other pages.
//!
//! A cursor is readable text, `after:VALUE:ID/DIRHASH` or `before:…`, and every text of this form is valid. Must not know how
//! a page is found.

use crate::backend::{Cursor, Direction, ModelOrigin, Page, Place, Sort, SortBy};
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::store::{DirHash, ModelId};
use crate::text::Untrusted;

/// The models on a page, unless a request has another number.
const DEFAULT_PER_PAGE: usize = 50;
/// The maximum number of models on a page.
const MAX_PER_PAGE: usize = 200;

/// The characters of a value that an error repeats.
const MAX_QUOTED: usize = 40;

/// What the parameters of a list request.
pub(in crate::http) struct Parameters {
    /// The beginning of the `uniqueid`.
    pub(super) id_prefix: String,
    pub(super) dir: Option<DirHash>,
    pub(super) origin: Option<ModelOrigin>,
    pub(in crate::http) sort: Sort,
    pub(in crate::http) cursor: Cursor,
    pub(super) per_page: usize,
    /// All but the cursor, as they were sent.
    others: Vec<(&'static str, String)>,
}

impl Parameters {
    pub(in crate::http) fn read(query: &Form) -> Result<Self, HttpError> {
        let value = |name: &'static str| query.value(name);
        let id_prefix = value("uniqueid").map(|raw| id("uniqueid", raw)).transpose()?.unwrap_or_default();
        let dir =
            value("dirhash").map(|raw| Ok::<_, HttpError>(DirHash::new("dirhash", id("dirhash", raw)?)?));
        let names = ["user", "uniqueid", "dirhash", "origin", "sort", "per_page"];
        let others = names.iter().filter_map(|name| Some((*name, value(name)?.to_owned()))).collect();
        Ok(Self {
            id_prefix: id_prefix.to_owned(),
            dir: dir.transpose()?,
            origin: value("origin").map(origin).transpose()?,
            sort: value("sort").map_or(Ok(Sort { by: SortBy::Id, descending: false }), sort)?,
            cursor: value("cursor")
                .map_or(Ok(Cursor { direction: Direction::After, place: None }), cursor)?,
            per_page: value("per_page").map_or(Ok(DEFAULT_PER_PAGE), per_page)?,
            others,
        })
    }

    /// The header `Link` of a page (RFC 8288). `prefix` is the path below which a proxy publishes the server; `id` turns an
    /// id on the disk into that of a cursor.
    pub(super) fn links(&self, page: &Page, prefix: &str, id: impl Fn(&str) -> String) -> String {
        let Neighbours { previous, next } = neighbours(page, id);
        let links = [
            ("next", next),
            ("prev", previous),
            ("first", Some("after::".to_owned())),
            ("last", Some("before::".to_owned())),
        ];
        let link = |(rel, cursor): (&str, Option<String>)| {
            let mut pairs: Vec<(&str, &str)> =
                self.others.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let cursor = cursor?;
            pairs.push(("cursor", &cursor));
            let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
            Some(format!("<{prefix}/models?{query}>; rel=\"{rel}\""))
        };
        links.into_iter().filter_map(link).collect::<Vec<_>>().join(", ")
    }
}

/// The cursors of the pages beside a page, as far as they exist.
pub(in crate::http) struct Neighbours {
    pub(in crate::http) previous: Option<String>,
    pub(in crate::http) next: Option<String>,
}

/// The pages beside a page. `id` turns an id on the disk into that of a cursor.
pub(in crate::http) fn neighbours(page: &Page, id: impl Fn(&str) -> String) -> Neighbours {
    let cursor = |side: &str, place: &Place| {
        let value = place.value.map(|value| value.to_string()).unwrap_or_default();
        format!("{side}:{value}:{}/{}", id(&place.id), place.dir)
    };
    let first = page.models.first().filter(|_| page.has_previous);
    let last = page.models.last().filter(|_| page.has_next);
    let previous = match first {
        Some((place, _)) => Some(cursor("before", place)),
        // The page is beyond the end of the list.
        None => page.has_previous.then(|| "before::".to_owned()),
    };
    let next = match last {
        Some((place, _)) => Some(cursor("after", place)),
        None => page.has_next.then(|| "after::".to_owned()),
    };
    Neighbours { previous, next }
}

fn id<'a>(name: &'static str, raw: &'a str) -> Result<&'a str, HttpError> {
    let is_id = ModelId::new(raw).is_ok_and(|id| id.as_str() == raw);
    if is_id { Ok(raw) } else { Err(bad(name, raw, "1 to 200 of the characters A-Z a-z 0-9 _ - $")) }
}

fn origin(raw: &str) -> Result<ModelOrigin, HttpError> {
    match raw {
        "trained" => Ok(ModelOrigin::Trained),
        "imported" => Ok(ModelOrigin::Imported),
        "python_server" => Ok(ModelOrigin::PythonServer),
        "none" => Ok(ModelOrigin::None),
        _ => Err(bad("origin", raw, "trained, imported, python_server or none")),
    }
}

fn sort(raw: &str) -> Result<Sort, HttpError> {
    let (descending, name) = raw.strip_prefix('-').map_or((false, raw), |name| (true, name));
    let by = match name {
        "id" => SortBy::Id,
        "trained" => SortBy::Trained,
        "samples" => SortBy::Samples,
        "score" => SortBy::Score,
        "size" => SortBy::Size,
        _ => {
            return Err(bad(
                "sort",
                raw,
                "id, trained, samples, score or size, with a - before it for the reverse order",
            ));
        }
    };
    Ok(Sort { by, descending })
}

fn per_page(raw: &str) -> Result<usize, HttpError> {
    let number = raw.parse().ok().filter(|_| raw.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.filter(|number| (1..=MAX_PER_PAGE).contains(number));
    number.ok_or_else(|| bad("per_page", raw, &format!("a whole number from 1 to {MAX_PER_PAGE}")))
}

/// Parses a cursor, whose ids are those of the list.
fn cursor(raw: &str) -> Result<Cursor, HttpError> {
    parse_cursor(raw).ok_or_else(|| bad("cursor", raw, "one of the addresses in the header Link of a page"))
}

fn parse_cursor(raw: &str) -> Option<Cursor> {
    let (side, rest) = raw.split_once(':')?;
    let direction = match side {
        "after" => Direction::After,
        "before" => Direction::Before,
        _ => return None,
    };
    let (value, place) = rest.split_once(':')?;
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_value = digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = if value.is_empty() { None } else { Some(value.parse().ok().filter(|_| is_value)?) };
    if place.is_empty() {
        return value.is_none().then_some(Cursor { direction, place: None });
    }
    let (id, dir) = place.split_once('/')?;
    let is_id = |text: &str| ModelId::new(text).is_ok_and(|id| id.as_str() == text);
    let place = Place { value, id: id.to_owned(), dir: dir.to_owned() };
    (is_id(id) && is_id(dir)).then_some(Cursor { direction, place: Some(place) })
}

fn bad(name: &str, raw: &str, expected: &str) -> HttpError {
    HttpError::BadRequest(format!("{name} is {}: send {expected}.", Untrusted(raw).quoted(MAX_QUOTED)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("after::", Direction::After, None, None)]
    #[case("before::", Direction::Before, None, None)]
    #[case("after::m/d", Direction::After, None, Some("m"))]
    #[case("before:-12:m_$-/d", Direction::Before, Some(-12), Some("m_$-"))]
    #[case("after:999999999999999999:m/d", Direction::After, Some(999_999_999_999_999_999), Some("m"))]
    fn reads_a_cursor(
        #[case] raw: &str,
        #[case] direction: Direction,
        #[case] value: Option<i64>,
        #[case] id: Option<&str>,
    ) {
        let cursor = parse_cursor(raw).expect("valid");
        assert_eq!(cursor.direction, direction);
        assert_eq!(cursor.place.as_ref().and_then(|place| place.value), value);
        assert_eq!(cursor.place.as_ref().map(|place| place.id.as_str()), id);
    }

    #[rstest]
    #[case("")]
    #[case("after")]
    #[case("after:")]
    #[case("behind::")]
    #[case("after:x:m/d")]
    #[case("after:-:m/d")]
    #[case("after:1:")]
    #[case("after:1234567890123456789:m/d")]
    #[case("after::m")]
    #[case("after::m/")]
    #[case("after::../d")]
    #[case("after::m/d/e")]
    fn refuses_what_is_no_cursor(#[case] raw: &str) {
        assert_eq!(parse_cursor(raw), None);
    }
}
