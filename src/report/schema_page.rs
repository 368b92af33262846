//! The schema of `report.json`: docs/report.schema.json, and the tables of docs/report.md. Both are generated from the types that
//! are written.
//!
//! Owns their form. Must not know what a field means: its doc comment says it.

use std::fmt::Write as _;
use std::{env, fs};

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::report_json::Document;

const REGENERATE: &str = "REGENERATE=1 cargo test -p moodle-mlbackend --lib schema_page";
const BEGIN: &str =
    "<!-- The tables are generated: REGENERATE=1 cargo test -p moodle-mlbackend --lib schema_page -->\n";
const END: &str = "<!-- End of the generated tables. -->\n";

/// The JSON Schema (2020-12).
fn schema() -> Value {
    let mut parts = Vec::new();
    Document::schemas(&mut parts);
    let definitions: Map<String, Value> =
        parts.into_iter().map(|(name, part)| (name, serde_json::to_value(part).expect("a schema"))).collect();
    let document = serde_json::to_value(Document::schema()).expect("a schema");
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "report.json of moodle-mlbackend",
    });
    let object = all.as_object_mut().expect("an object");
    object.extend(document.as_object().expect("an object").clone());
    object.insert("$defs".to_owned(), Value::Object(definitions));
    // What the doc comments say to readers of the code.
    let text = all
        .to_string()
        .replace("#/components/schemas/", "#/$defs/")
        .replace("`None`", "`null`")
        .replace(" Reports are written with these field names.", "")
        .replace(" Reports are written with these\\nfield names.", "");
    serde_json::from_str(&text).expect("still JSON")
}

/// One table for each object, the document first.
fn tables(schema: &Value) -> String {
    let mut text = table("The document", schema);
    for (name, part) in schema["$defs"].as_object().into_iter().flatten() {
        text += &table(name, part);
    }
    text
}

fn table(name: &str, part: &Value) -> String {
    let mut text = format!("\n### {name}\n\n");
    if let Some(description) = part["description"].as_str() {
        let _ = writeln!(text, "{}\n", one_line(description));
    }
    text += "| field | type | meaning |\n|---|---|---|\n";
    for (field, value) in part["properties"].as_object().into_iter().flatten() {
        let meaning = one_line(description(value).unwrap_or_default());
        let _ = writeln!(text, "| `{field}` | {} | {meaning} |", kind(value));
    }
    text
}

/// The description of a field: beside its type, or within the alternatives of a field that can be null.
fn description(value: &Value) -> Option<&str> {
    let mut alternatives = value["oneOf"].as_array().into_iter().flatten();
    value["description"].as_str().or_else(|| alternatives.find_map(|one| one["description"].as_str()))
}

/// Text of a doc comment in a table.
fn one_line(description: &str) -> String {
    description.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A type in words.
fn kind(value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let alternatives = value["oneOf"].as_array().or_else(|| value["anyOf"].as_array());
    if let Some(alternatives) = alternatives {
        return alternatives.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &value["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&value["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ").replace("array", "list")
        }
        _ => "any".to_owned(),
    }
}

fn page(committed: &str, tables: &str) -> Option<String> {
    let (before, rest) = committed.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}\n{END}{after}"))
}

#[test]
#[allow(clippy::disallowed_methods, reason = "this test reads the documentation")]
fn the_schema_and_the_tables_are_those_of_the_types() {
    let schema = schema();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    let (json, markdown) = (format!("{docs}/report.schema.json"), format!("{docs}/report.md"));
    let before = fs::read_to_string(&markdown).expect("docs/report.md");
    let written = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    let text = page(&before, &tables(&schema)).expect("the marks of the tables");
    if env::var_os("REGENERATE").is_some() {
        fs::write(&json, &written).expect("written");
        fs::write(&markdown, &text).expect("written");
    }
    let committed = fs::read_to_string(&json).unwrap_or_default();
    assert!(committed == written, "docs/report.schema.json differs: run {REGENERATE}");
    assert!(
        fs::read_to_string(&markdown).expect("docs/report.md") == text,
        "docs/report.md differs: run {REGENERATE}"
    );
}

#[test]
fn every_field_has_a_description() {
    let schema = schema();
    let parts = schema["$defs"].as_object().expect("definitions").values().chain([&schema]);
    for (field, value) in parts.flat_map(|part| part["properties"].as_object().into_iter().flatten()) {
        assert!(description(value).is_some(), "{field}: {value}");
    }
}
