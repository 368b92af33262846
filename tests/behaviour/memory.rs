//! The server returns memory to the system after a large evaluation.

use crate::common::{Dice, Form, Table, TestServer, skip};

/// A dataset with 60 features, half of which are informative.
fn large_table(samples: usize) -> Table {
    let mut dice = Dice::new(3);
    let names: Vec<String> = (0..60).map(|column| format!("\\c{column}")).collect();
    let mut table = Table::of_two_classes(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..samples {
        let class = dice.chance(0.3);
        let mut cell = |column: usize| {
            let centre = if class && column.is_multiple_of(2) { 0.1 } else { 0.0 };
            ((centre + dice.between(-0.5, 0.5)) * 100.0).round() as f32 / 100.0
        };
        let row: Vec<f32> = (0..60).map(&mut cell).collect();
        table.push(&row, u8::from(class));
    }
    table
}

fn evaluate(server: &TestServer, samples: usize) {
    let form = Form::new().field("uniqueid", "m").field("minscore", "0").field("maxdeviation", "1");
    let form = form.field("niterations", "2").field("dirhash", "e");
    let reply = server.post("/evaluation", &form.file("dataset", &large_table(samples).labelled())).json();
    assert_eq!(reply["status"], serde_json::json!(0), "{reply}");
}

#[test]
fn returns_memory_after_a_large_evaluation() {
    let server = TestServer::start();
    // The first evaluation loads fonts and starts threads, which stay.
    evaluate(&server, 200);
    let Some(before) = resident(&server) else {
        return skip("memory", "this system has no /proc/PID/status");
    };
    // Without returning memory, more than 100 MiB would stay resident.
    evaluate(&server, 6_000);
    let after = resident(&server).expect("/proc was readable before");
    let peak = server.memory("VmHWM").unwrap_or_default() >> 20;
    eprintln!("{before} MiB before, {after} MiB after, {peak} MiB at the peak");
    assert!(after < before + 60, "{before} MiB before, {after} MiB after");
}

/// Resident memory in MiB.
fn resident(server: &TestServer) -> Option<u64> {
    server.memory("VmRSS").map(|bytes| bytes >> 20)
}
