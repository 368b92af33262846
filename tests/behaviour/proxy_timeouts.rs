//! Work that takes longer than the read timeout of a proxy, through nginx and Apache, as Moodle reads it: with libcurl
//! through PHP. With `MLBACKEND_TEST_LONG`, the work takes 20 seconds.
//!
//! Must not know the configurations in `deploy`: `proxy_shipped.rs` tests them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Launch, Proxy, free_port, long, separable, skip, tool, until, untouched};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/php/moodle_request.php");

/// Seconds.
struct Times {
    keepalive: u32,
    read_timeout: u32,
    evaluation: u32,
}

fn times() -> Times {
    if long() {
        Times { keepalive: 2, read_timeout: 5, evaluation: 20 }
    } else {
        Times { keepalive: 1, read_timeout: 3, evaluation: 7 }
    }
}

/// The ways in which nginx talks to the server.
const NGINX: [(&str, &str); 5] = [
    ("1.0", "proxy_buffering on;"),
    ("1.0-unbuffered", "proxy_buffering off;"),
    ("1.1", "proxy_http_version 1.1; proxy_set_header Connection '';"),
    ("1.1-unbuffered", "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off;"),
    (
        "compressed",
        "gzip on; gzip_types application/json; gzip_min_length 0; proxy_ignore_headers X-Accel-Buffering;",
    ),
];

/// nginx in front of nginx, which must pass the white space on.
const CHAINED: &str = "chained";

fn nginx(test: &str, backend: SocketAddr, read_timeout: u32) -> Option<Proxy> {
    let location = |(name, lines)| format!("location /{name}/ {{ proxy_pass http://{backend}/; {lines} }}\n");
    let locations = NGINX.map(location).concat();
    let port = free_port();
    let chained = format!("location /{CHAINED}/ {{ proxy_pass http://127.0.0.1:{port}/1.0/; }}");
    let http = format!(
        "server {{\nlisten 127.0.0.1:{port};\nclient_max_body_size 0;\nproxy_read_timeout {read_timeout}s;\n{locations}{chained}\n}}"
    );
    Proxy::nginx(test, TempDir::new().unwrap(), port, &http)
}

/// The same for Apache.
const APACHE: [(&str, &str); 3] = [
    ("1.1", ""),
    ("1.0", "SetEnv force-proxy-request-1.0 1\nSetEnv proxy-nokeepalive 1\n"),
    ("compressed", "SetOutputFilter DEFLATE\n"),
];

fn apache(test: &str, backend: SocketAddr, read_timeout: u32) -> Option<Proxy> {
    let locations = APACHE.map(|(name, lines)| {
        let pass = format!("ProxyPass \"http://{backend}/\" timeout={read_timeout} retry=0");
        format!("<Location \"/{name}/\">\n{pass}\n{lines}</Location>\n")
    });
    let modules = ["proxy", "proxy_http", "env", "filter", "deflate"];
    Proxy::apache(test, TempDir::new().unwrap(), free_port(), &modules, &locations.concat())
}

