//! `POST /prediction`.

use serde_json::json;

use crate::common::{Form, TestServer, labelled, labelled_with_classes, unlabelled};

const ROWS: [&str; 6] = ["1,-1,-1,1", "1,-1,-0.9,1", "1,-1,-1,1", "1,-1,-0.2,0", "1,-1,-0.1,0", "1,-1,0,0"];

fn trained(dataset: &[u8]) -> TestServer {
    let server = TestServer::start();
    server.train("m", dataset);
    server
}

fn predict(server: &TestServer, rows: &[&str]) -> serde_json::Value {
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", &unlabelled(rows)));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

#[test]
fn an_untrained_model_is_status_2_with_http_200() {
    let server = TestServer::start();
    let expected = json!({"status": 2, "info": ["Provided model have not been trained yet"]});
    assert_eq!(predict(&server, &["1-0,1,-1,1"]), expected);
}

#[test]
fn sample_id_class_and_probability_come_back_as_strings_in_order() {
    let server = trained(&labelled(&ROWS));
    let reply = predict(&server, &["183021-0,1,-1,-0.2", "183020-0,1,-1,-1"]);
    assert_eq!(reply["status"], json!(0));
    assert_eq!(reply["info"], json!([]));
    let predictions = reply["predictions"].as_array().expect("predictions");
    let class = |row: usize| (predictions[row][0].as_str(), predictions[row][1].as_str());
    assert_eq!([class(0), class(1)], [(Some("183021-0"), Some("0")), (Some("183020-0"), Some("1"))]);
    for row in predictions {
        let text = row[2].as_str().expect("a string");
        let probability: f32 = text.parse().expect("a number");
        assert!((0.5..=1.0).contains(&probability), "{text}");
        assert_eq!(probability.to_string(), text, "in the shortest form");
    }
}

#[test]
fn sample_ids_come_back_verbatim() {
    let server = trained(&labelled(&ROWS));
    let reply = predict(&server, &["\"a,\"\"b\"\" é\",1,-1,-1", " 007 ,1,-1,-1", ",1,-1,-1"]);
    let ids: Vec<_> =
        reply["predictions"].as_array().expect("predictions").iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, [json!("a,\"b\" é"), json!(" 007 "), json!("")]);
}

#[test]
fn no_rows_give_no_predictions() {
    let server = trained(&labelled(&ROWS));
    assert_eq!(predict(&server, &[]), json!({"status": 0, "info": [], "predictions": []}));
}

#[test]
fn the_class_is_its_label() {
    let rows = ["1,-1,-1,7", "1,-1,-1,7", "1,-1,-0.9,7", "1,-1,0,-3", "1,-1,-0.1,-3", "1,-1,0,-3"];
    let server = trained(&labelled_with_classes("[-3,7]", &rows));
    let reply = predict(&server, &["x,1,-1,-1", "y,1,-1,0"]);
    assert_eq!((&reply["predictions"][0][1], &reply["predictions"][1][1]), (&json!("7"), &json!("-3")));
}

#[test]
fn empty_cells_are_missing_values() {
    let server =
        trained(&labelled(&["1,,-1,1", ",-1,-0.9,1", "1,-1,-1,1", "1,,0,0", ",-1,-0.1,0", "1,-1,0,0"]));
    assert_eq!(predict(&server, &["x,,,"])["status"], json!(0));
}

#[test]
fn a_dataset_of_another_width_is_a_bad_request() {
    let server = trained(&labelled(&ROWS));
    let wide = "timesplitting,nfeatures,targetclasses\nx,4,\"[0,1]\"\nsampleid,a,b,c,d\n1-0,1,1,1,1\n";
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", wide.as_bytes()));
    assert_eq!(reply.status, 400, "{}", reply.text());
}
