//! Long mixed use: memory, descriptors and directories are afterwards as they were.
//!
//! `SOAK_REQUESTS=300000 MLBACKEND_TEST_PROGRAM=target/release/moodle-mlbackend cargo test soak` asks a release so
//! often, and draws `target/soak.png`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::common::{Dice, Form, Launch, Panel, Reply, Request, Table, TestServer, draw, skip};

/// Requests where nothing else is asked for.
const FEW: usize = 480;
/// After each, all models are deleted and what is left is measured.
const ROUNDS: usize = 12;
/// Clients at once, each with models of its own and one that all share.
const CLIENTS: usize = 2;
/// More memory may not be there in the last quarter of the rounds than in the second one, in MiB.
const MAX_GROWTH: f64 = 12.0;

/// What is there without requests.
#[derive(Debug, Clone, Copy)]
struct Measured {
    memory: f64,
    descriptors: usize,
    /// Files and directories, of data and uploads.
    files: usize,
    bytes: u64,
}

#[test]
fn after_long_mixed_use_memory_descriptors_and_directories_are_as_before() {
    let requests = std::env::var("SOAK_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(FEW);
    // Wrong passwords are among what is asked, and all comes from one address.
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    let dataset = samples();
    let told = Mutex::new(BTreeMap::new());
    let mut measured = Vec::new();
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (server, dataset, told) = (&server, &dataset, &told);
                scope.spawn(move || {
                    let mut client = Client::new(server, dataset, (round * CLIENTS + client) as u64);
                    for at in 0..requests / ROUNDS / CLIENTS {
                        // Everything at least once.
                        let first = Asked::ALL.get(at).filter(|_| round == 0);
                        let what = first.copied().unwrap_or_else(|| client.choose());
                        let status = client.send(what).status;
                        *told.lock().unwrap().entry((what, status)).or_insert(0_usize) += 1;
                    }
                });
            }
        });
        for id in (0..=CLIENTS).map(model) {
            server.post("/deletemodel", &Form::new().field("uniqueid", &id)).expect(200, "Ok");
        }
        measured.extend(measure(&server));
        if requests > FEW {
            eprintln!("{round}: {:?}", measured.last());
        }
    }
    let told = told.into_inner().unwrap();
    eprintln!("{requests} requests: {told:?}");
    for what in Asked::ALL {
        assert!(told.contains_key(&(what, what.status())), "no {what:?} came to its end: {told:?}");
    }
    // What Moodle expects of a model that is not there: another client has just deleted it.
    let expected =
        |(what, status): &(Asked, u16)| *status == what.status() || (*what, *status) == (Asked::Export, 503);
    assert!(told.keys().all(expected), "{told:?}");
    let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
        return skip("soak", "this system does not tell what a process needs");
    };
    assert_eq!((last.files, last.bytes), (first.files, first.bytes), "something is left in the directories");
    assert!(last.descriptors <= first.descriptors + CLIENTS, "{first:?}, {last:?}");
    let memory: Vec<f64> = measured.iter().map(|measured| measured.memory).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (early, late) = (mean(&memory[ROUNDS / 4..ROUNDS / 2]), mean(&memory[ROUNDS * 3 / 4..]));
    assert!(late < early + MAX_GROWTH, "{early:.1} MiB became {late:.1} MiB");
    if requests > FEW {
        picture(&measured, requests);
    }
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Version,
    Prediction,
    Training,
    Evaluation,
    EvaluationLog,
    Export,
    Import,
    Deletion,
    WrongPassword,
    DamagedDataset,
    DamagedArchive,
    NoSuchPlace,
}

impl Asked {
    const ALL: [Self; 12] = [
        Self::Version,
        Self::Prediction,
        Self::Training,
        Self::Evaluation,
        Self::EvaluationLog,
        Self::Export,
        Self::Import,
        Self::Deletion,
        Self::WrongPassword,
        Self::DamagedDataset,
        Self::DamagedArchive,
        Self::NoSuchPlace,
    ];

    /// How often, in a thousand; the rest are predictions.
    fn often(self) -> usize {
        match self {
            Self::Prediction => 0,
            Self::Evaluation | Self::EvaluationLog => 3,
            Self::Training => 10,
            Self::Deletion => 5,
            _ => 15,
        }
    }

    /// What is answered to it, unless the model is not there.
    fn status(self) -> u16 {
        match self {
            Self::WrongPassword => 401,
            Self::DamagedDataset | Self::DamagedArchive => 400,
            Self::NoSuchPlace => 404,
            _ => 200,
        }
    }
}

/// A client that sends mixed requests.
struct Client<'a> {
    server: &'a TestServer,
    dataset: &'a Table,
    dice: Dice,
    archive: Vec<u8>,
    own: String,
}

fn model(number: usize) -> String {
    format!("m{number}")
}

