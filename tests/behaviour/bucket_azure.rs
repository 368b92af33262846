//! Servers that share a container of Azure Blob Storage, as Microsoft's emulator provides it.

use std::thread;

use serde_json::json;

use super::bucket::any_server_answers_for_all;
use crate::common::{Azurite, Form, JobClient, Launch, batch, bucket_command, labelled, separable, until};

#[test]
fn servers_on_a_container_of_azure_share_models_runs_jobs_and_sessions() {
    let test = "servers_on_a_container_of_azure_share_models_runs_jobs_and_sessions";
    let Some(azure) = Azurite::shared(test) else { return };
    let url = format!("az://{}/site1", azure.container());
    let settings = azure.settings(&url);
    any_server_answers_for_all(&settings, &url);
    let [one, other] = [(); 2].map(|()| Launch::on_bucket(&settings).start());
    let [client, elsewhere] = [&one, &other].map(|server| JobClient::new(server, "a"));
    let job = client.start("/training", &Form::model("m", "d").file("dataset", &separable(40, false)));
    client.ended(&job);
    assert_eq!(elsewhere.job(&job)["result"], json!({"status": 0, "info": []}));
    assert_eq!(elsewhere.delete(&job).status, 204);

    // The model was deleted before.
    assert_eq!(other.get("/models/m/d").json()["model"]["samples"], json!(40));
    assert!(bucket_command(&settings, &["inspect", &url]).contains("a bucket: 2 models"));
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
