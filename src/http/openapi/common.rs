//! What all routes of a kind have in common: credentials, headers and the responses to errors.
//!
//! Must not know a particular route, apart from those that need no credentials.

use utoipa::Modify;
use utoipa::openapi::encoding::EncodingBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema,
    SecurityRequirement, Type,
};

/// The tag of Moodle's routes.
const MOODLE: &str = "Moodle";
/// The tags of the other routes with problem details: those about stored models and asynchronous jobs.
const WITH_PROBLEMS: [&str; 2] = ["Models", "Jobs"];

const SCHEME: &str = "basic";

/// The responses to errors that each route with credentials may have.
const OF_CREDENTIALS: [(u16, &str); 5] = [
    (401, "The credentials are missing or wrong."),
    (403, "The user's role does not permit this."),
    (405, "The address exists, but not with this method; the header Allow has those that it accepts."),
    (429, "Too many logins with a wrong password (MOODLE_MLBACKEND_LOGIN_FAILURES)."),
    (500, "The server has no users, or failed: the body has the id of the request in its log."),
];
/// Those of all routes.
const OF_HEADS: [(u16, &str); 2] = [
    (414, "The request line is longer than 16 KiB."),
    (431, "There are more than 64 headers, or more than 64 KiB of them."),
];
/// Those of Moodle's routes.
const OF_MOODLE: [(u16, &str); 5] = [
    (
        400,
        "A parameter, a dataset or an archive cannot be used; the sentence names line and column of a dataset.",
    ),
    (404, "An admin named a user that does not exist (`user`)."),
    (
        408,
        "The body stopped or was too slow (MOODLE_MLBACKEND_STALL_SECONDS, MOODLE_MLBACKEND_SLOWEST_BYTES).",
    ),
    (
        413,
        "The upload or a field of the form is larger than the limit, which the sentence names with its setting.",
    ),
    (415, "The body has a Content-Encoding."),
];
/// A missing parameter has the status of the Python server, which Moodle's checks expect.
const MISSING: &str = "A parameter is missing (`The requested key uniqueid is not available.`), the server has no users, the \
                       stored model cannot be used, or the server failed: the sentence then has the id of the request in its \
                       log.";
const NO_SPACE: (u16, &str) = (
    507,
    "The server's disk is full, or the files of the user exceed MOODLE_MLBACKEND_MAX_DISK_PER_USER; nothing was changed.",
);
const BUSY: (u16, &str) =
    (503, "The server is busy or stopping; the header Retry-After says when to repeat the request.");

/// Adds these to the document.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert(SCHEME.to_owned(), scheme.into());
        if let Some(RefOr::T(Schema::AllOf(reply))) = components.schemas.get_mut("EvaluationReply")
            && let Some(figures) = reply.items.first_mut()
        {
            *figures = Ref::from_schema_name("EvaluationFigures").into();
        }
        // The figures of an evaluation are fields of its reply, and absent if nothing could be measured.
        if let Some(RefOr::T(Schema::Object(figures))) = components.schemas.get_mut("EvaluationFigures") {
            figures.required.clear();
        }
        for (path, item) in &mut document.paths.paths {
            let operations = [item.get.as_mut(), item.post.as_mut(), item.delete.as_mut()];
            operations.into_iter().flatten().for_each(|operation| describe(path, operation));
        }
    }
}

fn describe(path: &str, operation: &mut Operation) {
    let has_tag = |name: &str| operation.tags.iter().flatten().any(|tag| tag == name);
    let of_moodle = has_tag(MOODLE) && path != "/version";
    let has_problems = WITH_PROBLEMS.into_iter().any(has_tag);
    let is_protected = of_moodle || has_problems || path == "/metrics" || path.starts_with("/diagnostics/");
    let mut errors = OF_HEADS.to_vec();
    if of_moodle {
        errors.push((500, MISSING));
        errors.extend(OF_MOODLE);
        errors.push(NO_SPACE);
    }
    if is_protected {
        errors.extend(OF_CREDENTIALS);
        errors.push(BUSY);
    }
    name_the_files(operation);
    operation.security =
        Some(if is_protected { vec![SecurityRequirement::new(SCHEME, [""; 0])] } else { Vec::new() });
    let responses = &mut operation.responses.responses;
    for (status, description) in errors {
        // The first description is the most precise: that of the route itself.
        let response = || ResponseBuilder::new().description(description).build().into();
        responses.entry(status.to_string()).or_insert_with(response);
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        if status.as_str() >= "400" && response.content.is_empty() {
            *response = error(status, &response.description, has_problems);
        }
        let id = HeaderBuilder::new().schema(Some(string()));
        let id = id.description(Some("The id of the request in the server's log."));
        response.headers.insert("X-Request-Id".to_owned(), id.build().into());
    }
}

/// Says what the files of a form are.
fn name_the_files(operation: &mut Operation) {
    let Some(body) = &mut operation.request_body else { return };
    let RefOr::T(body) = body else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::Ref(form)) = &content.schema else { continue };
        let files = match form.ref_location.rsplit('/').next() {
            Some("TrainingForm" | "PredictionForm" | "EvaluationForm") => &[("dataset", "text/csv")][..],
            Some("ExplanationForm") => &[("dataset", "text/csv"), ("background", "text/csv")],
            Some("ImportForm") => &[("importzip", "application/zip")],
            _ => continue,
        };
        for (name, content_type) in files {
            let encoding = EncodingBuilder::new().content_type(Some(*content_type)).build();
            content.encoding.insert((*name).to_owned(), encoding);
        }
    }
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn error(status: &str, description: &str, problem: bool) -> Response {
    let content = ContentBuilder::new();
    let response = ResponseBuilder::new().description(description);
    let response = if problem {
        let schema = Some(Ref::from_schema_name("Problem"));
        response.content(crate::http::problem::CONTENT_TYPE, content.schema(schema).build())
    } else {
        response.content("text/plain", content.schema(Some(string())).build())
    };
    let header = |name: &str, text: &str| {
        (name.to_owned(), HeaderBuilder::new().schema(Some(string())).description(Some(text)).build())
    };
    let headers = match status {
        "401" => vec![header("WWW-Authenticate", "The challenge of HTTP Basic authentication.")],
        "405" => vec![header("Allow", "The methods that the address accepts.")],
        "429" | "503" => vec![header("Retry-After", "Seconds; absent if a repetition would not help.")],
        _ => Vec::new(),
    };
    headers.into_iter().fold(response, |response, (name, header)| response.header(name, header)).build()
}
