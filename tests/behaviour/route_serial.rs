//! Concurrent clients of one model: their answers are those of some sequential order that respects the real-time
//! order of requests and answers (linearizability; the search is that of Wing and Gong 1993). And models do not wait
//! for each other.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    Dice, Form, Launch, Reply, TestServer, fired_failpoint, inject_fault, inject_fault_at, labelled, long,
    unlabelled, until,
};

/// The operations, and how many clients do each.
const CLIENTS: [(Operation, usize); 7] = [
    (Operation::Train, 3),
    (Operation::Import(1), 2),
    (Operation::Import(2), 2),
    (Operation::Delete, 2),
    (Operation::Predict, 12),
    (Operation::Export, 6),
    (Operation::Evaluate, 5),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Train,
    /// The first or the second archive.
    Import(usize),
    Delete,
    Predict,
    Export,
    Evaluate,
}

/// The history of a model since it was last deleted: the imported archive (0 is none), and the number of trainings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    archive: usize,
    trainings: usize,
}

impl State {
    const DELETED: Self = Self { archive: 0, trainings: 0 };
}

/// A request and its answer.
#[derive(Debug)]
struct Observation {
    what: Operation,
    sent: Instant,
    answered: Instant,
    /// The predictions or the status of the model; `None` for operations that do not return them.
    seen: Option<Value>,
}

impl Observation {
    fn changes(&self) -> bool {
        matches!(self.what, Operation::Train | Operation::Import(_) | Operation::Delete)
    }
}

/// A server, and the predictions of its model in each state.
struct System {
    server: TestServer,
    archives: [Vec<u8>; 2],
    answers: HashMap<State, Value>,
}

