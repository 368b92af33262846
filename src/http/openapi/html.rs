//! The page `/docs`, rendered from the document: one file without scripts, in the colours of the reader's system.
//!
//! Must not know a particular route.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::reader::{Api, Field, Route, Schema};
use crate::http::problem::KINDS;

const STYLE: &str = include_str!("page.css");

/// The page needs its own style and nothing else; the style is named by its hash.
pub(super) fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page.
pub(super) fn page(api: &Api) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title} {version}</h1>\n{text}\
         <p><a href=\"openapi.json\">OpenAPI document</a></p>\n</header>\n",
        title = escaped(&api.title),
        version = escaped(&api.version),
        text = paragraphs(&api.description),
    );
    contents(&mut page, api);
    page.push_str("<main>\n");
    for tag in &api.tags {
        let _ =
            write!(page, "<h2 id=\"{0}\">{0}</h2>\n{1}", escaped(&tag.name), paragraphs(&tag.description));
        tag.routes.iter().for_each(|route| self::route(&mut page, route));
    }
    page.push_str("<h2 id=\"shapes\">Shapes</h2>\n");
    api.schemas.iter().for_each(|schema| self::schema(&mut page, schema));
    page.push_str("<h2 id=\"problems\">Kinds of problems</h2>\n");
    for kind in KINDS {
        let _ = writeln!(
            page,
            "<h3 id=\"{}\">{}</h3>\n<p>{}</p>",
            kind.name,
            escaped(kind.title),
            inline(kind.remedy)
        );
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn contents(page: &mut String, api: &Api) {
    page.push_str("<nav aria-label=\"Routes\">\n<ul>\n");
    for route in api.tags.iter().flat_map(|tag| &tag.routes) {
        let _ = writeln!(
            page,
            "<li><a href=\"#{}\"><code>{} {}</code></a></li>",
            anchor(route),
            route.method,
            escaped(&route.path)
        );
    }
    page.push_str(
        "<li><a href=\"#shapes\">Shapes</a></li>\n<li><a href=\"#problems\">Kinds of problems</a></li>\n",
    );
    page.push_str("</ul>\n</nav>\n");
}

fn anchor(route: &Route) -> String {
    let path: String = route.path.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
    format!("{}{}", route.method.to_lowercase(), path.replace('/', "-"))
}

fn route(page: &mut String, route: &Route) {
    let _ = writeln!(
        page,
        "<section>\n<h3 id=\"{}\"><code>{} {}</code></h3>",
        anchor(route),
        route.method,
        escaped(&route.path)
    );
    page.push_str(&paragraphs(&format!("{}.", route.summary)));
    page.push_str(&paragraphs(&route.description));
    if !route.needs_credentials {
        page.push_str("<p>Needs no credentials.</p>\n");
    }
    if !route.parameters.is_empty() {
        fields(page, "Parameters", &route.parameters);
    }
    if let Some((media, of_body)) = &route.body {
        fields(page, &format!("Body ({media})"), of_body);
    }
    table(page, "Responses", &["status", "body", "meaning"]);
    for response in &route.responses {
        let content: Vec<String> = response.content.iter().map(|content| code(content)).collect();
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&response.status),
            content.join(" "),
            inline(&response.description)
        );
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn schema(page: &mut String, schema: &Schema) {
    let _ = writeln!(page, "<section>\n<h3 id=\"shape-{0}\">{0}</h3>", escaped(&schema.name));
    page.push_str(&paragraphs(&schema.description));
    if schema.fields.is_empty() {
        page.push_str(&paragraphs(&schema.kind));
    } else {
        fields(page, "Fields", &schema.fields);
    }
    if let Some(example) = &schema.example {
        let _ = writeln!(page, "<pre tabindex=\"0\"><code>{}</code></pre>", escaped(example));
    }
    page.push_str("</section>\n");
}

fn fields(page: &mut String, caption: &str, fields: &[Field]) {
    table(page, caption, &["name", "type", "description"]);
    for field in fields {
        let place =
            if field.place.is_empty() { String::new() } else { format!(" {}", escaped(&field.place)) };
        let optional = if field.required { "" } else { ", optional" };
        let _ = writeln!(
            page,
            "<tr><td>{}{place}{optional}</td><td>{}</td><td>{}</td></tr>",
            code(&field.name),
            escaped(&field.kind),
            inline(&field.description)
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// The beginning of a table, which scrolls by itself where it is wider than the screen.
fn table(page: &mut String, caption: &str, columns: &[&str]) {
    let _ = write!(
        page,
        "<div class=\"table\" role=\"group\" aria-label=\"{0}\" tabindex=\"0\"><table><caption>{0}</caption><thead><tr>",
        escaped(caption)
    );
    for column in columns {
        let _ = write!(page, "<th scope=\"col\">{column}</th>");
    }
    page.push_str("</tr></thead><tbody>\n");
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let mut html = String::new();
    for paragraph in paragraphs {
        let _ = writeln!(html, "<p>{}</p>", inline(paragraph));
    }
    html
}

/// Text with `code` and *emphasis*.
fn inline(text: &str) -> String {
    let pieces = text
        .split('`')
        .enumerate()
        .map(|(at, piece)| if at % 2 == 1 { code(piece) } else { emphasised(&escaped(piece)) });
    pieces.collect()
}

fn emphasised(html: &str) -> String {
    let pieces = html.split('*').enumerate();
    pieces
        .map(|(at, piece)| if at % 2 == 1 { format!("<em>{piece}</em>") } else { piece.to_owned() })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
