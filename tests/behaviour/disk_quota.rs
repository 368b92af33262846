//! The disk quota of a user: what could exceed it gets 507, and the sentence names the setting.

use crate::common::{Form, JobClient, Launch, Reply, Request, separable, unlabelled};

const SETTING: &str = "MOODLE_MLBACKEND_MAX_DISK_PER_USER";

#[track_caller]
fn assert_refused(reply: &Reply) {
    assert_eq!(reply.status, 507, "{}", reply.text());
    assert!(reply.text().contains(SETTING), "{}", reply.text());
}

#[test]
fn a_user_with_a_full_share_stores_nothing_more_while_others_do() {
    let dataset = separable(60, false);
    // A dataset fits into an empty share, and not beside the model that was trained on it.
    let quota = (dataset.len() + 500).to_string();
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,bob:pw-bob")
        .env("MOODLE_MLBACKEND_ISOLATE_USERS", "1")
        .env(SETTING, &quota)
        .start();
    let (ann, bob) = (JobClient::new(&server, "ann"), JobClient::new(&server, "bob"));
    let post =
        |client: JobClient, route: &str, form: &Form| client.send(Request::new("POST", route).form(form));
    let training = Form::model("m", "d").file("dataset", &dataset);
    assert_eq!(post(ann, "/training", &training).status, 200);

    let evaluation = || Form::model("m", "e").evaluation(1).file("dataset", &dataset);
    assert_refused(&post(ann, "/training", &training));
    assert_refused(&ann.post("/training", &training));
    assert_refused(&post(ann, "/evaluation", &evaluation()));
    let archive = ann.get("/export?uniqueid=m&dirhash=d").body;
    assert_refused(&post(ann, "/import", &Form::model("n", "d").file("importzip", &archive)));
    // A prediction stores nothing.
    let prediction = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    assert_eq!(post(ann, "/prediction", &prediction).status, 200);
    assert_eq!(post(bob, "/training", &training).status, 200);

    post(ann, "/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_eq!(post(ann, "/training", &training).status, 200, "there is room again");
}
