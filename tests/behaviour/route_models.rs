//! `GET /models` and `GET /models/{uniqueid}/{dirhash}`.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Form, Launch, Reply, Request, TestServer, separable, waves};

const PROBLEM: &str = "application/problem+json";

/// The ids of the models on a page.
fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let list = reply.json();
    let models = list["models"].as_array().expect("a list");
    models.iter().map(|model| model["uniqueid"].as_str().expect("text").to_owned()).collect()
}

/// The target of a link in the header.
fn link(reply: &Reply, rel: &str) -> Option<String> {
    let links = reply.header("link")?;
    let found = links.split(", ").find(|link| link.ends_with(&format!("rel=\"{rel}\"")))?;
    Some(found.split(['<', '>']).nth(1)?.to_owned())
}

/// Copies a trained model to other ids, as a backup would: training each takes longer.
fn copies(server: &TestServer, ids: &[&str]) {
    server.train("source", &separable(40, false));
    let source = server.data_dir().join("source");
    for id in ids {
        copy(&source, &server.data_dir().join(id));
    }
    fs::remove_dir_all(source).unwrap();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(drop).unwrap() }
    }
}

#[test]
fn a_model_is_listed_with_what_is_known_about_it() {
    let server = TestServer::start();
    assert_eq!(server.get("/models").json(), json!({"models": []}));
    server.train("m", &separable(40, false));
    let evaluation = Form::model("m", "e").evaluation(2).file("dataset", &separable(40, false));
    let run = server.post("/evaluation", &evaluation).json()["runid"].clone();
    let list = server.get("/models").json();
    let [trained, evaluated] = list["models"].as_array().expect("a list").as_slice() else {
        panic!("{list}");
    };
    for (key, value) in [
        ("uniqueid", json!("m")),
        ("dirhash", json!("d")),
        ("origin", json!("trained")),
        ("generation", json!(1)),
        ("samples", json!(40)),
        ("classes", json!([0, 1])),
        ("class_counts", json!([20, 20])),
        ("target", json!("\\target")),
        ("time_splitting", json!("\\quarters")),
        ("problem", json!(null)),
    ] {
        assert_eq!(trained[key], value, "{key}: {trained}");
    }
    assert!(trained["size"].as_u64() > Some(1000), "{trained}");
    assert!(trained["trained"].as_str().is_some_and(|when| when.ends_with('Z')), "{trained}");
    assert!(trained.get("user").is_none(), "{trained}");
    let last = &trained["last_evaluation"];
    assert_eq!((&last["runid"], &last["dirhash"], &last["status"]), (&run, &json!("e"), &json!(0)));
    assert!(last["score"].as_f64() > Some(0.9), "{last}");
    assert_eq!((&evaluated["dirhash"], &evaluated["origin"]), (&json!("e"), &json!("none")));
}

#[test]
fn imported_models_and_those_of_the_python_server_say_so() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    server.import("n", &server.export("m")).expect(200, "Ok");
    let origin = |filter: &str| ids(&server.get(&format!("/models?origin={filter}")));
    assert_eq!((origin("trained"), origin("imported")), (vec!["m".to_owned()], vec!["n".to_owned()]));
    let python = server.data_dir().join("p/d/classifier");
    fs::create_dir_all(&python).unwrap();
    #[allow(clippy::disallowed_methods, reason = "not a file of the server")]
    fs::write(python.join("classifier.pkl"), b"pickle").unwrap();
    assert_eq!(origin("python_server"), ["p"]);
    assert_eq!(origin("none"), [""; 0]);
}

