//! Long mixed use: memory, descriptors and files do not grow.
//!
//! `SOAK_REQUESTS=300000 MLBACKEND_TEST_PROGRAM=target/release/moodle-mlbackend cargo test soak` sends this number of
//! requests to a release and draws `target/soak.png`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::common::{Dice, Form, Launch, Panel, Reply, Request, Table, TestServer, draw, skip};

/// The default of `SOAK_REQUESTS`.
const DEFAULT_REQUESTS: usize = 480;
/// After each round, all models are deleted and the server is measured.
const ROUNDS: usize = 12;
/// Concurrent clients, each with one model of its own and one that all share.
const CLIENTS: usize = 2;
/// The allowed growth of memory from the second quarter of the rounds to the last, in MiB.
const MAX_GROWTH: f64 = 12.0;

/// The resources of a server without requests.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// In MiB.
    memory: f64,
    descriptors: usize,
    /// Data and uploads, with directories.
    files: usize,
    bytes: u64,
}

#[test]
fn long_mixed_use_does_not_grow_memory_descriptors_or_directories() {
    let requests =
        std::env::var("SOAK_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(DEFAULT_REQUESTS);
    // Some requests have a wrong password, and all come from one address.
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    let dataset = samples();
    let counts = Mutex::new(BTreeMap::new());
    let mut measured = Vec::new();
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (server, dataset, counts) = (&server, &dataset, &counts);
                scope.spawn(move || {
                    let mut client = Client::new(server, dataset, (round * CLIENTS + client) as u64);
                    for at in 0..requests / ROUNDS / CLIENTS {
                        // Each kind at least once.
                        let first = Kind::ALL.get(at).filter(|_| round == 0);
                        let kind = first.copied().unwrap_or_else(|| client.choose());
                        let status = client.send(kind).status;
                        *counts.lock().unwrap().entry((kind, status)).or_insert(0_usize) += 1;
                    }
                });
            }
        });
        for id in (0..=CLIENTS).map(model) {
            server.post("/deletemodel", &Form::new().field("uniqueid", &id)).expect(200, "Ok");
        }
        measured.extend(measure(&server));
        if requests > DEFAULT_REQUESTS {
            eprintln!("{round}: {:?}", measured.last());
        }
    }
    let counts = counts.into_inner().unwrap();
    eprintln!("{requests} requests: {counts:?}");
    for kind in Kind::ALL {
        assert!(counts.contains_key(&(kind, kind.status())), "no {kind:?} succeeded: {counts:?}");
    }
    // 503: another client has deleted the model that is exported.
    let expected =
        |(kind, status): &(Kind, u16)| *status == kind.status() || (*kind, *status) == (Kind::Export, 503);
    assert!(counts.keys().all(expected), "{counts:?}");
    let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
        return skip("soak", "this system does not report the memory of a process");
    };
    assert_eq!((last.files, last.bytes), (first.files, first.bytes), "files are left");
    assert!(last.descriptors <= first.descriptors + CLIENTS, "{first:?}, {last:?}");
    let memory: Vec<f64> = measured.iter().map(|measured| measured.memory).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (early, late) = (mean(&memory[ROUNDS / 4..ROUNDS / 2]), mean(&memory[ROUNDS * 3 / 4..]));
    assert!(late < early + MAX_GROWTH, "{early:.1} MiB became {late:.1} MiB");
    if requests > DEFAULT_REQUESTS {
        picture(&measured, requests);
    }
}

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
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
    UnknownPath,
}

impl Kind {
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
        Self::UnknownPath,
    ];

    /// The number in a thousand requests; the rest are predictions.
    fn share(self) -> usize {
        match self {
            Self::Prediction => 0,
            Self::Evaluation | Self::EvaluationLog => 3,
            Self::Training => 10,
            Self::Deletion => 5,
            _ => 15,
        }
    }

    /// The status of the response.
    fn status(self) -> u16 {
        match self {
            Self::WrongPassword => 401,
            Self::DamagedDataset | Self::DamagedArchive => 400,
            Self::UnknownPath => 404,
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
        // No other client deletes this model.
        assert_eq!(client.send_for(Kind::Training, &own).status, 200);
        let export = client.send_for(Kind::Export, &own);
        assert_eq!(export.status, 200, "{}", String::from_utf8_lossy(&export.body));
        client.archive = export.body;
        client
    }

    fn choose(&mut self) -> Kind {
        let mut at = self.dice.below(1_000);
        for kind in Kind::ALL {
            if at < kind.share() {
                return kind;
            }
            at -= kind.share();
        }
        Kind::Prediction
    }

    fn send(&mut self, kind: Kind) -> Reply {
        let id = if self.dice.chance(0.3) { model(CLIENTS) } else { self.own.clone() };
        self.send_for(kind, &id)
    }

    fn send_for(&mut self, kind: Kind, id: &str) -> Reply {
        let form = Form::model(id, "d");
        let post = |path: &str, form: Form| self.server.post(path, &form);
        match kind {
            Kind::Version => self.server.get("/version"),
            Kind::Prediction => {
                post("/prediction", form.file("dataset", &self.dataset.select(0..20).unlabelled()))
            }
            Kind::Training => {
                let from = self.dice.below(40);
                post("/training", form.file("dataset", &self.dataset.select(from..from + 40).labelled()))
            }
            Kind::Evaluation => self.evaluate(form),
            Kind::EvaluationLog => {
                // No other client deletes this one.
                let run = self.evaluate(Form::model(&self.own, "d")).json()["runid"].clone();
                self.server.get(&format!("/evaluationlog?uniqueid={}&dirhash=d&runid={run}", self.own))
            }
            Kind::Export => self.server.get(&format!("/export?uniqueid={id}&dirhash=d")),
            Kind::Import => post("/import", form.file("importzip", &self.archive)),
            Kind::Deletion => post("/deletemodel", Form::new().field("uniqueid", id)),
            Kind::WrongPassword => {
                self.server.send(&Request::new("GET", "/export").credentials("a", "wrong"))
            }
            Kind::DamagedDataset => post("/training", form.file("dataset", b"nfeatures,\n1\n\"a,b\n1,x\n")),
            Kind::DamagedArchive => {
                let half = &self.archive[..self.archive.len() / 2];
                post("/import", form.file("importzip", half))
            }
            Kind::UnknownPath => self.server.get("/nothing"),
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

/// Adds the files and directories below a directory, and the size of all files but the audit trail's.
fn count(directory: &Path, files: &mut usize, bytes: &mut u64) {
    for entry in fs::read_dir(directory).expect("it is there").flatten() {
        *files += 1;
        let metadata = entry.metadata().expect("it is not removed");
        if metadata.is_dir() {
            count(&entry.path(), files, bytes);
        } else if entry.path().extension().is_none_or(|extension| extension != "jsonl") {
            // The audit trail has a line for each operation.
            *bytes += metadata.len();
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
        Panel { title: "Files", line: line(|measured| measured.files as f64) },
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak.png");
    let _ = fs::remove_file(&path);
    draw(&path, "Thousands of requests", &panels);
    eprintln!("{}", path.display());
}
