//! `GET /dashboard/models`: a page of the models, sorted and searched.
//!
//! A page begins beside a model and not at a number, as in `GET /models`. Must not know how a page is found.

use actix_web::{HttpResponse, Resource, web};
use maud::{Markup, html};

use crate::backend::{self, ListQuery, ModelOrigin, Page, SortBy, Summary};
use crate::http::dashboard::activity::shortened;
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::layout::{Section, foreign, moment, page, scrolling};
use crate::http::dashboard::routing::{page as route, protected};
use crate::http::dashboard::texts::{Texts, count};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::routes::models::list::Names;
use crate::http::routes::models::query::{Neighbours, Parameters, neighbours};
use crate::http::state::AppState;
use crate::report::words;
use crate::store::{GenerationInfo, ModelDir, Store};

/// The models on a page.
const PER_PAGE: usize = 25;
/// A longer search finds nothing that a shorter one does not.
const MAX_SEARCH: usize = 200;

pub(in crate::http::dashboard) fn service() -> Resource {
    route("/models", protected(Access::Everyone, models))
}

/// A model of the page.
struct Row {
    name: ModelName,
    model: Summary,
}

/// What the page shows.
struct Listed {
    rows: Vec<Row>,
    neighbours: Neighbours,
    /// All models that the user sees.
    total: usize,
}

async fn models(state: web::Data<AppState>, visit: Visit) -> Result<HttpResponse, HttpError> {
    let account = visit.account()?;
    let (names, sees_owners) = (Names::of_account(&state, account)?, account.sees_owners());
    let parameters = Parameters::read(&visit.query)?;
    let search = visit.query.value("q").unwrap_or_default().trim();
    let search: String = search.chars().take(MAX_SEARCH).collect::<String>().to_lowercase();
    let store = state.store.clone();
    let (sort, wanted) = (parameters.sort, search.clone());
    let list = move || {
        let mut cursor = parameters.cursor.clone();
        if let Some(place) = &mut cursor.place {
            place.id = names.on_disk(&place.id);
        }
        let has_id = |id: &str| names.of(id).is_some();
        let matches = |model: &Summary| {
            is_shown(&store, model) && (wanted.is_empty() || is_found(model, &names, &wanted))
        };
        let query = ListQuery {
            has_id: &has_id,
            dir: None,
            origin: None,
            matches: &matches,
            sort,
            cursor,
            limit: PER_PAGE,
        };
        let page = backend::list(&store, &query)?;
        let total = backend::count_models(&store, has_id)?;
        let neighbours = neighbours(&page, |id| names.in_cursor(id));
        Ok::<_, HttpError>(Listed { rows: rows(page, &names, sees_owners), neighbours, total })
    };
    let listed = state.jobs.quick.run(list).await??;
    let texts = visit.texts;
    let title = texts.text("nav-models");
    let content = html! {
        div class="head" {
            h1 { (title) }
            p class="small" { (texts.text_with("models-count", &[("count", count(listed.total))])) }
        }
        (search_form(&visit, &search))
        section class="card" {
            @if listed.rows.is_empty() {
                p class="empty" { (texts.text(if search.is_empty() { "models-none" } else { "models-not-found" })) }
            } @else {
                (table(&visit, &listed, sort.by, sort.descending))
            }
            (pages(&visit, &listed.neighbours))
        }
    };
    Ok(page(&visit, Section::Models, &title, &content))
}

/// Whether a model has a row. Moodle evaluates under another dirhash than it trains, so that evaluations alone are part of the
/// row of their model, if there is one.
fn is_shown(store: &Store, model: &Summary) -> bool {
    let has_model = |dir: &ModelDir| !matches!(dir.current_info(), Ok(None)) || dir.has_python_server_files();
    model.origin != ModelOrigin::None
        || !store.model_dirs_of(&model.id).is_ok_and(|dirs| dirs.iter().any(|(_, dir)| has_model(dir)))
}

/// Whether the id, the owner, the target or the time splitting of a model contains a text.
fn is_found(model: &Summary, names: &Names, wanted: &str) -> bool {
    let contains = |text: &str| text.to_lowercase().contains(wanted);
    let named = names.of(model.id.as_str());
    let fact = |fact| model.current.as_ref().and_then(|current| current.text(fact));
    let of_fact = |name: &str| contains(name) || contains(&words(name));
    named.is_some_and(|(owner, name)| contains(owner) || contains(name))
        || contains(model.dir.as_str())
        || fact("target").is_some_and(of_fact)
        || fact("time_splitting").is_some_and(of_fact)
}

fn rows(page: Page, names: &Names, sees_owners: bool) -> Vec<Row> {
    let row = |(_, model): (_, Summary)| {
        let (owner, id) = names.of(model.id.as_str())?;
        let user = sees_owners.then(|| owner.to_owned());
        let name = ModelName { id: id.to_owned(), dir: model.dir.as_str().to_owned(), user };
        Some(Row { name, model })
    };
    page.models.into_iter().filter_map(row).collect()
}

