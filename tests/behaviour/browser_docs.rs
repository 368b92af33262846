//! The page of the `OpenAPI` document in a real browser.

use super::browser_report::expect_accessible;
use crate::common::{Browser, TestServer, Validators};

#[test]
fn the_documentation_is_valid_and_accessible_in_every_view_and_requests_only_itself() {
    let test =
        "browser_docs::the_documentation_is_valid_and_accessible_in_every_view_and_requests_only_itself";
    let (Some(browser), Some(validators)) = (Browser::start(test), Validators::find(test)) else { return };
    let server = TestServer::start();
    assert_eq!(validators.html(server.get("/docs").text()), Vec::<String>::new());
    let page = browser.page();
    page.goto(&server.url("/docs"));
    expect_accessible("docs", &page, &validators);
    page.expect_quiet(&server.url("/"));
}
