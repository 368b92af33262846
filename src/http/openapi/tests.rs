//! Tests of the document and its pages.

use std::env;
use std::fs;

use serde_json::Value;

use super::reader::Api;
use super::{document, html, markdown, served};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");

fn json(prefix: &str) -> Value {
    serde_json::to_value(document(prefix)).expect("JSON")
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it is a file of the source tree")]
fn the_page_of_the_documentation_matches_the_document() {
    let text = markdown::page(&Api::read(&document("")));
    if env::var_os("REGENERATE").is_some() {
        fs::write(PAGE, &text).expect("the file is writable");
    }
    let committed = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(committed == text, "docs/api.md differs: run REGENERATE=1 cargo test --lib openapi");
}

#[test]
fn every_route_has_a_summary_and_every_field_a_description() {
    let api = Api::read(&document(""));
    let routes: Vec<_> = api.tags.iter().flat_map(|tag| &tag.routes).collect();
    assert_eq!(routes.len(), 23);
    for route in &routes {
        assert!(!route.summary.is_empty(), "{}", route.path);
        let fields = route.parameters.iter().chain(route.body.iter().flat_map(|(_, fields)| fields));
        fields.for_each(|field| assert!(!field.description.is_empty(), "{} {}", route.path, field.name));
        route
            .responses
            .iter()
            .for_each(|response| assert!(!response.description.is_empty(), "{}", route.path));
    }
    for schema in &api.schemas {
        for field in &schema.fields {
            let described = !field.description.is_empty() || field.kind.starts_with(char::is_uppercase);
            assert!(described && !field.kind.is_empty(), "{} {}", schema.name, field.name);
        }
    }
}

#[test]
fn the_address_of_the_server_is_the_prefix() {
    assert_eq!(json("")["servers"][0]["url"], "/");
    assert_eq!(json("/moodle/ml")["servers"][0]["url"], "/moodle/ml");
    assert_eq!(json("")["openapi"], "3.1.0");
}

#[test]
fn the_page_has_no_script_and_no_style_but_its_own() {
    let page = String::from_utf8(served("").page.to_vec()).expect("text");
    for part in ["<script", "javascript:", " style=", " onclick", "http://", "<img", "<link"] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<style>").count(), 1);
    assert!(html::policy().starts_with("default-src 'none'; style-src 'sha256-"), "{}", html::policy());
    // References within the page lead to something.
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}
