//! `/dashboard/import`: a form for the archive of a model, and what it is sent to.
//!
//! The parameters are those of `POST /import`. Must not know what an archive contains.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::{Markup, html};

use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::layout::{Section, page};
use crate::http::dashboard::routing::{form, protected};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account};
use crate::http::extract::caller::Caller;
use crate::http::extract::tenant::Tenant;
use crate::http::extract::typed_request::{ArchiveUpload, Parsed};
use crate::http::routes::import::perform;
use crate::http::state::AppState;

pub(in crate::http::dashboard) fn service() -> Resource {
    form("/import", protected(Access::Change, show), protected(Access::Change, import))
}

async fn show(visit: Visit) -> HttpResponse {
    let texts = visit.texts;
    let value = |name| visit.query.value(name).unwrap_or_default();
    let title = texts.text("import-title");
    let hidden = visit.query.value("user").map(|user| [("user", user)]);
    let action =
        visit.addresses.with_query("/dashboard/import", hidden.as_ref().map_or(&[][..], |pairs| pairs));
    let content = html! {
        div class="middle" {
            h1 { (title) }
            p class="lead" { (texts.text("import-lead")) }
            form class="card" method="post" enctype="multipart/form-data" action=(action) {
                label for="uniqueid" { (texts.text("import-id")) }
                input type="text" id="uniqueid" name="uniqueid" value=(value("uniqueid")) required maxlength="200"
                      autocapitalize="none" spellcheck="false" pattern="[A-Za-z0-9_$\\-]+";
                label for="dirhash" { (texts.text("import-dir")) }
                input type="text" id="dirhash" name="dirhash" value=(value("dirhash")) required maxlength="200"
                      autocapitalize="none" spellcheck="false" pattern="[A-Za-z0-9_$\\-]+";
                p class="hint" { (texts.text("import-ids-hint")) }
                (file(&visit))
                button type="submit" { (texts.text("import-do")) }
            }
        }
    };
    page(&visit, Section::Import, &title, &content)
}

/// The part of a form for the archive. Files can be dropped on it; without script, on the field alone.
pub(in crate::http::dashboard) fn file(visit: &Visit) -> Markup {
    let texts = visit.texts;
    html! {
        div class="drop" {
            label for="importzip" { (texts.text("import-file")) }
            input type="file" id="importzip" name="importzip" accept=".zip,application/zip" required;
            p class="hint" { (texts.text("import-file-hint")) }
        }
    }
}

async fn import(
    state: web::Data<AppState>,
    visit: Visit,
    caller: Caller,
    tenant: web::ReqData<Tenant>,
    _: HttpRequest,
    Parsed(upload): Parsed<ArchiveUpload>,
) -> Result<HttpResponse, HttpError> {
    let id = tenant.visible(upload.key.id.as_str()).unwrap_or_default().to_owned();
    let user = visit.query.value("user").filter(|_| visit.account.as_ref().is_some_and(Account::sees_owners));
    let name = ModelName { id, dir: upload.key.dir.as_str().to_owned(), user: user.map(str::to_owned) };
    perform(&state, caller, upload).await?;
    let address = visit.addresses.model_with(&name, "", &[("done", "import")]);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, address)).finish())
}
