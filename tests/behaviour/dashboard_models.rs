//! The dashboard's list of models and the page of a model.

use crate::common::{Form, Launch, Request, TestServer, Visitor, separable, waves};

const USERS: &str = "ann:pw-ann,bob:pw-bob,root:pw-root,eve:pw-eve";

fn isolated() -> TestServer {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS);
    let launch = launch.env("MOODLE_MLBACKEND_ADMINS", "root").env("MOODLE_MLBACKEND_VIEWERS", "eve");
    launch.env("MOODLE_MLBACKEND_ISOLATE_USERS", "1").start()
}

/// The ids of the models of a page, in its order.
fn listed(page: &str) -> Vec<String> {
    let links = page.split("<th scope=\"row\"><a href=\"/dashboard/models/").skip(1);
    links.map(|rest| rest.split('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn models_are_paged_sorted_and_searched() {
    let server = TestServer::start();
    server.train("seed", &separable(40, false));
    let archive = server.export("seed");
    for number in 0..30 {
        assert_eq!(server.import(&format!("m{number:02}"), &archive).status, 200);
    }
    let visitor = Visitor::new(&server, "a");
    let first = visitor.get("/dashboard/models");
    let ids = listed(first.text());
    assert_eq!((ids.len(), ids[0].as_str(), ids[24].as_str()), (25, "m00", "m24"));
    assert!(first.text().contains("31 models") && first.text().contains("Next page"), "{}", first.text());
    let next = first.text().split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let second = visitor.get(&next.expect("a page").replace("&amp;", "&"));
    assert_eq!(listed(second.text()), ["m25", "m26", "m27", "m28", "m29", "seed"]);
    assert!(second.text().contains("Previous page") && !second.text().contains("Next page"));
    let sorted = visitor.get("/dashboard/models?sort=trained");
    assert_eq!(listed(sorted.text())[0], "seed");
    assert!(sorted.text().contains("aria-sort=\"ascending\""), "{}", sorted.text());
    assert_eq!(listed(visitor.get("/dashboard/models?q=M1").text()).len(), 10);
    assert_eq!(listed(visitor.get("/dashboard/models?q=M1&sort=-id").text())[0], "m19");
    assert!(visitor.get("/dashboard/models?q=nothing").text().contains("No model matches the search."));
    assert_eq!(visitor.get("/dashboard/models?sort=nothing").status, 400);
}

#[test]
fn the_page_of_a_model_has_its_generations_evaluations_batches_and_trail() {
    let server = TestServer::start();
    server.train("m", &waves(40, 1).labelled());
    server.train("m", &waves(60, 2).labelled());
    let runs: Vec<String> = (0..2)
        .map(|_| {
            let form = Form::model("m", "e").evaluation(2).file("dataset", &separable(200, false));
            server.post("/evaluation", &form).json()["runid"].to_string()
        })
        .collect();
    let visitor = Visitor::new(&server, "a");
    let page = visitor.get("/dashboard/models/m/d");
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for part in [
        "in use",
        "href=\"/dashboard/models/m/d/rollback?generation=1\"",
        "2 evaluations",
        "<polyline class=\"line\"",
        "Batches of samples",
        "Indicators that matter",
        "/dashboard/models/m/d/model.zip",
        "/dashboard/models/m/d/model.onnx",
        "Audit trail",
        "/dashboard/models/m/d/delete",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("rollback?generation=2\""), "the current generation cannot be rolled back to");
    assert!(!text.contains("samples.csv"), "samples are for admins");
    for run in &runs {
        assert!(text.contains(&format!("href=\"/dashboard/models/m/e/runs/{run}?back=d\"")), "{text}");
        let page = visitor.get(&format!("/dashboard/models/m/e/runs/{run}?back=d"));
        assert!(page.text().contains("<iframe") && page.text().contains("href=\"/dashboard/models/m/d\""));
        let report = visitor.get(&format!("/dashboard/models/m/e/runs/{run}/report.html"));
        assert_eq!((report.status, report.header("x-frame-options")), (200, Some("SAMEORIGIN")));
        let policy = report.header("content-security-policy").expect("a policy");
        assert!(policy.contains("; sandbox; ") && policy.contains("frame-ancestors 'self'"), "{policy}");
        let archive = visitor.get(&format!("/dashboard/models/m/e/runs/{run}/report.zip"));
        assert_eq!(archive.header("content-type"), Some("application/zip"));
        assert!(archive.body.len() > 22);
    }
    let list = visitor.get("/dashboard/models");
    assert_eq!(listed(list.text()), ["m"], "evaluations alone have no row of their own");
    for missing in ["/dashboard/models/x/d", "/dashboard/models/m/e/runs/1", "/dashboard/models/m/e/runs/x"] {
        assert_eq!(visitor.get(missing).status, 404, "{missing}");
    }
}

#[test]
fn users_see_their_own_models_viewers_change_nothing_and_admins_reach_all() {
    let server = isolated();
    let form = Form::model("annsmodel", "d").file("dataset", &separable(40, false));
    let request = Request::new("POST", "/training").credentials("ann", "pw-ann").form(&form);
    assert_eq!(server.send(&request).status, 200);
    let (ann, bob) = (Visitor::new(&server, "ann"), Visitor::new(&server, "bob"));
    let (root, eve) = (Visitor::new(&server, "root"), Visitor::new(&server, "eve"));
    assert_eq!(listed(ann.get("/dashboard/models").text()), ["annsmodel"]);
    assert!(listed(bob.get("/dashboard/models").text()).is_empty());
    assert_eq!(bob.get("/dashboard/models/annsmodel/d").status, 404);
    assert_eq!(bob.get("/dashboard/models/annsmodel/d?user=ann").status, 403);
    let address = "/dashboard/models/annsmodel/d?user=ann";
    for visitor in [&root, &eve] {
        assert!(visitor.get("/dashboard/models").text().contains(&format!("href=\"{address}\"")));
        assert_eq!(visitor.get(address).status, 200);
    }
    let seen = eve.get(address);
    for hidden in ["/delete", "/rollback", "model.zip", "importzip", "/dashboard/import"] {
        assert!(!seen.text().contains(hidden), "{hidden}");
    }
    for path in ["delete", "rollback", "model.zip", "model.onnx", "samples.csv", "audit-bundle.zip"] {
        let path = format!("/dashboard/models/annsmodel/d/{path}?user=ann&generation=1");
        assert_eq!(eve.get(&path).status, 403, "{path}");
    }
    for path in ["/dashboard/models/annsmodel/d/delete?user=ann", "/dashboard/import?user=ann"] {
        assert_eq!(eve.post(path, "confirm=annsmodel").status, 403, "{path}");
    }
    assert_eq!(ann.get("/dashboard/models/annsmodel/d/samples.csv").status, 403);
    let samples = root.get("/dashboard/models/annsmodel/d/samples.csv?user=ann");
    assert_eq!((samples.status, samples.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert_eq!(ann.get("/dashboard/models/annsmodel/d/audit-bundle.zip").status, 403);
    let bundle = root.get("/dashboard/models/annsmodel/d/audit-bundle.zip?user=ann");
    assert_eq!((bundle.status, bundle.header("content-type")), (200, Some("application/zip")));
    assert!(
        root.get(address).text().contains("audit-bundle.zip") && !seen.text().contains("audit-bundle.zip")
    );
}

#[test]
fn names_of_columns_targets_and_users_are_inert() {
    let server = TestServer::start();
    let hostile = "<img src=x onerror=alert(1)>\u{202e}'&";
    let data = String::from_utf8(separable(200, false)).expect("text");
    let data =
        ["\\target", "\\ind_name", "\\quarters"].iter().fold(data, |data, name| data.replace(name, hostile));
    for (path, form) in
        [("/training", Form::model("m", "d")), ("/evaluation", Form::model("m", "e").evaluation(2))]
    {
        let reply = server.post(path, &form.file("dataset", data.as_bytes()));
        assert_eq!((reply.status, &reply.json()["status"]), (200, &serde_json::json!(0)), "{}", reply.text());
    }
    let visitor = Visitor::new(&server, "a");
    for path in ["/dashboard", "/dashboard/models", "/dashboard/models/m/d", "/dashboard/models/m/e"] {
        let page = visitor.get(path);
        assert_eq!(page.status, 200, "{path}");
        let shown = page.text().contains("&lt;img src=x onerror=alert(1)&gt;");
        assert!(shown || !path.ends_with("/d"), "{path}: {}", page.text());
        assert!(!page.text().contains("<img"), "{path}: {}", page.text());
        assert!(!page.text().contains("onerror=alert(1)>"), "{path}");
    }
}
