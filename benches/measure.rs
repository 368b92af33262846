//! Measures the real binary with HTTP requests like those of Moodle.
//!
//! `cargo bench --bench measure` prints a table; `-- --quick` does the same with tiny datasets, as a smoke test. Memory
//! and processor time are read from Linux' /proc and left out elsewhere.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement stops at the first error")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use common::{LARGE, MIDDLE, Shape, TO_PREDICT};
use moodle_mlbackend::auth::argon2id_entry;
use tempfile::TempDir;
use ureq::Agent;

const PASSWORD: &str = "a-long-password";
/// `bench` and the password, in base64.
const CREDENTIALS: &str = "YmVuY2g6YS1sb25nLXBhc3N3b3Jk";

fn main() {
    // `cargo bench` passes --bench, `cargo test --benches` does not.
    let quick = std::env::args().any(|arg| arg == "--quick") || !std::env::args().any(|arg| arg == "--bench");
    let scaled = |shape: Shape| {
        if quick { Shape { rows: 200, features: 40, varying: 8, interactions: 0 } } else { shape }
    };

    users(); // hashed before the first start is measured
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["What", "Size", "Time", "Processor time", "Memory"]);
    start(&mut table, if quick { 2 } else { 20 });
    whole_round(&mut table, scaled(MIDDLE), if quick { 1 } else { 3 });
    whole_round(&mut table, scaled(LARGE), 1);
    predictions(&mut table, scaled(Shape { rows: 14_139, ..TO_PREDICT }), scaled(TO_PREDICT));
    one_row(&mut table, quick);
    println!("{table}");
}

/// Predictions of one sample from eight clients: requests per second, the processor time of one, and the 99th percentile.
fn one_row(table: &mut Table, quick: bool) {
    let shape = if quick {
        Shape { rows: 200, features: 40, varying: 8, interactions: 0 }
    } else {
        Shape { rows: 4_000, ..TO_PREDICT }
    };
    let sample = Form::new().field("dirhash", "d").file(&Shape { rows: 1, ..shape }.prediction_csv(2));
    let server = Server::start();
    server.post("/training", &Form::new().field("dirhash", "d").file(&shape.training_csv(1)));
    server.post("/prediction", &sample);
    let request = sample.request("/prediction");
    let requests = if quick { 10 } else { 2_000 };
    for (what, keep_alive) in [("one row, keep-alive", true), ("one row, new connection", false)] {
        let (began, used) = (Instant::now(), server.processor_time());
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (address, request) = (server.address.clone(), request.clone());
                std::thread::spawn(move || times(&address, &request, requests, keep_alive))
            })
            .collect();
        let mut times: Vec<Duration> =
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
        let processor = server.processor_time().zip(used).map(|(after, before)| after.saturating_sub(before));
        let processor = processor.map_or_else(String::new, |time| {
            format!("{:.3} ms", time.as_secs_f64() * 1000.0 / times.len() as f64)
        });
        times.sort_unstable();
        let p99 = times[times.len() * 99 / 100].as_secs_f64() * 1000.0;
        let time = format!("{per_second:.0}/s, p99 {p99:.1} ms");
        table.add_row([what, &format!("1 × {}", shape.features), &time, &processor, ""]);
    }
}