#[test]
fn work_beyond_the_read_timeout_of_a_proxy_succeeds() {
    let test = "work_beyond_the_read_timeout_of_a_proxy_succeeds";
    let (Some(php), times) = (Php::find(test), times()) else { return };
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", &times.keepalive.to_string())
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", &times.evaluation.to_string())
        .env("MOODLE_MLBACKEND_JOBS", &(NGINX.len() + 1 + APACHE.len()).to_string())
        .start();
    let nginx = nginx(test, server.address, times.read_timeout);
    let apache = apache(test, server.address, times.read_timeout);
    let ways = |proxy: &Option<Proxy>, names: Vec<&'static str>| {
        let port = proxy.as_ref().map(|proxy| proxy.port);
        port.map_or_else(Vec::new, |port| names.into_iter().map(|name| (port, name)).collect())
    };
    let mut ways_of_both = ways(&nginx, [&NGINX.map(|(name, _)| name)[..], &[CHAINED]].concat());
    ways_of_both.extend(ways(&apache, APACHE.map(|(name, _)| name).to_vec()));
    let php = &php;
    thread::scope(|scope| {
        let evaluations: Vec<_> = ways_of_both
            .iter()
            .enumerate()
            .map(|(at, (port, name))| {
                (name, scope.spawn(move || php.evaluate(*port, name, &format!("model{at}"))))
            })
            .collect();
        // All jobs run: a training has to wait in the queue.
        until("all evaluations have started", || {
            server.log().matches("evaluation started").count() == evaluations.len()
        });
        let training = ways_of_both.first().map(|(port, name)| {
            scope.spawn(move || php.send(*port, &format!("{name}/training"), "m", &separable(40, false), &[]))
        });
        for (name, evaluation) in evaluations {
            let seen = evaluation.join().unwrap();
            assert_eq!((&seen["http"], &seen["reply"]["status"]), (&json!(200), &json!(0)), "{name}: {seen}");
            assert!(seen["reply"]["runid"].is_u64(), "{name}: {seen}");
            assert!(seen["spaces"].as_u64() > Some(1), "{name}: {seen}");
            assert_eq!(seen["encoding"] == json!("gzip"), *name == "compressed", "{name}: {seen}");
            let seconds = seen["seconds"].as_f64().unwrap();
            assert!(seconds > f64::from(times.evaluation), "{name}: {seen}");
        }
        if let Some(training) = training {
            let seen = training.join().unwrap();
            assert_eq!(seen["reply"], json!({"status": 0, "info": []}), "{seen}");
            assert!(seen["seconds"].as_f64() > Some(f64::from(times.read_timeout)), "{seen}");
        }
    });
}

/// Without it, the test above would show nothing.
#[test]
fn without_white_space_a_proxy_times_out() {
    let test = "without_white_space_a_proxy_times_out";
    let Some(php) = Php::find(test) else { return };
    let server = Launch::new().env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "0").start();
    let proxies =
        [(nginx(test, server.address, 1), "1.1", 504), (apache(test, server.address, 1), "1.1", 502)];
    for (proxy, way, status) in proxies {
        let Some(proxy) = proxy else { continue };
        let seen = php.evaluate(proxy.port, way, "m");
        assert_eq!((&seen["http"], &seen["reply"]), (&json!(status), &Value::Null), "{seen}");
    }
}

/// PHP with curl, and the files that it sends.
struct Php {
    program: PathBuf,
    files: TempDir,
}

impl Php {
    /// `None`, and a skipped test, if it is not installed.
    fn find(test: &str) -> Option<Self> {
        let program = tool(test, "php")?;
        let has_curl =
            Command::new(&program).args(["-r", "exit(extension_loaded('curl') ? 0 : 1);"]).status();
        if !has_curl.unwrap().success() {
            skip(test, "php-curl is not installed");
            return None;
        }
        Some(Self { program, files: TempDir::new().unwrap() })
    }

    /// What Moodle sees of an evaluation that takes as long as the server permits.
    fn evaluate(&self, port: u16, way: &str, model: &str) -> Value {
        let fields = ["minscore=0.1", "maxdeviation=0.9", "niterations=1000"];
        self.send(port, &format!("{way}/evaluation"), model, &separable(400, false), &fields)
    }

    /// What Moodle sees of a request.
    fn send(&self, port: u16, path: &str, model: &str, dataset: &[u8], fields: &[&str]) -> Value {
        let file = self.files.path().join(format!("{port}-{}", path.replace('/', "-")));
        write(&file, dataset);
        let mut command = Command::new(&self.program);
        let output = untouched(&mut command)
            .arg(SCRIPT)
            .arg(format!("http://127.0.0.1:{port}/{path}"))
            .arg("a:b")
            .arg(file)
            .args([&format!("uniqueid={model}"), "dirhash=d"])
            .args(fields)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[allow(clippy::disallowed_methods, reason = "a temporary file of the test")]
fn write(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}
