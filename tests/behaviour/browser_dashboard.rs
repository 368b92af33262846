//! The dashboard in a real browser: every page, what can be done on it, and what other sites cannot.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::thread;

use serde_json::Value;

use super::browser_report::mistakes;
use super::moodle_cases::recorded;
use crate::common::{
    Browser, Form, Launch, Page, Request, Table, TestServer, Validators, separable, unlabelled,
};

/// What a name could try in a page.
const HOSTILE: &str = "</title><script>document.title = 'run'; alert(1)</script><img src=x onerror=alert(2)>";

/// Opens a page of the dashboard after signing in.
#[track_caller]
fn signed_in<'a>(browser: &'a Browser, server: &TestServer) -> Page<'a> {
    let page = browser.page();
    sign_in(&page, server);
    page
}

#[track_caller]
fn sign_in(page: &Page, server: &TestServer) {
    page.goto(&server.url("/dashboard"));
    page.fill("#user", "a");
    page.fill("#password", "b");
    page.follow("form.card button[type=submit]");
    assert!(page.has("main h1") && !page.has("#password"), "{}", page.text());
}

fn evaluate(server: &TestServer, id: &str, dataset: &[u8]) -> String {
    let form = Form::model(id, "d").evaluation(2).file("dataset", dataset);
    server.post("/evaluation", &form).json()["runid"].to_string()
}

/// Samples whose columns have hostile names.
fn hostile() -> Vec<u8> {
    let mut table = Table::of_two_classes(&[HOSTILE, "\\core\\analytics\\indicator\\any_access", "\\c"]);
    for n in 0..60_u8 {
        let class = n % 2;
        table.push(&[f32::from(class), f32::from(n % 7), f32::from(n % 3)], class);
    }
    table.labelled()
}

/// A server with models: one of two generations with evaluations, one with hostile names, and one imported.
fn with_models() -> TestServer {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    server.train("m", &separable(200, true));
    evaluate(&server, "m", &separable(200, false));
    evaluate(&server, "m", &separable(200, true));
    server.train("hostile", &hostile());
    evaluate(&server, "hostile", &hostile());
    let archive = server.export("m");
    assert_eq!(server.import("imported", &archive).status, 200);
    server
}

