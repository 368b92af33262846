//! A server that has worked much needs no more memory afterwards than before.

use crate::common::{Dice, Form, Table, TestServer, skip};

/// 60 columns, half of which tell something.
fn many(samples: usize) -> Table {
    let mut dice = Dice::new(3);
    let names: Vec<String> = (0..60).map(|at| format!("\\c{at}")).collect();
    let mut table = Table::of_two_classes(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..samples {
        let class = dice.chance(0.3);
        let cell = |at: usize, dice: &mut Dice| {
            let centre = if class && at.is_multiple_of(2) { 0.1 } else { 0.0 };
            ((centre + dice.between(-0.5, 0.5)) * 100.0).round() as f32 / 100.0
        };
        let row: Vec<f32> = (0..60).map(|at| cell(at, &mut dice)).collect();
        table.push(&row, u8::from(class));
    }
    table
}

fn evaluate(server: &TestServer, samples: usize) {
    let form = Form::new().field("uniqueid", "m").field("minscore", "0").field("maxdeviation", "1");
    let form = form.field("niterations", "2").field("dirhash", "e");
    let reply = server.post("/evaluation", &form.file("dataset", &many(samples).labelled())).json();
    assert_eq!(reply["status"], serde_json::json!(0), "{reply}");
}

#[test]
fn a_large_evaluation_leaves_memory_as_it_found_it() {
    let server = TestServer::start();
    // Fonts, threads and connections come with the first one and stay.
    evaluate(&server, 200);
    let Some(before) = resident(&server) else {
        return skip("memory", "this system does not tell how much memory a process needs");
    };
    // Where memory is not given back, more than 100 MiB stay of this.
    evaluate(&server, 6_000);
    let after = resident(&server).expect("as before");
    assert!(after < before + 60, "{before} MiB before, {after} MiB after");
}

/// In MiB.
fn resident(server: &TestServer) -> Option<u64> {
    server.memory("VmRSS").map(|bytes| bytes >> 20)
}