#[test]
fn a_model_that_cannot_be_read_is_listed_with_its_problem_and_no_path() {
    let server = TestServer::start();
    copies(&server, &["a", "b"]);
    #[allow(clippy::disallowed_methods, reason = "it damages a file")]
    fs::write(server.data_dir().join("a/d/classifier/current.json"), b"{}").unwrap();
    #[allow(clippy::disallowed_methods, reason = "it damages a file")]
    fs::write(server.data_dir().join("a/d/classifier/1/generation.json"), b"{}").unwrap();
    let reply = server.get("/models");
    assert_eq!(ids(&reply), ["a", "b"]);
    let problem = reply.json()["models"][0]["problem"].clone();
    assert!(problem.as_str().is_some_and(|text| text.starts_with("The model is damaged.")), "{problem}");
    assert!(!reply.text().contains(server.data_dir().to_str().unwrap()), "{}", reply.text());
}

#[rstest]
#[case("id", &["a", "b", "c", "d", "e"])]
#[case("-id", &["e", "d", "c", "b", "a"])]
#[case("samples", &["a", "b", "c", "d", "e"])]
#[case("-size", &["e", "d", "c", "b", "a"])]
fn pages_follow_each_other_in_both_directions(#[case] sort: &str, #[case] order: &[&str]) {
    let server = TestServer::start();
    copies(&server, &["a", "b", "c", "d", "e"]);
    let first = server.get(&format!("/models?per_page=2&sort={sort}"));
    assert_eq!(
        (ids(&first), link(&first, "prev")),
        (order[..2].iter().map(|&id| id.to_owned()).collect(), None)
    );
    let second = server.get(&link(&first, "next").expect("a next page"));
    assert_eq!(ids(&second), order[2..4]);
    let third = server.get(&link(&second, "next").expect("a next page"));
    assert_eq!((ids(&third), link(&third, "next")), (vec![order[4].to_owned()], None));
    assert_eq!(ids(&server.get(&link(&third, "prev").expect("a previous page"))), order[2..4]);
    let last = server.get(&link(&first, "last").expect("a last page"));
    assert_eq!(
        (ids(&last), link(&last, "next")),
        (order[3..].iter().map(|&id| id.to_owned()).collect(), None)
    );
    assert_eq!(ids(&server.get(&link(&last, "first").expect("a first page"))), order[..2]);
}

#[rstest]
#[case("id")]
#[case("samples")]
fn models_that_appear_or_vanish_neither_repeat_nor_hide_others(#[case] sort: &str) {
    let server = TestServer::start();
    copies(&server, &["b", "c", "d", "e"]);
    let first = server.get(&format!("/models?per_page=2&sort={sort}"));
    assert_eq!(ids(&first), ["b", "c"]);
    // The model at the end of the page vanishes, and one appears before it.
    fs::remove_dir_all(server.data_dir().join("c")).unwrap();
    copy(&server.data_dir().join("b"), &server.data_dir().join("a"));
    let second = server.get(&link(&first, "next").expect("a next page"));
    assert_eq!(ids(&second), ["d", "e"]);
    assert_eq!(ids(&server.get(&link(&second, "prev").expect("a previous page"))), ["a", "b"]);
}

#[test]
fn a_page_beyond_the_end_is_empty_and_leads_back() {
    let server = TestServer::start();
    copies(&server, &["a", "b"]);
    for sort in ["id", "size"] {
        let beyond = server.get(&format!("/models?sort={sort}&cursor=after:999999999999999999:z/z"));
        assert_eq!((ids(&beyond), link(&beyond, "next")), (vec![], None));
        assert_eq!(ids(&server.get(&link(&beyond, "prev").expect("a previous page"))), ["a", "b"]);
    }
}

#[test]
fn filters_select_models_and_stay_in_the_links() {
    let server = TestServer::start();
    copies(&server, &["a1", "a2", "a3", "b1"]);
    let page = server.get("/models?uniqueid=a&per_page=1&sort=-id");
    assert_eq!(ids(&page), ["a3"]);
    let next = link(&page, "next").expect("a next page");
    assert!(next.starts_with("/models?uniqueid=a&sort=-id&per_page=1&cursor="), "{next}");
    assert_eq!(ids(&server.get(&next)), ["a2"]);
    assert_eq!(ids(&server.get("/models?dirhash=d")).len(), 4);
    assert_eq!(ids(&server.get("/models?dirhash=D")), [""; 0]);
}