fn rows(turned: bool, count: usize) -> Vec<u8> {
    let row = |n: usize| {
        format!("1,{},{},{}", n % 7, if n.is_multiple_of(2) == turned { "-1" } else { "-0.2" }, n % 2)
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

impl System {
    fn new() -> Self {
        let server = TestServer::start();
        let archives = [(true, 20), (false, 60)].map(|(turned, count)| {
            assert_done(
                &server.post("/training", &Form::model("a", "d").file("dataset", &rows(turned, count))),
            );
            let archive = server.get("/export?uniqueid=a&dirhash=d").body;
            server.post("/deletemodel", &Form::new().field("uniqueid", "a")).expect(200, "Ok");
            archive
        });
        let mut system = Self { server, archives, answers: HashMap::new() };
        for archive in 0..=2 {
            system.send(Operation::Delete);
            if archive > 0 {
                system.send(Operation::Import(archive));
            }
            for trainings in 0..=CLIENTS[0].1 {
                system.answers.insert(State { archive, trainings }, system.predict("m"));
                system.send(Operation::Train);
            }
        }
        system.send(Operation::Delete);
        let different: HashSet<String> = system.answers.values().map(Value::to_string).collect();
        assert!(different.len() >= 5, "the states differ: {different:?}");
        system
    }

    /// Sends a request; returns what it shows of the model.
    fn send(&self, what: Operation) -> Option<Value> {
        let form = Form::model("m", "d");
        match what {
            Operation::Train => {
                assert_done(&self.server.post("/training", &form.file("dataset", &rows(true, 30))));
            }
            Operation::Import(which) => {
                self.server
                    .post("/import", &form.file("importzip", &self.archives[which - 1]))
                    .expect(200, "Ok");
            }
            Operation::Delete => {
                self.server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
            }
            Operation::Predict => return Some(self.predict("m")),
            Operation::Export => return Some(self.exported()),
            Operation::Evaluate => {
                let form =
                    form.field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
                assert_done(&self.server.post("/evaluation", &form.file("dataset", &rows(true, 40))));
            }
        }
        None
    }

    fn predict(&self, id: &str) -> Value {
        let dataset = unlabelled(&["1-0,1,3,-1", "2-0,1,2,-0.2", "3-0,1,5,-0.6"]);
        let reply = self.server.post("/prediction", &Form::model(id, "d").file("dataset", &dataset)).json();
        if reply["status"] == json!(0) { reply["predictions"].clone() } else { reply["status"].clone() }
    }

    /// The predictions of the exported model on another server.
    fn exported(&self) -> Value {
        let export = self.server.get("/export?uniqueid=m&dirhash=d");
        if export.status != 200 {
            assert_eq!(export.status, 503, "{}", export.text());
            return self.answers[&State::DELETED].clone();
        }
        let other = TestServer::start();
        other.post("/import", &Form::model("m", "d").file("importzip", &export.body)).expect(200, "Ok");
        Self { server: other, archives: [Vec::new(), Vec::new()], answers: HashMap::new() }.predict("m")
    }

    /// The state after an operation; `None` if its answer contradicts the state before.
    fn after(&self, done: &Observation, state: State) -> Option<State> {
        match (done.what, &done.seen) {
            (Operation::Train, _) => Some(State { trainings: state.trainings + 1, ..state }),
            (Operation::Import(archive), _) => Some(State { archive, trainings: 0 }),
            (Operation::Delete, _) => Some(State::DELETED),
            (_, Some(seen)) => (self.answers.get(&state) == Some(seen)).then_some(state),
            (_, None) => Some(state),
        }
    }

    /// Whether some order of all requests explains all answers.
    fn explains(&self, all: &[Observation]) -> bool {
        let mut tried = HashSet::new();
        let mut open = vec![(0_u64, State::DELETED)];
        while let Some((finished, state)) = open.pop() {
            if finished.count_ones() as usize == all.len() {
                return true;
            }
            if !tried.insert((finished, state)) {
                continue;
            }
            let left = || all.iter().enumerate().filter(|(at, _)| finished & (1 << at) == 0);
            let first_answer = left().map(|(_, done)| done.answered).min();
            // A request that was sent after another one was answered comes after it.
            let next = left().filter(|(_, done)| first_answer.is_none_or(|answered| done.sent <= answered));
            let mut next = next.filter_map(|(at, done)| Some((at, self.after(done, state)?, done.changes())));
            // A consistent operation that changes nothing can be done at once.
            let some = next.clone().find(|(.., changes)| !changes);
            match some {
                Some((at, after, _)) => open.push((finished | 1 << at, after)),
                None => open.extend(next.by_ref().map(|(at, after, _)| (finished | 1 << at, after))),
            }
        }
        false
    }
}

fn assert_done(reply: &Reply) {
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
}

#[test]
fn the_answers_to_32_concurrent_clients_of_one_model_are_linearizable() {
    let system = System::new();
    let mut dice = Dice::new(32);
    for round in 0..if long() { 40 } else { 3 } {
        let mut operations: Vec<Operation> =
            CLIENTS.into_iter().flat_map(|(what, count)| std::iter::repeat_n(what, count)).collect();
        assert_eq!(operations.len(), 32);
        dice.shuffle(&mut operations);
        let delays: Vec<f64> = operations.iter().map(|_| dice.between(0.0, 0.5)).collect();
        let mut all: Vec<Observation> = thread::scope(|scope| {
            let one = |(what, delay): (Operation, f64)| {
                let system = &system;
                scope.spawn(move || {
                    thread::sleep(Duration::from_secs_f64(delay));
                    system.observe(what)
                })
            };
            let clients: Vec<_> = operations.into_iter().zip(delays).map(one).collect();
            clients.into_iter().map(|client| client.join().expect("an answer")).collect()
        });
        all.push(system.observe(Operation::Predict));
        assert!(system.explains(&all), "no order explains round {round}: {all:#?}");
        // The search must be able to fail.
        if let Some(last) = all.last_mut() {
            last.seen = Some(json!("something else"));
        }
        assert!(!system.explains(&all));
        all.clear();
        system.send(Operation::Delete);
    }
}

impl System {
    fn observe(&self, what: Operation) -> Observation {
        let sent = Instant::now();
        let seen = self.send(what);
        Observation { what, sent, answered: Instant::now(), seen }
    }
}

#[test]
#[cfg(debug_assertions)]
fn publishing_a_model_blocks_neither_other_models_nor_its_own_readers() {
    // With one job slot, the held training would block the others.
    let server = Launch::new().env("MOODLE_MLBACKEND_JOBS", "2").with_faults().start();
    let train = |id: &str| server.post("/training", &Form::model(id, "d").file("dataset", &rows(true, 30)));
    assert_done(&train("m"));
    inject_fault(&server, "hold make a file");
    thread::scope(|scope| {
        let held = scope.spawn(|| train("m"));
        until("it publishes", || fired_failpoint(&server.orders()).is_some());
        // While the lock of model m is held, all of these requests finish.
        assert_done(&train("n"));
        let read = |id: &str| {
            let form = Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
            assert_done(&server.post("/prediction", &form));
            assert_eq!(server.get(&format!("/export?uniqueid={id}&dirhash=d")).status, 200);
        };
        read("m");
        read("n");
        server.post("/deletemodel", &Form::new().field("uniqueid", "n")).expect(200, "Ok");
        assert!(!held.is_finished());
        inject_fault_at(&server.orders().with_extension("go"), "");
        assert_done(&held.join().expect("an answer"));
    });
}
