//! What all pages of the dashboard have in common, and the overview.

use rstest::rstest;

use crate::common::{Form, Launch, Reply, Request, TestServer, Visitor, separable};

const USERS: &str = "ann:pw-ann,bob:pw-bob,root:pw-root,eve:pw-eve";

fn isolated() -> TestServer {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS);
    let launch = launch.env("MOODLE_MLBACKEND_ADMINS", "root").env("MOODLE_MLBACKEND_VIEWERS", "eve");
    launch.env("MOODLE_MLBACKEND_ISOLATE_USERS", "1").start()
}

/// The pages of a server with a model m/d.
const PAGES: [&str; 9] = [
    "/dashboard",
    "/dashboard/models",
    "/dashboard/models/m/d",
    "/dashboard/models/m/d/delete",
    "/dashboard/models/m/d/rollback?generation=1",
    "/dashboard/live",
    "/dashboard/models/m/d/predictions",
    "/dashboard/import",
    "/dashboard/sign-in",
];

#[test]
fn every_page_has_strict_headers_and_loads_nothing_from_elsewhere() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let visitor = Visitor::new(&server, "a");
    for path in PAGES.into_iter().chain(["/dashboard/nothing", "/dashboard/models/x/y"]) {
        let reply = visitor.get(path);
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        for part in ["frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "script-src 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        let page = reply.text();
        for forbidden in ["http://", "https://", "style=\"", "onclick", "<script>", "<style>"] {
            assert!(
                !page.replace("http://www.w3.org/2000/svg", "").contains(forbidden),
                "{path}: {forbidden}"
            );
        }
        assert!(
            page.contains("<html lang=\"en\">") && page.contains("class=\"skip\" href=\"#content\""),
            "{path}"
        );
        assert_eq!(page.matches("<h1>").count(), 1, "{path}");
    }
}

#[test]
fn the_style_and_the_script_are_kept_by_browsers_until_they_change() {
    let server = TestServer::start();
    let page = server.send(&Request::new("GET", "/dashboard/sign-in"));
    let addresses: Vec<&str> =
        page.text().split('"').filter(|text| text.starts_with("/dashboard/assets/")).collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    for address in addresses {
        let reply = server.send(&Request::new("GET", address));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
}

#[rstest]
#[case("de", "Übersicht", "Abmelden")]
#[case("fr", "Vue d’ensemble", "Se déconnecter")]
#[case("es", "Resumen", "Cerrar sesión")]
#[case("pt", "Visão geral", "Terminar sessão")]
#[case("en", "Overview", "Sign out")]
fn a_page_is_in_the_language_of_the_browser_or_the_chosen_one(
    #[case] code: &str,
    #[case] title: &str,
    #[case] sign_out: &str,
) {
    let server = TestServer::start();
    let visitor = Visitor::new(&server, "a");
    let shows = |reply: &Reply| {
        assert!(reply.text().contains(&format!("<html lang=\"{code}\">")), "{}", reply.text());
        assert!(reply.text().contains(title) && reply.text().contains(sign_out), "{}", reply.text());
    };
    shows(
        &visitor.send(
            Request::new("GET", "/dashboard").header("Accept-Language", &format!("{code}-XX,en;q=0.5")),
        ),
    );
    let chosen = visitor.get(&format!("/dashboard?lang={code}"));
    shows(&chosen);
    let cookie = chosen.header("set-cookie").expect("the choice is kept");
    assert!(cookie.starts_with(&format!("mlbackend_language={code}; Path=/dashboard; ")), "{cookie}");
    let cookies = format!("mlbackend_language={code}; {}", visitor.cookie);
    let request =
        Request::new("GET", "/dashboard").header("Accept-Language", "zh").header("Cookie", &cookies);
    shows(&server.send(&request));
    let error = server.send(&Request::new("GET", "/dashboard/nothing").header("Accept-Language", code));
    assert_eq!(error.status, 404);
    assert!(error.text().contains(&format!("<html lang=\"{code}\">")));
}

#[test]
fn an_empty_server_says_how_to_connect_moodle() {
    let server = TestServer::start();
    let visitor = Visitor::new(&server, "a");
    let page = visitor.get("/dashboard");
    let text = page.text();
    for part in [
        "The server is healthy",
        "Connect your Moodle",
        "moodle-mlbackend connect --moodle /var/www/moodle --host 127.0.0.1 --port 80 --user a",
        "/admin/settings.php?section=mlbackendsettingspython",
        "Nothing was requested yet.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    server.train("m", &separable(40, false));
    assert!(!visitor.get("/dashboard").text().contains("Connect your Moodle"));
}

#[test]
fn the_overview_shows_what_was_done_last_and_what_failed() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    server.post("/training", &Form::model("m2", "d").file("dataset", b"nonsense"));
    let visitor = Visitor::new(&server, "a");
    let page = visitor.get("/dashboard");
    let text = page.text();
    assert!(text.contains("1 problem in the last 24 hours"), "{text}");
    assert!(text.contains("refused") && text.contains("href=\"/dashboard/models/m/d\""), "{text}");
    assert!(text.contains("<time datetime=\"20"), "{text}");
}

#[test]
fn an_isolated_user_sees_its_own_operations_and_nothing_of_the_server() {
    let server = isolated();
    let train = |user: &str, id: &str| {
        let form = Form::model(id, "d").file("dataset", &separable(40, false));
        let request = Request::new("POST", "/training").credentials(user, &format!("pw-{user}")).form(&form);
        assert_eq!(server.send(&request).status, 200);
    };
    train("ann", "annsmodel");
    train("bob", "bobsmodel");
    let page = |user: &str| Visitor::new(&server, user).get("/dashboard").text().to_owned();
    let ann = page("ann");
    assert!(ann.contains("annsmodel") && !ann.contains("bobsmodel") && !ann.contains("bob"), "{ann}");
    assert!(!ann.contains("Queue") && !ann.contains("Disk"), "{ann}");
    for user in ["root", "eve"] {
        let all = page(user);
        assert!(all.contains("annsmodel") && all.contains("bobsmodel") && all.contains("Queue"), "{all}");
        assert_eq!(all.contains("127.0.0.1"), user == "root", "addresses are for admins");
    }
}

#[test]
fn hostile_text_is_inert() {
    let user = "x<b>x</b>\"'&";
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("{user}:pw")).start();
    let fields = serde_urlencoded_pair("user", user) + "&password=wrong&next=%22%3E%3Cscript%3E";
    let reply = server.send(&Request::new("POST", "/dashboard/sign-in").urlencoded(&fields));
    assert!(!reply.text().contains("<b>") && !reply.text().contains("<script>"), "{}", reply.text());
    let fields = serde_urlencoded_pair("user", user) + "&password=pw";
    let reply = server.send(&Request::new("POST", "/dashboard/sign-in").urlencoded(&fields));
    let cookie = crate::common::cookie(&reply).expect("a session");
    for path in [
        "/dashboard",
        "/dashboard/models?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/dashboard/models?sort=%3Cb%3E",
    ] {
        let reply = server.send(&Request::new("GET", path).header("Cookie", &cookie));
        assert!(
            !reply.text().contains("<b>") && !reply.text().contains("<script>"),
            "{path}: {}",
            reply.text()
        );
    }
}

fn serde_urlencoded_pair(name: &str, value: &str) -> String {
    value.bytes().fold(format!("{name}="), |pair, byte| pair + &format!("%{byte:02x}"))
}