/// The addresses below /dashboard to which the page links, without downloads. The report itself, whose sandbox lets not even
/// axe-core run, is checked in `browser_report`.
#[track_caller]
fn links(page: &Page) -> Vec<String> {
    let links = page.value(
        "[...document.querySelectorAll('a[href]:not([download]), iframe[src]')].map(link => link.href || link.src) \
         .filter(link => new URL(link).pathname.startsWith('/dashboard') && !link.includes('#') && !link.includes('lang=') && \
         !new URL(link).pathname.endsWith('/report.html'))",
    );
    links.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What kind of page an address leads to: pages of the same kind differ in their models and numbers alone.
fn kind(server: &TestServer, address: &str) -> String {
    let path = address.strip_prefix(&server.url("/dashboard")).unwrap_or(address);
    let path = path.split('?').next().unwrap_or_default().trim_matches('/');
    let part = |part: &str| match part {
        "m" | "imported" | "site" => "id".to_owned(),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => "n".to_owned(),
        other => other.to_owned(),
    };
    if path.is_empty() {
        "overview".to_owned()
    } else {
        path.split('/').map(part).collect::<Vec<_>>().join("-")
    }
}

/// Follows links from the overview until every kind of page was seen.
#[track_caller]
fn every_page(page: &Page, server: &TestServer, mut see: impl FnMut(&str, &str)) -> Vec<String> {
    let (mut next, mut seen) = (vec![server.url("/dashboard")], Vec::new());
    while let Some(address) = next.pop() {
        let kind = kind(server, &address);
        if seen.contains(&kind) {
            continue;
        }
        page.goto(&address);
        see(&kind, &address);
        next.extend(links(page));
        seen.push(kind);
    }
    seen.sort();
    seen
}

#[test]
fn every_page_is_valid_accessible_and_quiet_in_every_view() {
    let test = "browser_dashboard::every_page_is_valid_accessible_and_quiet_in_every_view";
    let (Some(browser), Some(validators)) = (Browser::start(test), Validators::find(test)) else { return };
    let server = with_models();
    if let Some(site) = recorded("recorded/test-366-1904-training.csv.gz") {
        server.train("site", &site);
        evaluate(&server, "site", &site);
    }
    let page = browser.page();
    page.goto(&server.url("/dashboard"));
    let mut found = mistakes("dashboard-sign-in", &page, &page.source(), &validators);
    sign_in(&page, &server);
    let seen = every_page(&page, &server, |kind, _| {
        found.extend(mistakes(&format!("dashboard-{kind}"), &page, &page.source(), &validators));
    });
    assert_eq!(found, Vec::<String>::new());
    let expected = ["import", "live", "models", "models-hostile-d", "models-id-d", "models-id-d-delete"];
    for kind in expected.into_iter().chain([
        "models-id-d-predictions",
        "models-id-d-rollback",
        "models-id-d-runs-n",
        "overview",
    ]) {
        assert!(seen.iter().any(|seen| seen == kind), "{kind}: {seen:?}");
    }
    page.expect_quiet(&server.url("/"));
}

#[test]
fn names_of_models_and_columns_are_text_on_every_page() {
    let test = "browser_dashboard::names_of_models_and_columns_are_text_on_every_page";
    let Some(browser) = Browser::start(test) else { return };
    let server = with_models();
    let page = signed_in(&browser, &server);
    let mut is_shown = false;
    every_page(&page, &server, |_, address| {
        let scripts = page.value("[...document.scripts].filter(script => !script.src).length");
        assert_eq!(scripts, 0, "{address}");
        assert_eq!(page.value("document.querySelectorAll('img').length"), 0, "{address}");
        is_shown |=
            page.value("document.body.textContent").as_str().is_some_and(|text| text.contains("<script>"));
    });
    assert!(is_shown, "a page shows the hostile name");
    let search = format!(
        "/dashboard/models?q={}&sort=-id",
        "%3Cscript%3Ealert(3)%3C%2Fscript%3E%22onfocus%3Dalert(4)"
    );
    page.goto(&server.url(&search));
    page.expect_quiet(&server.url("/"));
}

#[test]
fn models_are_searched_rolled_back_imported_and_deleted_with_and_without_script() {
    let test =
        "browser_dashboard::models_are_searched_rolled_back_imported_and_deleted_with_and_without_script";
    let Some(browser) = Browser::start(test) else { return };
    for has_script in [true, false] {
        let server = with_models();
        let page = browser.page();
        if !has_script {
            page.without_script();
        }
        page.viewport(if has_script { 900 } else { 390 }, 844);
        sign_in(&page, &server);
        page.follow("a[href='/dashboard/models']");
        page.fill("#q", "hostile");
        page.follow("form.search button");
        assert_eq!(page.value("document.querySelectorAll('tbody tr').length"), 1);
        page.goto(&server.url("/dashboard/models/m/d"));
        let before = server.predictions("m", &unlabelled(&["1-0,1,3,-1"]));
        page.follow("a[href*='/rollback']");
        page.follow("main form button[type=submit]");
        assert!(page.text().contains("The model was rolled back."), "{}", page.text());
        assert_ne!(server.predictions("m", &unlabelled(&["1-0,1,3,-1"])), before);
        let archive = browser.directory().join("model.zip");
        fs::write(&archive, server.export("m")).expect("a file");
        page.follow("a[href='/dashboard/import']");
        page.fill("#uniqueid", "copy");
        page.fill("#dirhash", "d");
        page.choose_file("#importzip", &archive);
        page.follow("main form button[type=submit]");
        assert!(page.address().contains("/dashboard/models/copy/d"), "{}", page.text());
        page.follow("a[href$='/delete']");
        page.fill("#confirm", "another");
        page.follow("button.danger");
        assert!(page.text().contains("Nothing was deleted"), "{}", page.text());
        page.fill("#confirm", "copy");
        page.follow("button.danger");
        assert!(page.text().contains("The model was deleted."), "{}", page.text());
        assert_eq!(server.get("/models/copy/d").status, 404);
        page.follow("form.out button");
        page.goto(&server.url("/dashboard/models"));
        assert!(page.has("#password"), "signed out");
        // The refusal of a wrong id is a page with status 422, which the browser reports as an error.
        let problems: Vec<String> =
            page.problems().into_iter().filter(|problem| !problem.contains("422")).collect();
        assert_eq!(problems, Vec::<String>::new());
    }
}

#[test]
fn the_language_and_the_time_zone_are_those_of_the_reader() {
    let test = "browser_dashboard::the_language_and_the_time_zone_are_those_of_the_reader";
    let Some(browser) = Browser::start(test) else { return };
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let page = browser.page();
    page.language("fr-CH, de;q=0.5");
    page.time_zone("Asia/Tokyo");
    sign_in(&page, &server);
    assert_eq!(page.value("document.documentElement.lang"), "fr");
    page.follow("footer a[hreflang=de]");
    assert_eq!(page.value("document.documentElement.lang"), "de");
    page.follow("a[href='/dashboard/models']");
    assert_eq!(page.value("document.documentElement.lang"), "de", "it is remembered");
    let shown = page.value("document.querySelector('tbody time').textContent");
    let in_zone = page.value(
        "new Intl.DateTimeFormat('de', {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo'}) \
         .format(new Date(document.querySelector('tbody time').dateTime))",
    );
    assert_eq!(shown, in_zone);
}

#[test]
fn a_training_is_watched_until_its_end() {
    let test = "browser_dashboard::a_training_is_watched_until_its_end";
    let Some(browser) = Browser::start(test) else { return };
    let server = Launch::new().with_faults().start();
    let (live, plain) = (browser.page(), browser.page());
    plain.without_script();
    for page in [&live, &plain] {
        sign_in(page, &server);
        page.goto(&server.url("/dashboard/live"));
        assert!(!page.has("progress"));
    }
    server.hold("make a file");
    thread::scope(|scope| {
        scope.spawn(|| server.train("watched", &separable(200, false)));
        server.wait_until_held();
        live.until("document.querySelector('progress')?.value >= 95");
        assert!(live.text().contains("watched") && live.text().contains("saving"), "{}", live.text());
        assert!(!plain.has("progress"), "without script, nothing changes by itself");
        plain.follow("a[href='/dashboard/live'].button");
        assert!(plain.has("progress"));
        live.picture("dashboard-live-training");
        server.release();
    });
    live.until("document.querySelector('progress') === null");
    live.expect_quiet(&server.url("/"));
}

#[test]
fn a_stream_ends_when_the_server_stops() {
    let test = "browser_dashboard::a_stream_ends_when_the_server_stops";
    let Some(browser) = Browser::start(test) else { return };
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "600").start();
    let page = signed_in(&browser, &server);
    page.goto(&server.url("/dashboard/live"));
    // The first event has arrived: the list is that of the stream.
    page.until("document.querySelector('[data-events]').dataset.followed === 'true'");
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

#[test]
fn a_file_is_predicted_and_nothing_of_it_is_kept() {
    let test = "browser_dashboard::a_file_is_predicted_and_nothing_of_it_is_kept";
    let Some(browser) = Browser::start(test) else { return };
    let server = TestServer::start();
    server.train("m", &separable(200, false));
    let page = signed_in(&browser, &server);
    page.goto(&server.url("/dashboard/models/m/d/predictions"));
    let file: PathBuf = browser.directory().join("samples.csv");
    let rows: Vec<String> =
        (0..40).map(|n| format!("{n}-0,1,{},{}", n % 7, if n % 4 == 0 { "-1" } else { "-0.2" })).collect();
    fs::write(&file, unlabelled(&rows)).expect("a file");
    let before = crate::common::contents(&server.data_dir().join("m"));
    page.choose_file("#dataset", &file);
    page.follow("main form button[type=submit]");
    let text = page.text();
    assert!(text.contains("40 samples"), "{text}");
    assert_eq!(page.value("document.querySelectorAll('main table').length"), 2, "{text}");
    assert_eq!(
        page.value("document.querySelectorAll('main table')[1].querySelectorAll('tbody tr').length"),
        20
    );
    // Why: as the explanations of the API say.
    let first = "document.querySelectorAll('main table')[1].querySelector('tbody tr')";
    let id = page.value(&format!("{first}.querySelector('th').innerText"));
    let form = Form::model("m", "d").file("dataset", &unlabelled(&rows));
    let explained = server.post("/explanation", &form).json();
    let explained = explained["explanations"].as_array().expect("samples");
    let sample = explained.iter().find(|sample| sample["sampleid"] == id).expect("the sample");
    let words = sample["outputs"][0]["contributions"][0]["words"].as_str().expect("words");
    let reasons = page.value(&format!("{first}.lastElementChild.innerText"));
    assert!(reasons.as_str().expect("text").contains(words), "{words} in {reasons}");
    page.picture("dashboard-predictions");
    assert_eq!(crate::common::contents(&server.data_dir().join("m")), before);
    assert!(server.uploads().is_empty());
    page.expect_quiet(&server.url("/"));
}

/// A page of another site, served to one browser.
fn other_site(page: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    // 127.0.0.1 and localhost are different sites.
    let address = format!("http://localhost:{}/", listener.local_addr().expect("an address").port());
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let Ok(mut stream) = stream else { return };
            // The buffer takes the whole request.
            let _ = BufReader::new(&stream).read_line(&mut String::new());
            let _ = stream.write_all(response.as_bytes());
        }
    });
    address
}

