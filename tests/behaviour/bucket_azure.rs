//! Servers that share a container of Azure Blob Storage, as Microsoft's emulator provides it.

use std::thread;

use serde_json::json;

use crate::common::{
    Azurite, Form, JobClient, Launch, Output, Request, batch, cookie, labelled, program, separable, sign_in,
    unlabelled, until,
};

#[test]
fn servers_on_a_container_of_azure_share_models_runs_jobs_and_sessions() {
    let test = "servers_on_a_container_of_azure_share_models_runs_jobs_and_sessions";
    let Some(azure) = Azurite::shared(test) else { return };
    let url = format!("az://{}/site1", azure.container());
    let settings = azure.settings(&url);
    let [one, other] = [(); 2].map(|()| Launch::on_bucket(&settings).start());
    one.train("m", &separable(60, false));
    let rows = unlabelled(&["1-0,1,1,-1", "2-0,1,1,-0.2"]);
    let predicted = one.predictions("m", &rows);
    assert_eq!(other.predictions("m", &rows), predicted);
    other.train("m", &separable(600, true));
    assert_ne!(one.predictions("m", &rows), predicted);
    assert_eq!(one.predictions("m", &rows), other.predictions("m", &rows));

    let form = Form::model("m", "d").evaluation(2).file("dataset", &separable(200, false));
    let evaluated = one.post("/evaluation", &form);
    assert_eq!(evaluated.status, 200, "{}", evaluated.text());
    let run = evaluated.json()["runid"].to_string();
    let log = other.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={}", run.trim_matches('"')));
    assert_eq!((log.status, log.header("content-type")), (200, Some("application/zip")));
    assert_eq!(other.post("/models/m/d/rollback", &Form::new()).status, 200);
    assert_eq!(one.predictions("m", &rows), predicted);
    let session = cookie(&sign_in(&one, "a", "b")).unwrap();
    assert_eq!(other.send(&Request::new("GET", "/dashboard").header("Cookie", &session)).status, 200);
    let [client, elsewhere] = [&one, &other].map(|server| JobClient::new(server, "a"));
    let job = client.start("/training", &Form::model("m", "d").file("dataset", &separable(40, false)));
    client.ended(&job);
    assert_eq!(elsewhere.job(&job)["result"], json!({"status": 0, "info": []}));
    assert_eq!(elsewhere.delete(&job).status, 204);

    let command =
        |arguments: &[&str]| Output::of(program(arguments).envs(settings.iter().cloned())).expect_code(0);
    assert!(command(&["check", &url]).contains("0 problems"));
    assert!(command(&["inspect", &url]).contains("a bucket: 1 model"));
    assert!(command(&["audit", "--json", &url]).contains("\"operation\":\"rollback\""));

    assert_eq!(other.post("/deletemodel", &Form::new().field("uniqueid", "m")).status, 200);
    assert_eq!(one.predict("m", &rows)["status"], json!(2));
    assert_eq!(one.get("/models").json()["models"], json!([]));
    one.train("m", &separable(40, false));
    assert_eq!(other.get("/models/m/d").json()["model"]["samples"], json!(40));
}

/// The conditions of puts decide which server wins.
#[test]
fn concurrent_trainings_on_a_container_of_azure_lose_no_batch() {
    const BATCHES: usize = 8;
    const SAMPLES: usize = 20;
    let Some(azure) = Azurite::shared("concurrent_trainings_on_a_container_of_azure_lose_no_batch") else {
        return;
    };
    let settings = azure.settings(&format!("az://{}", azure.container()));
    let servers = [(); 2].map(|()| Launch::on_bucket(&settings).start());
    thread::scope(|scope| {
        for number in 0..BATCHES {
            let server = &servers[number % servers.len()];
            scope.spawn(move || {
                let form = Form::model("m", "d").file("dataset", &labelled(&batch(number, SAMPLES)));
                until("the batch is learnt", || {
                    let reply = server.post("/training", &form);
                    reply.status == 200 && reply.json()["status"] == json!(0)
                });
            });
        }
    });
    for server in &servers {
        let model = server.get("/models/m/d").json();
        assert_eq!(model["model"]["samples"], json!(SAMPLES * BATCHES), "{model}");
    }
}
