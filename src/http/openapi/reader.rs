//! The document as the pages need it: routes by tag, and tables of names, types and descriptions.
//!
//! Owns the reading of the document: its JSON, in the order of the routes and fields in the source, which JSON objects lose
//! when they are parsed. Must not know how a page is rendered.

use serde_json::{Map, Value};
use utoipa::openapi::{OpenApi, RefOr, Schema as OpenApiSchema};

/// What a page shows.
pub(super) struct Api {
    pub(super) title: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) tags: Vec<Tag>,
    pub(super) schemas: Vec<Schema>,
}

/// The routes of one kind.
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) routes: Vec<Route>,
}

pub(super) struct Route {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) needs_credentials: bool,
    pub(super) parameters: Vec<Field>,
    /// The media type of the body and its fields.
    pub(super) body: Option<(String, Vec<Field>)>,
    pub(super) responses: Vec<Response>,
}

/// A parameter, a field of a form or of a JSON object.
pub(super) struct Field {
    pub(super) name: String,
    /// `query`, `path`, or empty.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) kind: String,
    pub(super) description: String,
}

pub(super) struct Response {
    pub(super) status: String,
    pub(super) description: String,
    /// The media types with their schemas.
    pub(super) content: Vec<String>,
}

/// The shape of a JSON object, or the values of an enumeration.
pub(super) struct Schema {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: String,
    pub(super) fields: Vec<Field>,
    pub(super) example: Option<String>,
}

impl Api {
    /// Reads a document.
    pub(super) fn read(document: &OpenApi) -> Self {
        let source = Source { api: document, json: serde_json::to_value(document).unwrap_or_default() };
        let document = &source.json;
        let info = &document["info"];
        let tags = document["tags"].as_array().into_iter().flatten().map(|tag| {
            let name = text(tag, "name");
            Tag { routes: routes(&source, &name), description: text(tag, "description"), name }
        });
        let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
        Self {
            title: text(info, "title"),
            version: text(info, "version"),
            description: text(info, "description"),
            tags: tags.collect(),
            schemas: schemas
                .filter(|(name, _)| !is_form(document, name))
                .map(|(name, schema)| self::schema(&source, name, schema))
                .collect(),
        }
    }
}

/// A document in both forms.
struct Source<'a> {
    api: &'a OpenApi,
    json: Value,
}

impl Source<'_> {
    /// The names of an object's fields, in order.
    fn field_names(&self, schema: &str) -> Vec<String> {
        let schemas = self.api.components.as_ref().map(|components| &components.schemas);
        match schemas.and_then(|schemas| schemas.get(schema)) {
            Some(RefOr::T(OpenApiSchema::Object(object))) => object.properties.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

fn routes(source: &Source<'_>, tag: &str) -> Vec<Route> {
    let mut routes = Vec::new();
    for path in source.api.paths.paths.keys() {
        for (method, operation) in source.json["paths"][path].as_object().into_iter().flatten() {
            if operation["tags"][0] == tag {
                routes.push(route(source, method, path, operation));
            }
        }
    }
    routes
}

fn route(source: &Source<'_>, method: &str, path: &str, operation: &Value) -> Route {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let responses = operation["responses"].as_object().into_iter().flatten();
    let body = operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
    Route {
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(operation, "summary"),
        description: text(operation, "description"),
        needs_credentials: operation["security"].as_array().is_some_and(|security| !security.is_empty()),
        parameters: parameters
            .map(|parameter| Field {
                name: text(parameter, "name"),
                place: text(parameter, "in"),
                required: parameter["required"] == true,
                kind: kind(&parameter["schema"]),
                description: text(parameter, "description"),
            })
            .collect(),
        body: body.map(|(media, body)| (media.clone(), fields(source, &body["schema"]))),
        responses: responses
            .map(|(status, response)| Response {
                status: status.clone(),
                description: text(response, "description"),
                content: content(response),
            })
            .collect(),
    }
}

fn content(response: &Value) -> Vec<String> {
    let content = response["content"].as_object().into_iter().flatten();
    content
        .map(|(media, content)| match reference(&content["schema"]) {
            Some(name) => format!("{media}: {name}"),
            None => media.clone(),
        })
        .collect()
}

fn schema(source: &Source<'_>, name: &str, schema: &Value) -> Schema {
    Schema {
        name: name.to_owned(),
        description: text(schema, "description"),
        kind: kind(schema),
        fields: named_fields(source, schema, &source.field_names(name)),
        example: schema.get("example").and_then(|example| serde_json::to_string_pretty(example).ok()),
    }
}

/// The fields of an object that a reference names.
fn fields(source: &Source<'_>, schema: &Value) -> Vec<Field> {
    match reference(schema) {
        Some(name) => {
            named_fields(source, &source.json["components"]["schemas"][name], &source.field_names(name))
        }
        None => named_fields(source, schema, &[]),
    }
}

/// The fields of an object, also of one that is put together. Those in `order` come first.
fn named_fields(source: &Source<'_>, schema: &Value, order: &[String]) -> Vec<Field> {
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().flat_map(|part| fields(source, part)).collect();
    }
    let required =
        |name: &str| schema["required"].as_array().into_iter().flatten().any(|known| known == name);
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut fields: Vec<Field> = properties
        .map(|(name, property)| Field {
            name: name.clone(),
            place: String::new(),
            required: required(name),
            kind: kind(property),
            description: text(property, "description"),
        })
        .collect();
    fields.sort_by_key(|field| order.iter().position(|name| *name == field.name).unwrap_or(usize::MAX));
    fields
}

/// Forms are shown with their routes.
fn is_form(document: &Value, name: &str) -> bool {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let mut bodies = operations.filter_map(|(_, operation)| operation["requestBody"]["content"].as_object());
    bodies.any(|content| content.values().any(|body| reference(&body["schema"]) == Some(name)))
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The type of a value in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return name.to_owned();
    }
    if let Some(parts) = schema["oneOf"].as_array() {
        return parts.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let item = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        name => name.to_owned(),
    };
    let mut text = types.into_iter().map(item).collect::<Vec<_>>().join(" or ");
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        text = format!("one of {}", values.join(", "));
    }
    text + &limits(schema.as_object())
}

fn limits(schema: Option<&Map<String, Value>>) -> String {
    let Some(schema) = schema else { return String::new() };
    let limit = |key: &str, words: &str| schema.get(key).map(|value| format!("{words} {value}"));
    let format = schema.get("format").and_then(Value::as_str);
    let format = format.filter(|format| ["date-time", "binary"].contains(format));
    let all = [
        format.map(|format| if format == "binary" { "file".to_owned() } else { format.to_owned() }),
        limit("minimum", "from"),
        limit("maximum", "to"),
        limit("maxLength", "at most").map(|text| format!("{text} characters")),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(" ")) }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