fn search_form(visit: &Visit, search: &str) -> Markup {
    let texts = visit.texts;
    html! {
        form class="search" method="get" action=(visit.addresses.of("/dashboard/models")) role="search" {
            label class="unseen" for="q" { (texts.text("models-search-label")) }
            input type="search" id="q" name="q" value=(search) placeholder=(texts.text("models-search-label"));
            @if let Some(sort) = visit.query.value("sort") { input type="hidden" name="sort" value=(sort); }
            button class="quiet" type="submit" { (texts.text("models-search")) }
        }
    }
}

fn table(visit: &Visit, listed: &Listed, by: SortBy, descending: bool) -> Markup {
    let texts = visit.texts;
    let has_users = listed.rows.iter().any(|row| row.name.user.is_some());
    let head = |column: SortBy, name: &'static str, key: &'static str, class: &'static str| {
        let is_current = by == column;
        let sorted = if descending { "descending" } else { "ascending" };
        // The first click shows the newest, the largest or the best.
        let starts_descending = column != SortBy::Id;
        let reverse = if is_current { !descending } else { starts_descending };
        let sort = if reverse { format!("-{name}") } else { name.to_owned() };
        let address = address(visit, &[("sort", &sort)]);
        let arrow = match (is_current, descending) {
            (true, true) => " ↓",
            (true, false) => " ↑",
            _ => "",
        };
        html! {
            th scope="col" class=(class) aria-sort=[is_current.then_some(sorted)] {
                a href=(address) { (texts.text(key)) span aria-hidden="true" { (arrow) } }
            }
        }
    };
    let table = html! {
        table {
            thead { tr {
                (head(SortBy::Id, "id", "column-model", ""))
                @if has_users { th scope="col" { (texts.text("column-user")) } }
                (head(SortBy::Trained, "trained", "column-trained", ""))
                (head(SortBy::Samples, "samples", "column-samples", "number"))
                (head(SortBy::Score, "score", "column-score", "number"))
                (head(SortBy::Size, "size", "column-size", "number"))
            } }
            tbody { @for row in &listed.rows { (model_row(visit, row, has_users)) } }
        }
    };
    scrolling(&texts.text("nav-models"), &table)
}

fn model_row(visit: &Visit, Row { name, model }: &Row, has_users: bool) -> Markup {
    let texts = visit.texts;
    let current = model.current.as_ref();
    let score = model.evaluation.as_ref().and_then(|evaluation| evaluation.result.as_ref()?.score);
    html! {
        tr {
            th scope="row" {
                a href=(visit.addresses.model(name, "")) { (foreign(&title(model, name))) }
                " " (origin(texts, model))
                code class="id stack" title=(format!("{}/{}", name.id, name.dir)) {
                    (foreign(&shortened(&name.id))) "/" (foreign(&shortened(&name.dir)))
                }
            }
            @if has_users { td { (foreign(name.user.as_deref().unwrap_or_default())) } }
            td class="keep" { @if let Some(current) = current { (moment(texts, &current.created_at)) } @else { "–" } }
            td class="number" { (figure(current.and_then(GenerationInfo::sample_count).map(|count| texts.whole(count)))) }
            td class="number" { (figure(score.map(|score| texts.number(score, 3)))) }
            td class="number" { (texts.size(model.bytes)) }
        }
    }
}

fn figure(text: Option<String>) -> Markup {
    html! { (text.unwrap_or_else(|| "–".to_owned())) }
}

/// The target in words, or the id if the target is not known.
pub(in crate::http::dashboard) fn title(model: &Summary, name: &ModelName) -> String {
    match model.current.as_ref().and_then(|current| current.text("target")) {
        Some(target) => words(target),
        None => shortened(&name.id),
    }
}

/// A mark of models that were not trained here, or cannot be used.
pub(in crate::http::dashboard) fn origin(texts: Texts, model: &Summary) -> Markup {
    let badge = |class: &str, key| html! { span class={"badge " (class)} { (texts.text(key)) } };
    if model.problem.is_some() {
        return badge("bad", "origin-problem");
    }
    match model.origin {
        ModelOrigin::Trained => html! {},
        ModelOrigin::Imported => badge("", "origin-imported"),
        ModelOrigin::PythonServer => badge("", "origin-python-server"),
        ModelOrigin::None => badge("", "origin-none"),
    }
}

/// The address of a page with the same search and order, apart from `changes`.
fn address(visit: &Visit, changes: &[(&str, &str)]) -> String {
    let kept = ["q", "sort"].into_iter().filter(|name| changes.iter().all(|(changed, _)| changed != name));
    let kept = kept.filter_map(|name| Some((name, visit.query.value(name)?)));
    let parameters: Vec<(&str, &str)> = kept.chain(changes.iter().copied()).collect();
    visit.addresses.with_query("/dashboard/models", &parameters)
}

fn pages(visit: &Visit, neighbours: &Neighbours) -> Markup {
    let texts = visit.texts;
    let link = |cursor: &str, key, rel| html! { a class="button quiet small" rel=(rel) href=(address(visit, &[("cursor", cursor)])) { (texts.text(key)) } };
    html! {
        @if neighbours.previous.is_some() || neighbours.next.is_some() {
            nav class="pages" aria-label=(texts.text("pages-label")) {
                span { @if let Some(cursor) = &neighbours.previous { (link(cursor, "pages-previous", "prev")) } }
                span { @if let Some(cursor) = &neighbours.next { (link(cursor, "pages-next", "next")) } }
            }
        }
    }
}
