//! The other configurations of proxies in `deploy`: below a path, and with a reserve server. `doctor` and a training go through them.
//!
//! Must not know how the server handles a request. `proxy_shipped` tries the usual configurations.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    Certificate, Form, Launch, Output, Proxy, Request, Shipped, TestServer, exchange, find, free_port,
    program, separable, skip,
};

fn shipped(name: &str) -> Shipped<'_> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    Shipped { name, text: fs::read_to_string(path).unwrap() }
}

/// The levels of `doctor` for an address.
fn level(url: &str, check: &str) -> String {
    let output =
        Output::of(&mut program(&["doctor", "--json", "--environment-file", "/nowhere", "--url", url]));
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let found =
        checks.iter().find(|found| found["check"] == check).unwrap_or_else(|| panic!("{check}: {report}"));
    found["level"].as_str().unwrap().to_owned()
}

fn server() -> TestServer {
    Launch::new()
        .env("MOODLE_MLBACKEND_URL_PREFIX", "/mlbackend")
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "moodle:a-long-password")
        .start()
}

#[rstest]
fn a_proxy_below_a_path_passes_everything_on(
    #[values("nginx-prefix.conf", "apache-prefix.conf")] name: &str,
) {
    let test = "a_proxy_below_a_path_passes_everything_on";
    let (server, directory, port) = (server(), TempDir::new().unwrap(), free_port());
    let mut configuration = shipped(name);
    configuration.change("127.0.0.1:5000", &server.address.to_string());
    let proxy = if name.starts_with("nginx") {
        let text = format!("server {{ listen 127.0.0.1:{port};\n{}}}", configuration.text);
        Proxy::nginx(test, directory, port, &text)
    } else {
        let modules = ["proxy", "proxy_http", "headers", "reqtimeout", "authz_host"];
        Proxy::apache(test, directory, port, &modules, &configuration.text)
    };
    let Some(proxy) = proxy else { return };
    let url = format!("http://127.0.0.1:{}/mlbackend", proxy.port);
    for check in ["server", "authorization", "body size"] {
        assert_eq!(level(&url, check), "green", "{name}: {check}");
    }
    let form = Form::model("m", "d").file("dataset", &separable(20, false));
    let request =
        Request::new("POST", "/mlbackend/training").credentials("moodle", "a-long-password").form(&form);
    let reply = exchange(([127, 0, 0, 1], proxy.port).into(), &request.bytes());
    assert_eq!((reply.status, reply.json()["status"].clone()), (200, 0.into()));
}

#[test]
fn the_reserve_server_answers_while_the_first_one_does_not_run() {
    let test = "the_reserve_server_answers";
    let directory = TempDir::new().unwrap();
    let Some(certificate) = find("openssl").and_then(|_| Certificate::make(directory.path())) else {
        return skip(test, "openssl is not installed");
    };
    let (reserve, port, first) = (server(), free_port(), free_port());
    let mut configuration = shipped("nginx-replicas.conf");
    configuration.certify(&certificate);
    configuration.change("192.0.2.21:5000", &format!("127.0.0.1:{first}"));
    configuration.change("192.0.2.22:5000", &reserve.address.to_string());
    configuration.change("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
    let Some(proxy) = Proxy::nginx(test, directory, port, &configuration.text) else { return };
    let url = format!("https://127.0.0.1:{}", proxy.port);
    assert_eq!(level(&url, "server"), "green");
    // The certificate is of no known authority and for another name, which Moodle accepts.
    assert_eq!(level(&url, "certificate"), "yellow");
    assert_eq!(level(&url, "authorization"), "green");
}
