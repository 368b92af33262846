//! Many clients on one model at once: what they are told is what they would have been told one after the other, in
//! some order that does not contradict who was answered before who asked (linearizability; the search is that of
//! Wing and Gong 1993). And models do not wait for each other.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    Dice, Form, Launch, Reply, TestServer, fired, labelled, long, order, order_at, unlabelled, until,
};

/// What one client asks for, and how many do.
const ASKED: [(What, usize); 7] = [
    (What::Train, 3),
    (What::Import(1), 2),
    (What::Import(2), 2),
    (What::Delete, 2),
    (What::Predict, 12),
    (What::Export, 6),
    (What::Evaluate, 5),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Train,
    /// The first or the second archive.
    Import(usize),
    Delete,
    Predict,
    Export,
    Evaluate,
}

/// What a model went through since it was last nothing: no import or that of an archive, and so many trainings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    archive: usize,
    trainings: usize,
}

impl State {
    const NOTHING: Self = Self { archive: 0, trainings: 0 };
}

/// A request that was answered.
#[derive(Debug)]
struct Done {
    what: What,
    asked: Instant,
    answered: Instant,
    /// What the model answered then, or that it was not there; of what is only done, nothing.
    seen: Option<Value>,
}

impl Done {
    fn changes(&self) -> bool {
        matches!(self.what, What::Train | What::Import(_) | What::Delete)
    }
}

/// A server and what its model answers in each state.
struct House {
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

impl House {
    fn new() -> Self {
        let server = TestServer::start();
        let archives = [(true, 20), (false, 60)].map(|(turned, count)| {
            done(&server.post("/training", &Form::model("a", "d").file("dataset", &rows(turned, count))));
            let archive = server.get("/export?uniqueid=a&dirhash=d").body;
            server.post("/deletemodel", &Form::new().field("uniqueid", "a")).expect(200, "Ok");
            archive
        });
        let mut house = Self { server, archives, answers: HashMap::new() };
        for archive in 0..=2 {
            house.send(What::Delete);
            if archive > 0 {
                house.send(What::Import(archive));
            }
            for trainings in 0..=ASKED[0].1 {
                house.answers.insert(State { archive, trainings }, house.ask("m"));
                house.send(What::Train);
            }
        }
        house.send(What::Delete);
        let different: HashSet<String> = house.answers.values().map(Value::to_string).collect();
        assert!(different.len() >= 5, "states can be told apart: {different:?}");
        house
    }

    /// Asks for it, and gives what was seen of the model.
    fn send(&self, what: What) -> Option<Value> {
        let form = Form::model("m", "d");
        match what {
            What::Train => done(&self.server.post("/training", &form.file("dataset", &rows(true, 30)))),
            What::Import(which) => {
                self.server
                    .post("/import", &form.file("importzip", &self.archives[which - 1]))
                    .expect(200, "Ok");
            }
            What::Delete => {
                self.server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
            }
            What::Predict => return Some(self.ask("m")),
            What::Export => return Some(self.exported()),
            What::Evaluate => {
                let form =
                    form.field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
                done(&self.server.post("/evaluation", &form.file("dataset", &rows(true, 40))));
            }
        }
        None
    }

    fn ask(&self, id: &str) -> Value {
        let dataset = unlabelled(&["1-0,1,3,-1", "2-0,1,2,-0.2", "3-0,1,5,-0.6"]);
        let reply = self.server.post("/prediction", &Form::model(id, "d").file("dataset", &dataset)).json();
        if reply["status"] == json!(0) { reply["predictions"].clone() } else { reply["status"].clone() }
    }

    /// What the exported model answers where it is imported.
    fn exported(&self) -> Value {
        let export = self.server.get("/export?uniqueid=m&dirhash=d");
        if export.status != 200 {
            assert_eq!(export.status, 503, "{}", export.text());
            return self.answers[&State::NOTHING].clone();
        }
        let other = TestServer::start();
        other.post("/import", &Form::model("m", "d").file("importzip", &export.body)).expect(200, "Ok");
        Self { server: other, archives: [Vec::new(), Vec::new()], answers: HashMap::new() }.ask("m")
    }

