//! docs/api.md, rendered from the document.
//!
//! Must not know a particular route.

use std::fmt::Write as _;

use super::reader::{Api, Field, Route, Schema};
use crate::http::problem::KINDS;

const INTRODUCTION: &str = "\
# API

This page is generated from the program's OpenAPI document, which a server has at `/openapi.json`; `/docs` shows it as a page.
Do not edit it: change the doc comments in `src/http/` and run `REGENERATE=1 cargo test --lib openapi`.
";

/// The page.
pub(super) fn page(api: &Api) -> String {
    let mut page = format!("{INTRODUCTION}\n{}\n", api.description);
    for tag in &api.tags {
        let _ = write!(page, "\n## {}\n\n{}\n", tag.name, tag.description);
        tag.routes.iter().for_each(|route| self::route(&mut page, route));
    }
    page.push_str("\n## Shapes\n");
    api.schemas.iter().for_each(|schema| self::schema(&mut page, schema));
    page.push_str("\n## Kinds of problems\n\n| type | title | remedy |\n|---|---|---|\n");
    for kind in KINDS {
        let _ = writeln!(page, "| `/docs#{}` | {} | {} |", kind.name, kind.title, kind.remedy);
    }
    page
}

fn route(page: &mut String, route: &Route) {
    let _ = write!(page, "\n### {} {}\n\n{}.", route.method, route.path, route.summary);
    if !route.description.is_empty() {
        let _ = write!(page, "\n\n{}", route.description);
    }
    page.push('\n');
    if !route.needs_credentials {
        page.push_str("\nNeeds no credentials.\n");
    }
    if !route.parameters.is_empty() {
        fields(page, "parameter", &route.parameters);
    }
    if let Some((media, of_body)) = &route.body {
        fields(page, &format!("field of the body (`{media}`)"), of_body);
    }
    page.push_str("\n| status | body | meaning |\n|---|---|---|\n");
    for response in &route.responses {
        let content: Vec<String> = response.content.iter().map(|content| format!("`{content}`")).collect();
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            response.status,
            content.join(", "),
            cell(&response.description)
        );
    }
}

fn schema(page: &mut String, schema: &Schema) {
    let _ = write!(page, "\n### {}\n\n{}\n", schema.name, schema.description);
    if schema.fields.is_empty() {
        let _ = write!(page, "\n{}\n", schema.kind);
    } else {
        fields(page, "field", &schema.fields);
    }
    if let Some(example) = &schema.example {
        let _ = write!(page, "\n```json\n{example}\n```\n");
    }
}

fn fields(page: &mut String, heading: &str, fields: &[Field]) {
    let _ = write!(page, "\n| {heading} | type | description |\n|---|---|---|\n");
    for field in fields {
        let place = if field.place.is_empty() { String::new() } else { format!(" ({})", field.place) };
        let optional = if field.required { "" } else { ", optional" };
        let _ = writeln!(
            page,
            "| `{}`{place}{optional} | {} | {} |",
            field.name,
            cell(&field.kind),
            cell(&field.description)
        );
    }
}

/// A text in one line of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