/// The times of requests that one client sends one after the other.
fn times(address: &str, request: &[u8], count: usize, keep_alive: bool) -> Vec<Duration> {
    let mut connection = None;
    let exchange = |_| {
        let began = Instant::now();
        let mut stream = connection.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        stream.get_mut().write_all(request).unwrap();
        let body = read_response(&mut stream);
        assert!(body.starts_with(br#"{"status":0"#), "{}", String::from_utf8_lossy(&body));
        connection = keep_alive.then_some(stream);
        began.elapsed()
    };
    (0..count).map(exchange).collect()
}

/// The body of a response.
fn read_response(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    body
}

/// The time from start to the first reply, and the memory of an idle server.
fn start(table: &mut Table, times: usize) {
    let mut starts: Vec<Duration> = Vec::new();
    let mut memory = None;
    for _ in 0..times {
        let began = Instant::now();
        let server = Server::start();
        assert_eq!(server.get("/version"), b"3.0.5");
        starts.push(began.elapsed());
        memory = server.memory("VmRSS");
    }
    table.add_row(["start to first /version", "", &formatted(median(&mut starts)), "", ""]);
    table.add_row(["idle", "", "", "", &in_megabytes(memory)]);
}

/// Training, prediction of as many samples, and an evaluation with Moodle's ten iterations, each on a new server, so that
/// the peak of memory is its own.
fn whole_round(table: &mut Table, shape: Shape, times: usize) {
    let training = Form::new().field("dirhash", "d").file(&shape.training_csv(1));
    let prediction = Form::new().field("dirhash", "d").file(&shape.prediction_csv(2));
    let evaluation = Form::new()
        .field("dirhash", "e")
        .field("minscore", "0.5")
        .field("maxdeviation", "0.5")
        .field("niterations", "10")
        .file(&shape.training_csv(1));
    measure(table, "train", shape, times, &[], ("/training", &training));
    measure(table, "predict", shape, times, &[("/training", &training)], ("/prediction", &prediction));
    measure(table, "evaluate, 10 iterations", shape, times, &[], ("/evaluation", &evaluation));
}

fn predictions(table: &mut Table, trained_on: Shape, shape: Shape) {
    let training = Form::new().field("dirhash", "d").file(&trained_on.training_csv(1));
    let prediction = Form::new().field("dirhash", "d").file(&shape.prediction_csv(2));
    let what = format!("predict, trained on {} samples", trained_on.rows);
    measure(table, &what, shape, 5, &[("/training", &training)], ("/prediction", &prediction));
}

/// One row of the table: the median over `times` fresh servers.
fn measure(
    table: &mut Table,
    what: &str,
    shape: Shape,
    times: usize,
    before: &[(&str, &Form)],
    measured: (&str, &Form),
) {
    let mut wall = Vec::new();
    let mut processor = Vec::new();
    let mut peak = None;
    for _ in 0..times {
        let server = Server::start();
        server.get("/export?uniqueid=m&dirhash=d"); // the slow check of the password
        for (route, form) in before {
            server.post(route, form);
        }
        server.forget_peak();
        let (began, used) = (Instant::now(), server.processor_time());
        server.post(measured.0, measured.1);
        wall.push(began.elapsed());
        processor
            .extend(server.processor_time().zip(used).map(|(after, before)| after.saturating_sub(before)));
        peak = peak.max(server.memory("VmHWM"));
    }
    let processor = if processor.is_empty() { String::new() } else { formatted(median(&mut processor)) };
    table.add_row([what, &shape.name(), &formatted(median(&mut wall)), &processor, &in_megabytes(peak)]);
    eprintln!("measured: {what} {}", shape.name());
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn formatted(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 1000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

/// From Linux' kB, which are KiB.
fn in_megabytes(kilobytes: Option<u64>) -> String {
    kilobytes.map_or_else(String::new, |kilobytes| format!("{:.0} MB", kilobytes as f64 * 1.024 / 1000.0))
}

/// The real server on a free port of loopback.
struct Server {
    child: Child,
    address: String,
    agent: Agent,
    _directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MOODLE_"))
        {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--port", "0"])
            .env("MOODLE_MLBACKEND_PYTHON_DIR", directory.path())
            .env("MOODLE_MLBACKEND_PYTHON_USERS", users())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        let agent = Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent();
        Self { child, address, agent, _directory: directory }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let url = format!("http://bench:{PASSWORD}@{}{path}", self.address);
        self.agent.get(url).call().unwrap().body_mut().read_to_vec().unwrap()
    }

    /// Sends a form, which must succeed.
    fn post(&self, route: &str, form: &Form) {
        let url = format!("http://bench:{PASSWORD}@{}{route}", self.address);
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let body = [form.0.as_bytes(), format!("--{BOUNDARY}--\r\n").as_bytes()].concat();
        let mut response = self.agent.post(url).header("Content-Type", kind).send(&body[..]).unwrap();
        let text = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        let reply: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(response.status() == 200 && reply["status"] == 0, "{route}: {text}");
    }

    /// A line of /proc/PID/status, in kB.
    fn memory(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(self.proc("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// Resets the peak of memory; without permission it stays that of the whole process.
    fn forget_peak(&self) {
        #[allow(clippy::disallowed_methods, reason = "not a stored file: an interface of the kernel")]
        let _ = fs::write(self.proc("clear_refs"), "5");
    }

    /// User and system time: the 14th and 15th field of /proc/PID/stat, in hundredths of a second.
    fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(self.proc("stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?; // the name in parentheses can hold anything
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse().unwrap_or(0)).sum();
        Some(Duration::from_millis(ticks * 10))
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Made once: hashing is slow on purpose.
fn users() -> &'static str {
    static USERS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    USERS.get_or_init(|| argon2id_entry("bench", PASSWORD).unwrap())
}

const BOUNDARY: &str = "------------------------62656e6368000001";

/// A `multipart/form-data` body without its last line.
struct Form(String);

impl Form {
    fn new() -> Self {
        Self(String::new()).field("uniqueid", "m")
    }

    fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value)
    }

    /// The bytes of a POST request.
    fn request(&self, route: &str) -> Vec<u8> {
        let body = format!("{}--{BOUNDARY}--\r\n", self.0);
        format!(
            "POST {route} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {CREDENTIALS}\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn file(self, content: &str) -> Self {
        let head = "name=\"dataset\"; filename=\"dataset.csv\"\r\nContent-Type: application/octet-stream";
        self.part(head, content)
    }

    fn part(mut self, head: &str, content: &str) -> Self {
        let opening = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        self.0.extend([opening.as_str(), content, "\r\n"]);
        self
    }
}