    /// What becomes of a model in that state; `None` when it could not have been answered so.
    fn after(&self, done: &Done, state: State) -> Option<State> {
        match (done.what, &done.seen) {
            (What::Train, _) => Some(State { trainings: state.trainings + 1, ..state }),
            (What::Import(archive), _) => Some(State { archive, trainings: 0 }),
            (What::Delete, _) => Some(State::NOTHING),
            (_, Some(seen)) => (self.answers.get(&state) == Some(seen)).then_some(state),
            (_, None) => Some(state),
        }
    }

    /// Whether there is an order of all requests that explains all answers.
    fn explains(&self, all: &[Done]) -> bool {
        let mut tried = HashSet::new();
        let mut open = vec![(0_u64, State::NOTHING)];
        while let Some((finished, state)) = open.pop() {
            if finished.count_ones() as usize == all.len() {
                return true;
            }
            if !tried.insert((finished, state)) {
                continue;
            }
            let left = || all.iter().enumerate().filter(|(at, _)| finished & (1 << at) == 0);
            let first_answer = left().map(|(_, done)| done.answered).min();
            // Who asked after another was answered comes after it.
            let next = left().filter(|(_, done)| first_answer.is_none_or(|answered| done.asked <= answered));
            let mut next = next.filter_map(|(at, done)| Some((at, self.after(done, state)?, done.changes())));
            // What changes nothing and fits may as well be done at once.
            let some = next.clone().find(|(.., changes)| !changes);
            match some {
                Some((at, after, _)) => open.push((finished | 1 << at, after)),
                None => open.extend(next.by_ref().map(|(at, after, _)| (finished | 1 << at, after))),
            }
        }
        false
    }
}

fn done(reply: &Reply) {
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
}

#[test]
fn what_32_clients_of_one_model_are_told_is_what_they_would_be_told_one_after_the_other() {
    let house = House::new();
    let mut dice = Dice::new(32);
    for round in 0..if long() { 40 } else { 3 } {
        let mut asked: Vec<What> =
            ASKED.into_iter().flat_map(|(what, count)| std::iter::repeat_n(what, count)).collect();
        assert_eq!(asked.len(), 32);
        dice.shuffle(&mut asked);
        let delays: Vec<f64> = asked.iter().map(|_| dice.between(0.0, 0.5)).collect();
        let mut all: Vec<Done> = thread::scope(|scope| {
            let one = |(what, delay): (What, f64)| {
                let house = &house;
                scope.spawn(move || {
                    thread::sleep(Duration::from_secs_f64(delay));
                    house.observe(what)
                })
            };
            let clients: Vec<_> = asked.into_iter().zip(delays).map(one).collect();
            clients.into_iter().map(|client| client.join().expect("an answer")).collect()
        });
        all.push(house.observe(What::Predict));
        assert!(house.explains(&all), "no order explains round {round}: {all:#?}");
        // So that the search is one that can fail.
        if let Some(last) = all.last_mut() {
            last.seen = Some(json!("something else"));
        }
        assert!(!house.explains(&all));
        all.clear();
        house.send(What::Delete);
    }
}

impl House {
    fn observe(&self, what: What) -> Done {
        let asked = Instant::now();
        let seen = self.send(what);
        Done { what, asked, answered: Instant::now(), seen }
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_model_that_is_being_published_keeps_no_other_waiting_nor_its_own_readers() {
    // On a machine with one core, the model that is held would have the only slot.
    let server = Launch::new().env("MOODLE_MLBACKEND_JOBS", "2").with_faults().start();
    let train = |id: &str| server.post("/training", &Form::model(id, "d").file("dataset", &rows(true, 30)));
    done(&train("m"));
    order(&server, "hold make a file");
    thread::scope(|scope| {
        let held = scope.spawn(|| train("m"));
        until("it publishes", || fired(&server.orders()).is_some());
        // With the lock of the one model held, all of this comes to its end.
        done(&train("n"));
        let ask = |id: &str| {
            let form = Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
            done(&server.post("/prediction", &form));
            assert_eq!(server.get(&format!("/export?uniqueid={id}&dirhash=d")).status, 200);
        };
        ask("m");
        ask("n");
        server.post("/deletemodel", &Form::new().field("uniqueid", "n")).expect(200, "Ok");
        assert!(!held.is_finished());
        order_at(&server.orders().with_extension("go"), "");
        done(&held.join().expect("an answer"));
    });
}
