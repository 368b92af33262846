//! What can be done with a model on the dashboard, and what the audit trail says about it.

use serde_json::Value;

use crate::common::{Form, Launch, Request, TestServer, Visitor, separable, trail, unlabelled};

fn predictions(server: &TestServer) -> Value {
    server.predictions("m", &unlabelled(&["1-0,1,3,-1", "2-0,1,-3,1"]))
}

/// The operations of the trail that have ended, with their results.
fn operations(server: &TestServer) -> Vec<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let lines = trail(&server.data_dir());
    let ended = lines.iter().filter(|line| line["event"] != "began");
    ended.map(|line| (text(line, "operation"), text(line, "result"))).collect()
}

fn has(server: &TestServer, operation: &str) -> bool {
    operations(server).contains(&(operation.to_owned(), "ok".to_owned()))
}

#[test]
fn a_rollback_asks_first_and_then_publishes_a_copy() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let before = predictions(&server);
    server.train("m", &separable(400, true));
    let retrained = predictions(&server);
    assert_ne!(retrained, before);
    let visitor = Visitor::new(&server, "a");
    let path = "/dashboard/models/m/d/rollback?generation=1";
    let question = visitor.get(path);
    assert!(question.text().contains("Roll back to generation 1"), "{}", question.text());
    assert_eq!(predictions(&server), retrained, "asking changes nothing");
    let reply = visitor.post(path, "");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard/models/m/d?done=rollback")));
    assert_eq!(predictions(&server), before);
    let page = visitor.get("/dashboard/models/m/d?done=rollback");
    assert!(page.text().contains("The model was rolled back.") && page.text().contains("copy of 1"));
    assert!(has(&server, "rollback"));
    assert_eq!(visitor.get("/dashboard/models/m/d/rollback?generation=9").status, 404);
    assert_eq!(visitor.post("/dashboard/models/m/d/rollback?generation=9", "").status, 409);
    assert_eq!(visitor.post("/dashboard/models/m/d/rollback?generation=x", "").status, 400);
}

#[test]
fn a_deletion_needs_the_typed_id() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let visitor = Visitor::new(&server, "a");
    let path = "/dashboard/models/m/d/delete";
    assert!(visitor.get(path).text().contains("Type the id to confirm"));
    for fields in ["", "confirm=", "confirm=x", "confirm=M"] {
        let reply = visitor.post(path, fields);
        assert_eq!(reply.status, 422, "{fields}");
        assert!(reply.text().contains("Nothing was deleted"), "{}", reply.text());
    }
    assert_eq!(server.get("/models/m/d").status, 200);
    let reply = visitor.post(path, "confirm=+m+");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard/models?done=delete")));
    assert_eq!(server.get("/models/m/d").status, 404);
    assert!(visitor.get("/dashboard/models?done=delete").text().contains("The model was deleted."));
    assert!(has(&server, "deletion"));
    assert_eq!(visitor.get(path).status, 404);
}

#[test]
fn a_model_is_exported_and_imported_under_another_id() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let visitor = Visitor::new(&server, "a");
    let archive = visitor.get("/dashboard/models/m/d/model.zip");
    assert_eq!(archive.header("content-disposition"), Some("attachment; filename=\"model.zip\""));
    assert_eq!(archive.body, server.export("m"));
    let onnx = visitor.get("/dashboard/models/m/d/model.onnx");
    assert_eq!((onnx.status, onnx.header("content-type")), (200, Some("application/octet-stream")));
    assert!(has(&server, "export"));
    let form = Form::model("copy", "d").file("importzip", &archive.body);
    let reply = visitor.upload("/dashboard/import", &form);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard/models/copy/d?done=import")));
    let page = visitor.get("/dashboard/models/copy/d?done=import");
    assert!(page.text().contains("The model was imported.") && page.text().contains("imported</span>"));
    let samples = unlabelled(&["1-0,1,3,-1"]);
    assert_eq!(server.predictions("copy", &samples), server.predictions("m", &samples));
    let refused =
        visitor.upload("/dashboard/import", &Form::model("bad", "d").file("importzip", b"nonsense"));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("The request cannot be used") && refused.text().contains("<html"));
    assert_eq!(server.get("/models/bad/d").status, 404);
}

#[test]
fn an_admin_imports_for_another_user() {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,root:pw-root");
    let launch = launch.env("MOODLE_MLBACKEND_ADMINS", "root").env("MOODLE_MLBACKEND_ISOLATE_USERS", "1");
    let server = launch.start();
    let form = Form::model("m", "d").file("dataset", &separable(40, false));
    let train = Request::new("POST", "/training").credentials("ann", "pw-ann").form(&form);
    assert_eq!(server.send(&train).status, 200);
    let (root, ann) = (Visitor::new(&server, "root"), Visitor::new(&server, "ann"));
    let archive = root.get("/dashboard/models/m/d/model.zip?user=ann").body;
    let form = Form::model("copy", "d").file("importzip", &archive);
    let reply = root.upload("/dashboard/import?user=ann", &form);
    assert_eq!(reply.header("location"), Some("/dashboard/models/copy/d?user=ann&done=import"));
    assert_eq!(ann.get("/dashboard/models/copy/d").status, 200);
    assert_eq!(root.post("/dashboard/models/copy/d/delete?user=ann", "confirm=copy").status, 303);
    assert_eq!(ann.get("/dashboard/models/copy/d").status, 404);
}

#[test]
fn an_evaluation_says_where_its_report_is() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PUBLIC_URL", "https://ml.example.org/ml/").start();
    let form = Form::model("m", "e").evaluation(2).file("dataset", &separable(400, false));
    let reply = server.post("/evaluation", &form).json();
    let info = reply["info"].as_array().expect("sentences").iter().filter_map(Value::as_str);
    let info: Vec<&str> = info.collect();
    let path = format!("/dashboard/models/m/e/runs/{}", reply["runid"]);
    let address = format!("https://ml.example.org/ml{path}");
    assert!(info.iter().any(|sentence| sentence.contains(&address)), "{info:?}");
    assert_eq!(Visitor::new(&server, "a").get(&path).status, 200);
    let off = Launch::new().env("MOODLE_MLBACKEND_PUBLIC_URL", "https://ml.example.org");
    let off = off.env("MOODLE_MLBACKEND_DASHBOARD", "false").start();
    let reply = off.post("/evaluation", &form);
    assert!(!reply.text().contains("ml.example.org"), "{}", reply.text());
}
