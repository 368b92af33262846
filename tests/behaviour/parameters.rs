//! The parameters of a request, and the order of their checks.

use rstest::rstest;

use crate::common::{Form, ROUTES, Request, TestServer, labelled, separable};

fn missing(name: &str) -> String {
    format!("The requested key {name} is not available.")
}

const EVALUATION: [(&str, &str); 5] = [
    ("uniqueid", "m"),
    ("dirhash", "d"),
    ("minscore", "0.7"),
    ("maxdeviation", "0.05"),
    ("niterations", "2"),
];

/// The parameters of an evaluation, one of them with another value or without a value.
fn evaluation(name: &str, value: Option<&str>) -> Form {
    let changed = EVALUATION.map(|(key, default)| (key, if key == name { value } else { Some(default) }));
    let fields = changed.into_iter().filter_map(|(key, value)| Some((key, value?)));
    fields.fold(Form::new(), |form, (key, value)| form.field(key, value))
}

#[test]
fn a_missing_parameter_is_named_with_status_500_as_the_installation_checks_expect() {
    let server = TestServer::start();
    for route in ROUTES {
        for (count, name) in route.parameters.iter().enumerate() {
            let request = route.request_with(count).credentials("a", "b");
            server.send(&request).expect(500, &missing(name));
        }
    }
    for path in ["/training", "/prediction", "/evaluation", "/import", "/deletemodel"] {
        server.send(&Request::new("POST", path).credentials("a", "b")).expect(500, &missing("uniqueid"));
    }
}

#[test]
fn identifiers_and_numbers_are_checked_before_the_file() {
    let server = TestServer::start();
    for (name, _) in EVALUATION {
        server.post("/evaluation", &evaluation(name, None)).expect(500, &missing(name));
    }
    // An empty uniqueid is reported before a missing dirhash, and that before a missing file.
    let reply = server.post("/training", &Form::new().field("uniqueid", ""));
    assert!(reply.status == 400 && reply.text().starts_with("uniqueid is empty"), "{}", reply.text());
}

#[test]
fn a_missing_file_part_is_a_bad_request_that_names_it() {
    let server = TestServer::start();
    for (route, file) in ROUTES.into_iter().filter_map(|route| Some((route, route.file?))) {
        let without = route.request_with(route.parameters.len()).credentials("a", "b");
        let query =
            format!("{}?uniqueid=m&dirhash=d&minscore=0.7&maxdeviation=0.05&niterations=2", route.path);
        let in_query = Request::new("POST", &query).credentials("a", "b");
        let other = Request::new("POST", &query).credentials("a", "b").form(&Form::new().file("other", b"x"));
        for request in [without, in_query, other] {
            let reply = server.send(&request);
            assert_eq!(reply.status, 400, "{}: {}", route.path, reply.text());
            assert!(reply.text().contains(&format!("The file {file} is missing")), "{}", reply.text());
        }
    }
}

#[test]
fn a_plain_field_instead_of_the_file_is_a_missing_file() {
    let server = TestServer::start();
    let dataset = String::from_utf8(labelled(&["1,-1,1,0", "1,-1,1,1"])).expect("text");
    let long = "1,-1,1,0\n".repeat(20_000);
    for content in ["", dataset.as_str(), &long] {
        for route in ["/training", "/prediction"] {
            let reply = server.post(route, &Form::model("m", "d").field("dataset", content));
            assert!(
                reply.status == 400 && reply.text().starts_with("The file dataset is missing"),
                "{}",
                reply.text()
            );
        }
        let reply = server.post("/import", &Form::model("m", "d").field("importzip", content));
        assert!(
            reply.status == 400 && reply.text().starts_with("The file importzip is missing"),
            "{}",
            reply.text()
        );
    }
    // A file after such a field counts.
    let form = Form::model("m", "d").field("dataset", "x").file("dataset", dataset.as_bytes());
    assert_eq!(server.post("/training", &form).status, 200);
}

#[test]
fn a_get_request_may_have_its_parameters_in_a_form() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let expected = server.get("/export?uniqueid=m&dirhash=d").body;
    for request in [
        Request::new("GET", "/export").urlencoded("uniqueid=m&dirhash=d"),
        Request::new("GET", "/export").form(&Form::model("m", "d")),
        Request::new("GET", "/export?dirhash=d").urlencoded("uniqueid=m&dirhash=other"),
    ] {
        let reply = server.send(&request.credentials("a", "b"));
        assert_eq!((reply.status, reply.body == expected), (200, true));
    }
    let request = Request::new("GET", "/evaluationlog").urlencoded("uniqueid=m&dirhash=d&runid=1");
    assert_eq!(server.send(&request.credentials("a", "b")).body.len(), 22);
    // The limit of a form's fields applies.
    let long = format!("uniqueid={}", "m".repeat(70_000));
    let reply = server.send(&Request::new("GET", "/export").urlencoded(&long).credentials("a", "b"));
    assert_eq!(reply.status, 413, "{}", reply.text());
}

