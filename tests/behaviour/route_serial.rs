//! Concurrent clients of one model: their replies are those of some sequential order that respects the real-time order
//! of requests and replies (linearizability; the search is that of Wing and Gong 1993). Models do not block each other.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Dice, Form, Launch, TestServer, long, separable, unlabelled};

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

/// A request and its reply.
#[derive(Debug)]
struct Observation {
    operation: Operation,
    sent: Instant,
    replied: Instant,
    /// The predictions or the status of the model; `None` for operations that do not return them.
    seen: Option<Value>,
}

impl Observation {
    fn changes(&self) -> bool {
        matches!(self.operation, Operation::Train | Operation::Import(_) | Operation::Delete)
    }
}

/// A server, and the predictions of its model in each state.
struct System {
    server: TestServer,
    archives: [Vec<u8>; 2],
    replies: HashMap<State, Value>,
}

impl System {
    fn new() -> Self {
        let server = TestServer::start();
        let archives = [(20, false), (60, true)].map(|(count, inverted)| {
            server.train("a", &separable(count, inverted));
            let archive = server.export("a");
            server.post("/deletemodel", &Form::new().field("uniqueid", "a")).expect(200, "Ok");
            archive
        });
        let mut system = Self { server, archives, replies: HashMap::new() };
        for archive in 0..=2 {
            system.send(Operation::Delete);
            if archive > 0 {
                system.send(Operation::Import(archive));
            }
            for trainings in 0..=CLIENTS[0].1 {
                system.replies.insert(State { archive, trainings }, predicted(&system.server));
                system.send(Operation::Train);
            }
        }
        system.send(Operation::Delete);
        let different: HashSet<String> = system.replies.values().map(Value::to_string).collect();
        assert!(different.len() >= 5, "the states differ: {different:?}");
        system
    }

    /// Sends a request; returns what it shows of the model.
    fn send(&self, operation: Operation) -> Option<Value> {
        match operation {
            Operation::Train => self.server.train("m", &separable(30, false)),
            Operation::Import(which) => self.server.import("m", &self.archives[which - 1]).expect(200, "Ok"),
            Operation::Delete => {
                self.server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
            }
            Operation::Predict => return Some(predicted(&self.server)),
            Operation::Export => return Some(self.exported()),
            Operation::Evaluate => {
                let form = Form::model("m", "d").evaluation(1).file("dataset", &separable(40, false));
                let reply = self.server.post("/evaluation", &form);
                assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
            }
        }
        None
    }

    fn observe(&self, operation: Operation) -> Observation {
        let sent = Instant::now();
        let seen = self.send(operation);
        Observation { operation, sent, replied: Instant::now(), seen }
    }

    /// The predictions of the exported model on another server.
    fn exported(&self) -> Value {
        let export = self.server.get("/export?uniqueid=m&dirhash=d");
        if export.status != 200 {
            assert_eq!(export.status, 503, "{}", export.text());
            return self.replies[&State::DELETED].clone();
        }
        let other = TestServer::start();
        other.import("m", &export.body).expect(200, "Ok");
        predicted(&other)
    }

    /// The state after an operation; `None` if its reply contradicts the state before.
    fn after(&self, done: &Observation, state: State) -> Option<State> {
        match (done.operation, &done.seen) {
            (Operation::Train, _) => Some(State { trainings: state.trainings + 1, ..state }),
            (Operation::Import(archive), _) => Some(State { archive, trainings: 0 }),
            (Operation::Delete, _) => Some(State::DELETED),
            (_, Some(seen)) => (self.replies.get(&state) == Some(seen)).then_some(state),
            (_, None) => Some(state),
        }
    }

    /// Whether some order of all requests explains all replies.
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
            let first_reply = left().map(|(_, done)| done.replied).min();
            // A request that was sent after another one got its reply comes after it.
            let next = left().filter(|(_, done)| first_reply.is_none_or(|replied| done.sent <= replied));
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

/// The predictions of the model m, or the status if there is none.
fn predicted(server: &TestServer) -> Value {
    let dataset = unlabelled(&["1-0,1,3,-1", "2-0,1,2,-0.2", "3-0,1,5,-0.6"]);
    let mut reply = server.predict("m", &dataset);
    let key = if reply["status"] == json!(0) { "predictions" } else { "status" };
    reply[key].take()
}

#[test]
fn the_answers_to_32_concurrent_clients_of_one_model_are_linearizable() {
    let system = System::new();
    let mut dice = Dice::new(32);
    for round in 0..if long() { 40 } else { 3 } {
        let mut operations: Vec<Operation> = CLIENTS
            .into_iter()
            .flat_map(|(operation, count)| std::iter::repeat_n(operation, count))
            .collect();
        assert_eq!(operations.len(), 32);
        dice.shuffle(&mut operations);
        let delays: Vec<f64> = operations.iter().map(|_| dice.between(0.0, 0.5)).collect();
        let mut all: Vec<Observation> = thread::scope(|scope| {
            let one = |(operation, delay): (Operation, f64)| {
                let system = &system;
                scope.spawn(move || {
                    thread::sleep(Duration::from_secs_f64(delay));
                    system.observe(operation)
                })
            };
            let clients: Vec<_> = operations.into_iter().zip(delays).map(one).collect();
            clients.into_iter().map(|client| client.join().expect("a reply")).collect()
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

#[test]
#[cfg(debug_assertions)]
fn publishing_a_model_blocks_neither_other_models_nor_its_own_readers() {
    // With one job slot, the held training would block the others.
    let server = Launch::new().env("MOODLE_MLBACKEND_JOBS", "2").with_faults().start();
    let train = |id: &str| server.train(id, &separable(30, false));
    train("m");
    server.hold("make a file");
    thread::scope(|scope| {
        let held = scope.spawn(|| train("m"));
        server.wait_until_held();
        // While the lock of model m is held, all of these requests finish.
        train("n");
        for id in ["m", "n"] {
            server.predictions(id, &unlabelled(&["1-0,1,3,-1"]));
            server.export(id);
        }
        server.post("/deletemodel", &Form::new().field("uniqueid", "n")).expect(200, "Ok");
        assert!(!held.is_finished());
        server.release();
        held.join().expect("it is trained");
    });
}
