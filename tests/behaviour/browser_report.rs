//! The evaluation report in a real browser: accessible, valid, readable on a phone and on paper, and inert.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::path::PathBuf;

use rstest::rstest;

use super::moodle_cases::recorded;
use crate::common::{Browser, Dice, Form, Media, Page, Table, TestServer, Validators, unzipped};

/// Every width and medium in which pages are checked.
pub const VIEWS: [(Media, u32); 6] = [
    (Media::Light, 390),
    (Media::Light, 900),
    (Media::Dark, 390),
    (Media::Dark, 900),
    (Media::Print, 390),
    (Media::Print, 900),
];

/// What is wrong with the page that is open, in every view; keeps pictures of it. On paper, parts such as forms are left out on
/// purpose, and only what makes a page unreadable counts.
#[track_caller]
pub fn mistakes(name: &str, page: &Page, source: &str, validators: &Validators) -> Vec<String> {
    let mut mistakes: Vec<String> =
        validators.html(source).into_iter().map(|mistake| format!("{name}: {mistake}")).collect();
    for (media, width) in VIEWS {
        page.viewport(width, 900);
        page.media(media);
        page.picture(&format!("{name}-{media:?}-{width}").to_lowercase());
        let is_grave = |found: &String| {
            media != Media::Print
                || ["\"serious\"", "\"critical\""].iter().any(|impact| found.starts_with(impact))
        };
        let mut found: Vec<String> = validators.axe(page).into_iter().filter(is_grave).collect();
        if page.overflow() > 0 {
            found.push(format!("{} pixels wider than the window", page.overflow()));
        }
        mistakes.extend(found.into_iter().map(|found| format!("{name}, {media:?}, {width} pixels: {found}")));
    }
    page.viewport(900, 900);
    page.media(Media::Light);
    mistakes
}

/// What a name in a dataset could try.
const HOSTILE: &str =
    "</title></style><script>document.title = 'run'; alert(1)</script><img src=x onerror=alert(2)>";

/// Samples of which one column says most, another a little, and a third nothing; some values are missing.
fn table(classes: &[&str]) -> Table {
    let mut dice = Dice::new(1);
    let mut table = Table::of_classes(&[HOSTILE, "\\core\\analytics\\indicator\\any_access", "\\c"], classes);
    for number in 0..300 {
        let class = number % classes.len();
        let strong = class as f32 + dice.between(-0.8, 0.8) as f32;
        let weak = class as f32 * 0.3 + dice.uniform() as f32;
        let missing = if dice.chance(0.1) { f32::NAN } else { dice.uniform() as f32 };
        table.push(&[strong, weak, missing], classes[class]);
    }
    table
}

/// The report of an evaluation by a real server.
fn report(dataset: &[u8]) -> String {
    let server = TestServer::start();
    let form = Form::model("m", "e").evaluation(3).file("dataset", dataset);
    let reply = server.post("/evaluation", &form).json();
    let run = reply["runid"].as_u64().unwrap_or_else(|| panic!("{reply}"));
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    String::from_utf8(unzipped(&log.body)["report.html"].clone()).expect("text")
}

/// The address of a report as a person opens it, from a file.
fn saved(browser: &Browser, report: &str) -> String {
    let file: PathBuf = browser.directory().join("report.html");
    fs::write(&file, report).expect("a file");
    format!("file://{}", file.display())
}

#[track_caller]
fn expect_good_report(test: &str, name: &str, dataset: &[u8]) {
    let (Some(browser), Some(validators)) = (Browser::start(test), Validators::find(test)) else { return };
    let report = report(dataset);
    let (page, address) = (browser.page(), saved(&browser, &report));
    page.goto(&address);
    assert_eq!(mistakes(name, &page, &report, &validators), Vec::<String>::new());
    page.expect_quiet("file://");
    assert_eq!(page.requests(), [address], "the page is one file");
}

#[rstest]
#[case::two_classes(&["0", "1"])]
#[case::three_classes(&["0", "1", "2"])]
fn a_report_is_valid_and_accessible_in_every_view_and_requests_nothing(#[case] classes: &[&str]) {
    let test = "browser_report::a_report_is_valid_and_accessible_in_every_view_and_requests_nothing";
    expect_good_report(test, &format!("report-{}-classes", classes.len()), &table(classes).labelled());
}

#[test]
fn a_report_without_a_result_is_valid_and_accessible() {
    let test = "browser_report::a_report_without_a_result_is_valid_and_accessible";
    expect_good_report(test, "report-without-result", &table(&["0", "1"]).select([0, 1]).labelled());
}

#[test]
fn a_report_on_a_real_site_is_valid_and_accessible() {
    let test = "browser_report::a_report_on_a_real_site_is_valid_and_accessible";
    let Some(dataset) = recorded("recorded/test-366-1904-training.csv.gz") else { return };
    expect_good_report(test, "report-of-a-site", &dataset);
}

#[test]
fn hostile_names_are_text_in_the_browser() {
    let Some(browser) = Browser::start("browser_report::hostile_names_are_text_in_the_browser") else {
        return;
    };
    let (page, address) = (browser.page(), saved(&browser, &report(&table(&["0", "1"]).labelled())));
    page.goto(&address);
    assert!(page.value("document.body.textContent").as_str().is_some_and(|text| text.contains("<script>")));
    assert_eq!(page.value("document.querySelectorAll('script, img, iframe, object').length"), 0);
    assert!(page.value("document.title").as_str().is_some_and(|title| title != "run"));
    page.expect_quiet("file://");
}