#[test]
fn links_have_the_url_prefix() {
    let server = Launch::new().arg("--url-prefix").arg("/ml").start();
    let page = server.get("/ml/models");
    assert_eq!(link(&page, "first").as_deref(), Some("/ml/models?cursor=after%3A%3A"));
    assert_eq!(server.get("/ml/models/m/d").json()["type"], "/ml/docs#no-such-model");
}

#[rstest]
#[case("per_page=0", "per_page is \"0\"")]
#[case("per_page=99999999999999999999999", "per_page is")]
#[case("per_page=-1", "per_page is")]
#[case("per_page=+5", "per_page is")]
#[case("per_page=", "per_page is")]
#[case("sort=name", "sort is \"name\"")]
#[case("sort=", "sort is")]
#[case("origin=elsewhere", "origin is")]
#[case("uniqueid=..%2F", "uniqueid is")]
#[case("uniqueid=", "uniqueid is")]
#[case("dirhash=%00", "dirhash is")]
#[case("cursor=9", "cursor is")]
#[case("cursor=after:1:../../x", "cursor is")]
fn an_invalid_parameter_is_a_problem_that_names_it(#[case] query: &str, #[case] detail: &str) {
    let server = TestServer::start();
    let reply = server.get(&format!("/models?{query}"));
    assert_eq!((reply.status, reply.header("content-type")), (400, Some(PROBLEM)));
    let problem = reply.json();
    assert!(problem["detail"].as_str().is_some_and(|text| text.starts_with(detail)), "{problem}");
    assert_eq!((&problem["type"], &problem["status"]), (&json!("/docs#invalid-request"), &json!(400)));
    assert_eq!(problem["instance"], json!(reply.header("x-request-id").expect("an id")));
    assert!(problem["remedy"].is_string() && problem["title"].is_string(), "{problem}");
}

#[test]
fn unknown_models_are_not_found_and_hostile_ids_are_refused() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    for path in ["/models/m/x", "/models/x/d", "/models/M/d", "/models/m/d/nothing", "/models/", "/models/m"]
    {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (404, Some(PROBLEM)), "{path}");
    }
    let long = "x".repeat(201);
    for id in ["..", "%2e%2e", ".mlbackend", "m%00", "m%2F..", "m%20", "%C3%A9", &long] {
        for path in [format!("/models/{id}/d"), format!("/models/m/{id}"), format!("/models/{id}/d/samples")]
        {
            let reply = server.send(&Request::new("GET", &path).credentials("a", "b"));
            assert!([400, 403, 404].contains(&reply.status), "{path}: {}", reply.status);
            assert_eq!(reply.header("content-type"), Some(PROBLEM), "{path}");
        }
    }
    assert_eq!(server.get("/models/%2e%2e/d").status, 400);
}

#[test]
fn one_model_is_shown_with_generations_evaluations_and_batches() {
    let server = TestServer::start();
    server.train("m", &waves(40, 1).labelled());
    server.train("m", &waves(60, 2).labelled());
    let evaluation = Form::model("m", "e").evaluation(2).file("dataset", &separable(40, false));
    server.post("/evaluation", &evaluation);
    let detail = server.get("/models/m/d").json();
    let list = server.get("/models?dirhash=d").json();
    assert_eq!(detail["model"], list["models"][0]);
    let numbers = |key: &str| -> Vec<Value> {
        let generations = detail["generations"].as_array().expect("a list");
        generations.iter().map(|generation| generation[key].clone()).collect()
    };
    assert_eq!(numbers("number"), [json!(2), json!(1)]);
    assert_eq!(numbers("current"), [json!(true), json!(false)]);
    assert_eq!(numbers("samples"), [json!(100), json!(40)]);
    assert!(numbers("log_loss")[0].is_number(), "{detail}");
    assert_eq!(detail["evaluations"].as_array().map(Vec::len), Some(1));
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    assert_eq!(detail["batches"], json!([{"day": today, "samples": 40}, {"day": today, "samples": 60}]));
}
