//! The page of the `OpenAPI` document in a real browser.

use super::browser_report::mistakes;
use crate::common::{Browser, TestServer, Validators};

#[test]
fn the_documentation_is_valid_and_accessible_in_every_view_and_requests_only_itself() {
    let test =
        "browser_docs::the_documentation_is_valid_and_accessible_in_every_view_and_requests_only_itself";
    let (Some(browser), Some(validators)) = (Browser::start(test), Validators::find(test)) else { return };
    let server = TestServer::start();
    let page = browser.page();
    page.goto(&server.url("/docs"));
    assert_eq!(mistakes("docs", &page, &page.source(), &validators), Vec::<String>::new());
    page.expect_quiet(&server.url("/"));
}
