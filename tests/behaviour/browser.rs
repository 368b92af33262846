//! What the browser of the tests reports and does: without these tests, a mistake in it would let every page pass.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use crate::common::{Browser, Media, Validators};

/// A page of its own for each test.
fn saved(browser: &Browser, source: &str) -> String {
    let file = browser.directory().join("page.html");
    fs::write(&file, source).expect("a file");
    format!("file://{}", file.display())
}

#[test]
fn scripts_requests_and_mistakes_of_a_page_are_reported() {
    let test = "browser::scripts_requests_and_mistakes_of_a_page_are_reported";
    let Some(browser) = Browser::start(test) else { return };
    let source = "<ul><p>x</ul><script>alert(1); missing()</script><img src=http://example.org/x>";
    let page = browser.page();
    page.goto(&saved(&browser, source));
    let problems = page.problems().join("\n");
    assert!(problems.contains("a dialog") && problems.contains("missing is not defined"), "{problems}");
    assert!(page.requests().contains(&"http://example.org/x".to_owned()), "{:?}", page.requests());
    if let Some(validators) = Validators::find(test) {
        assert!(validators.axe(&page).iter().any(|found| found.contains("image-alt")), "axe-core finds it");
        assert!(!validators.html(source).is_empty(), "html-validate finds it");
    }
}

#[test]
fn a_page_is_used_as_a_person_uses_it() {
    let Some(browser) = Browser::start("browser::a_page_is_used_as_a_person_uses_it") else { return };
    let page = browser.page();
    page.language("de-CH");
    page.time_zone("Asia/Tokyo");
    page.viewport(390, 844);
    page.goto(&saved(
        &browser,
        "<title>t</title><form><input id=text name=text value=before><input type=file id=file multiple>
         <select id=choice name=choice><option>a<option>b</select><button id=send>Send</button></form>
         <p id=wide style='width: 600px'>The window is narrower</p>
         <script>addEventListener('keydown', event => document.title = event.key);</script>",
    ));
    assert_eq!(page.value("navigator.language"), "de-CH");
    assert_eq!(page.value("new Date(0).getHours()"), 9);
    assert!(page.overflow() > 200 && page.text().contains("narrower"));
    page.media(Media::Dark);
    assert_eq!(page.value("matchMedia('(prefers-color-scheme: dark)').matches"), true);
    page.choose_file("#file", &browser.directory().join("page.html"));
    assert_eq!(page.value("document.querySelector('#file').files[0].name"), "page.html");
    page.press("Tab");
    page.until("document.title === 'Tab'");
    page.select("#choice", "b");
    page.fill("#text", "typed");
    page.follow("#send");
    assert!(page.address().ends_with("?text=typed&choice=b"), "{}", page.address());
    assert!(page.has("#text") && !page.has("#nothing"));
    let (picture, print) = (browser.directory().join("page.png"), browser.directory().join("page.pdf"));
    page.screenshot(&picture);
    page.print(&print);
    assert!(fs::read(picture).expect("a picture").starts_with(b"\x89PNG"));
    assert!(fs::read(print).expect("a document").starts_with(b"%PDF"));
}

#[test]
fn a_page_without_script_runs_none() {
    let Some(browser) = Browser::start("browser::a_page_without_script_runs_none") else { return };
    let page = browser.page();
    page.without_script();
    page.goto(&saved(&browser, "<title>none</title><script>document.title = 'run'</script>"));
    assert_eq!(page.value("document.title"), "none");
    page.expect_quiet("file://");
}