impl<'a> Client<'a> {
    fn new(server: &'a TestServer, dataset: &'a Table, seed: u64) -> Self {
        let own = model(seed as usize % CLIENTS);
        let mut client =
            Self { server, dataset, dice: Dice::new(seed), archive: Vec::new(), own: own.clone() };
        // No other client deletes its own model.
        assert_eq!(client.send_about(Asked::Training, &own).status, 200);
        let export = client.send_about(Asked::Export, &own);
        assert_eq!(export.status, 200, "{}", String::from_utf8_lossy(&export.body));
        client.archive = export.body;
        client
    }

    fn choose(&mut self) -> Asked {
        let mut at = self.dice.below(1_000);
        for what in Asked::ALL {
            if at < what.often() {
                return what;
            }
            at -= what.often();
        }
        Asked::Prediction
    }

    fn send(&mut self, what: Asked) -> Reply {
        let id = if self.dice.chance(0.3) { model(CLIENTS) } else { self.own.clone() };
        self.send_about(what, &id)
    }

    fn send_about(&mut self, what: Asked, id: &str) -> Reply {
        let form = Form::model(id, "d");
        let post = |path: &str, form: Form| self.server.post(path, &form);
        match what {
            Asked::Version => self.server.get("/version"),
            Asked::Prediction => {
                post("/prediction", form.file("dataset", &self.dataset.select(0..20).unlabelled()))
            }
            Asked::Training => {
                let from = self.dice.below(40);
                post("/training", form.file("dataset", &self.dataset.select(from..from + 40).labelled()))
            }
            Asked::Evaluation => self.evaluate(form),
            Asked::EvaluationLog => {
                // No other client deletes this one.
                let run = self.evaluate(Form::model(&self.own, "d")).json()["runid"].clone();
                self.server.get(&format!("/evaluationlog?uniqueid={}&dirhash=d&runid={run}", self.own))
            }
            Asked::Export => self.server.get(&format!("/export?uniqueid={id}&dirhash=d")),
            Asked::Import => post("/import", form.file("importzip", &self.archive)),
            Asked::Deletion => post("/deletemodel", Form::new().field("uniqueid", id)),
            Asked::WrongPassword => {
                self.server.send(&Request::new("GET", "/export").credentials("a", "wrong"))
            }
            Asked::DamagedDataset => post("/training", form.file("dataset", b"nfeatures,\n1\n\"a,b\n1,x\n")),
            Asked::DamagedArchive => {
                let half = &self.archive[..self.archive.len() / 2];
                post("/import", form.file("importzip", half))
            }
            Asked::NoSuchPlace => self.server.get("/nothing"),
        }
    }

    fn evaluate(&self, form: Form) -> Reply {
        let form = form.field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
        self.server.post("/evaluation", &form.file("dataset", &self.dataset.labelled()))
    }
}

fn samples() -> Table {
    let mut dice = Dice::new(5);
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c", "\\d"]);
    for _ in 0..80 {
        let class = dice.chance(0.5);
        let cell = |dice: &mut Dice| (dice.between(-1.0, 1.0) * 20.0).round() as f32 / 20.0;
        let row = [f32::from(u8::from(class)), cell(&mut dice), cell(&mut dice), cell(&mut dice)];
        table.push(&row, u8::from(class != dice.chance(0.1)));
    }
    table
}

fn measure(server: &TestServer) -> Option<Measured> {
    let memory = server.memory("VmRSS")? as f64 / f64::from(1 << 20);
    let (mut files, mut bytes) = (0, 0);
    count(&server.data_dir(), &mut files, &mut bytes);
    files += server.uploads().len();
    Some(Measured { memory, descriptors: server.descriptors()?, files, bytes })
}

/// Adds up what is below a directory.
fn count(directory: &Path, files: &mut usize, bytes: &mut u64) {
    for entry in fs::read_dir(directory).expect("it is there").flatten() {
        *files += 1;
        let about = entry.metadata().expect("it is not removed");
        if about.is_dir() {
            count(&entry.path(), files, bytes);
        } else {
            *bytes += about.len();
        }
    }
}

fn picture(measured: &[Measured], requests: usize) {
    let each = requests as f64 / ROUNDS as f64 / 1_000.0;
    let line = |value: fn(&Measured) -> f64| {
        measured.iter().enumerate().map(|(at, measured)| ((at + 1) as f64 * each, value(measured))).collect()
    };
    let panels = [
        Panel { title: "Memory, MiB", line: line(|measured| measured.memory) },
        Panel { title: "Open descriptors", line: line(|measured| measured.descriptors as f64) },
        Panel { title: "Files in its directories", line: line(|measured| measured.files as f64) },
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak.png");
    let _ = fs::remove_file(&path);
    draw(&path, "Thousands of requests", &panels);
    eprintln!("{}", path.display());
}