#[test]
fn forms_of_other_sites_change_nothing() {
    let test = "browser_dashboard::forms_of_other_sites_change_nothing";
    let Some(browser) = Browser::start(test) else { return };
    let server = with_models();
    let page = signed_in(&browser, &server);
    let cases = [
        ("/dashboard/models/m/d/delete", "<input name=confirm value=m>"),
        ("/dashboard/models/m/d/rollback?generation=1", ""),
        ("/dashboard/sign-out", ""),
        ("/deletemodel", "<input name=uniqueid value=m>"),
        ("/models/m/d/rollback", ""),
    ];
    // A browser that knows the password of Moodle's routes sends it along by itself.
    let with_password = server.url("/models").replace("http://", "http://a:b@");
    page.goto(&with_password);
    assert!(page.text().contains("\"m\""), "{}", page.text());
    let before = server.get("/models/m/d").json();
    for (path, fields) in cases {
        let form =
            format!("<form method=post action='{}'>{fields}<button>go</button></form>", server.url(path));
        page.goto(&other_site(&form));
        page.follow("button");
        assert_eq!(server.get("/models/m/d").json(), before, "{path}: {}", page.text());
    }
    page.goto(&server.url("/dashboard/models/m/d"));
    assert!(!page.has("#password"), "still signed in");
    let own =
        Request::new("POST", "/deletemodel").credentials("a", "b").form(&Form::new().field("uniqueid", "m"));
    let forged = own.header("Origin", "http://evil.example");
    assert_eq!(server.send(&forged).status, 403);
}