#[test]
fn parameters_come_from_the_query_a_multipart_form_or_an_urlencoded_form() {
    let server = TestServer::start();
    let file_missing = |request: Request| {
        let reply = server.send(&request.credentials("a", "b"));
        assert!(reply.status == 400 && reply.text().contains("dataset is missing"), "{}", reply.text());
    };
    file_missing(Request::new("POST", "/training?uniqueid=m&dirhash=d"));
    file_missing(Request::new("POST", "/training").urlencoded("uniqueid=m&dirhash=d"));
    file_missing(Request::new("POST", "/training").form(&Form::model("m", "d")));
    file_missing(Request::new("POST", "/training?uniqueid=m").urlencoded("dirhash=d"));
    file_missing(Request::new("POST", "/training").body(
        "Content-Type",
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        b"uniqueid=m&dirhash=d".to_vec(),
    ));
}

#[test]
fn the_query_wins_over_the_form_and_the_first_duplicate_wins() {
    let server = TestServer::start();
    let empty = |reply: crate::common::Reply| {
        assert!(reply.status == 400 && reply.text().starts_with("uniqueid is empty"), "{}", reply.text());
    };
    let filled = |reply: crate::common::Reply| {
        assert!(reply.status == 400 && reply.text().contains("dataset is missing"), "{}", reply.text());
    };
    empty(server.post("/training?uniqueid=", &Form::model("m", "d")));
    filled(server.post("/training?uniqueid=m", &Form::model("", "d")));
    empty(server.post("/training", &Form::model("", "d").field("uniqueid", "m")));
    filled(server.post("/training", &Form::model("m", "d").field("uniqueid", "")));
    empty(server.post("/training?uniqueid=&uniqueid=m", &Form::model("m", "d")));
    filled(server.post("/training?uniqueid=m&uniqueid=", &Form::model("m", "d")));
}

#[test]
fn a_file_is_not_a_parameter() {
    let server = TestServer::start();
    let form = Form::new().file("uniqueid", b"m").field("dirhash", "d");
    server.post("/training", &form).expect(500, &missing("uniqueid"));
}

#[rstest]
#[case("")]
#[case("../..")]
#[case("...///")]
#[case("ü é")]
fn an_identifier_without_valid_characters_is_a_bad_request(#[case] id: &str) {
    let server = TestServer::start();
    for path in ["/training", "/deletemodel"] {
        let reply = server.post(path, &Form::model(id, "d"));
        assert_eq!(reply.status, 400, "{path} {id:?}");
        assert!(reply.text().starts_with("uniqueid is empty"), "{}", reply.text());
    }
    let reply = server.post("/training", &Form::model("m", id));
    assert!(reply.status == 400 && reply.text().starts_with("dirhash is empty"), "{}", reply.text());
}

#[test]
fn an_identifier_has_at_most_200_characters() {
    let server = TestServer::start();
    let reply = server.post("/training", &Form::model(&"x".repeat(201), "d"));
    assert!(
        reply.status == 400 && reply.text().starts_with("uniqueid has 201 characters"),
        "{}",
        reply.text()
    );
    // Invalid characters do not count.
    let reply = server.post("/training", &Form::model(&"x.".repeat(200), "d"));
    assert!(reply.text().contains("dataset is missing"), "{}", reply.text());
}

#[rstest]
#[case("minscore", "-1")]
#[case("minscore", "1e-1")]
#[case("minscore", "1.1")]
#[case("minscore", "")]
#[case("minscore", ".")]
#[case("minscore", "NaN")]
#[case("minscore", "inf")]
#[case("maxdeviation", "-0.05")]
#[case("maxdeviation", "2")]
#[case("maxdeviation", "0,05")]
#[case("niterations", "1.5")]
#[case("niterations", "0")]
#[case("niterations", "-3")]
#[case("niterations", "+3")]
#[case("niterations", "1001")]
#[case("niterations", "99999999999999999999999")]
#[case("niterations", "ten")]
fn an_invalid_number_is_a_bad_request_that_names_the_parameter(#[case] name: &str, #[case] value: &str) {
    let server = TestServer::start();
    let form = evaluation(name, Some(value)).file("dataset", &labelled(&["1,-1,1,0"]));
    let reply = server.post("/evaluation", &form);
    assert_eq!(reply.status, 400);
    assert!(reply.text().starts_with(&format!("{name} is \"")), "{}", reply.text());
}

#[test]
fn an_error_repeats_a_clients_text_without_markup() {
    let server = TestServer::start();
    let reply = server.post("/evaluation", &evaluation("minscore", Some("<script>alert(1)</script>")));
    assert!(reply.status == 400 && !reply.text().contains('<'), "{}", reply.text());
}
