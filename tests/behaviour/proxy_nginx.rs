//! HTTPS proxy: Moodle's requests through nginx with the configuration in `deploy`. curl sends them, because Moodle uses
//! libcurl.
//!
//! Owns nginx and its certificate. Must not know how the server handles a request.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    Launch, Request, TestServer, find, free_port, labelled, skip, tool, unlabelled, until, untouched,
};

/// The host name in the configuration and in the certificate.
const NAME: &str = "mlbackend.example.org";
const CONFIGURATION: &str = include_str!("../../deploy/nginx.conf");
/// Far longer than any step, so that a test cannot hang.
const TIMEOUT: Duration = Duration::from_mins(2);

#[test]
fn all_of_moodles_requests_work_through_the_proxy() {
    let Some(site) = Site::start("all_of_moodles_requests_work_through_the_proxy") else { return };
    site.curl(&["/version"], &[]).expect(200, "3.0.5");

    let samples = labelled(&rows(60).iter().map(String::as_str).collect::<Vec<_>>());
    let trained = site.form("/training", "a:b", &["dirhash=d"], Some(("dataset", &samples)));
    trained.expect(200, r#"{"status":0,"info":[]}"#);

    let unknown = unlabelled(&["1-0,0.9,0.9,", "2-0,-0.9,-0.9,"]);
    let predicted = site.form("/prediction", "a:b", &["dirhash=d"], Some(("dataset", &unknown))).json();
    let classes: Vec<_> = (0..2).map(|row| &predicted["predictions"][row][1]).collect();
    assert_eq!((&predicted["status"], classes), (&json!(0), vec![&json!("1"), &json!("0")]), "{predicted}");

    let fields = ["dirhash=e", "minscore=0.6", "maxdeviation=0.5", "niterations=2"];
    let evaluated = site.form("/evaluation", "a:b", &fields, Some(("dataset", &samples))).json();
    assert_eq!(evaluated["status"], 0, "{evaluated}");

    let log = format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", evaluated["runid"]);
    let log = site.curl(&[&log, "--user", "a:b"], &[]);
    let zip = zip::ZipArchive::new(Cursor::new(log.body)).unwrap();
    assert!(zip.index_for_name("roc-curve.png").is_some());

    let export = site.curl(&["/export?uniqueid=m&dirhash=d", "--user", "a:b"], &[]);
    let copy = ["dirhash=copy"];
    site.form("/import", "a:b", &copy, Some(("importzip", &export.body))).expect(200, "Ok");
    assert_eq!(site.form("/prediction", "a:b", &copy, Some(("dataset", &unknown))).json(), predicted);
    site.form("/deletemodel", "a:b", &[], None).expect(200, "Ok");
}

/// Moodle shows the body of an error to its administrator.
#[test]
fn a_backend_that_is_not_running_is_one_sentence_of_the_proxy() {
    let Some(site) = Site::start("a_backend_that_is_not_running_is_one_sentence_of_the_proxy") else {
        return;
    };
    site.server.signal("KILL");
    let sentence =
        "The machine learning backend is not running, or took too long. See the log of moodle-mlbackend.";
    let answers = || site.curl(&["/version"], &[]).status == 502;
    until("the server has ended", answers);
    site.curl(&["/version"], &[]).expect(502, sentence);
    site.form("/training", "a:b", &["dirhash=d"], Some(("dataset", b"x"))).expect(502, sentence);
}

#[test]
fn the_proxy_forwards_credentials_and_error_responses() {
    let Some(site) = Site::start("the_proxy_forwards_credentials_and_error_responses") else { return };
    let wrong = "Incorrect user and/or password provided by Moodle.";
    site.form("/training", "a:wrong", &["dirhash=d"], None).expect(401, wrong);
    let none = "No user and/or password included in the request.";
    site.curl(&["/export?uniqueid=m&dirhash=d"], &[]).expect(401, none);
    // curl first sends no credentials, as wget does by default: the proxy must forward the challenge.
    let response = site.curl(&["/export?uniqueid=m&dirhash=d", "--user", "a:b", "--anyauth"], &[]);
    response.expect(503, "There is nothing to export.");
}

#[test]
fn a_wrong_password_is_refused_through_the_proxy_before_the_upload_arrives() {
    let Some(site) = Site::start("a_wrong_password_is_refused_through_the_proxy_before_the_upload_arrives")
    else {
        return;
    };
    let head =
        Request::new("POST", "/training").credentials("a", "wrong").header("Content-Length", "30000000");
    // The rest of the upload is never sent: if the proxy waited for it, there would be no response.
    let upload = [head.bytes(), vec![b'x'; 10_000]].concat();
    let response = site.response_to(&upload, "Moodle.");
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert!(response.ends_with("\r\n\r\nIncorrect user and/or password provided by Moodle."), "{response}");
}

#[test]
#[cfg(target_os = "linux")] // on other systems loopback has one address
fn failed_logins_through_the_proxy_do_not_lock_out_its_other_clients() {
    let Some(site) = Site::start("failed_logins_through_the_proxy_do_not_lock_out_its_other_clients") else {
        return;
    };
    assert_clients_are_distinguished(&site);
    let log = site.server.log();
    assert!(log.contains("client=127.0.0.2") && log.contains("client=127.0.0.3"), "{log}");
    assert!(!log.contains("192.0.2."), "{log}");
}

/// Without a trusted proxy in the settings: who may connect to the socket is one.
#[test]
#[cfg(target_os = "linux")]
fn a_proxy_on_a_unix_socket_names_its_clients() {
    let Some(site) = Site::start_on_a_unix_socket("a_proxy_on_a_unix_socket_names_its_clients") else {
        return;
    };
    site.curl(&["/version"], &[]).expect(200, "3.0.5");
    assert_clients_are_distinguished(&site);
}

fn assert_clients_are_distinguished(site: &Site) {
    let login = |from: &str, user: &str, claimed: &str| {
        let header = format!("X-Forwarded-For: {claimed}");
        site.curl(
            &["/export?uniqueid=m&dirhash=d", "--interface", from, "--user", user, "--header", &header],
            &[],
        )
    };
    for number in 0..3 {
        assert_eq!(login("127.0.0.2", "a:wrong", &format!("192.0.2.{number}")).status, 401);
    }
    assert_eq!(login("127.0.0.2", "a:b", "192.0.2.9").status, 429);
    login("127.0.0.3", "a:b", "127.0.0.2").expect(503, "There is nothing to export.");
}

#[test]
fn an_upload_of_thirty_megabytes_works_through_the_proxy() {
    let Some(site) = Site::start("an_upload_of_thirty_megabytes_works_through_the_proxy") else { return };
    let large = large_dataset();
    assert!(large.len() > 30_000_000, "{}", large.len());
    let trained = site.form("/training", "a:b", &["dirhash=d"], Some(("dataset", &large)));
    trained.expect(200, r#"{"status":0,"info":[]}"#);

    // An error in the last cell is found only if the server receives the whole file.
    let broken = [&large[..large.len() - 2], b"x\n"].concat();
    let refused = site.form("/training", "a:b", &["dirhash=d"], Some(("dataset", &broken)));
    assert_eq!(refused.status, 400, "{refused:?}");
    let line = format!("line {}", 3 + LARGE_ROWS);
    assert!(String::from_utf8_lossy(&refused.body).contains(&line), "{refused:?}");
}

/// Samples whose first two features determine the class; the third is sometimes missing.
fn rows(count: usize) -> Vec<String> {
    let row = |at: usize| {
        let class = at % 2;
        let size = f64::midpoint(0.1, (at % 10) as f64 / 10.0) * if class == 1 { 1.0 } else { -1.0 };
        let third = if at.is_multiple_of(3) { "" } else { "0.33" };
        format!("{size:.2},{size:.2},{third},{class}")
    };
    (0..count).map(row).collect()
}

const LARGE_ROWS: usize = 400;

/// A large file that is fast to train on: most columns are constant, and their numbers are long.
fn large_dataset() -> Vec<u8> {
    let columns = 500;
    let constant = format!(",0.{:0<150}", 25).repeat(columns - 1);
    let names = "indicator,".repeat(columns);
    let mut text = format!("nfeatures,targetclasses\n{columns},\"[0,1]\"\n{names}target\n");
    for row in 0..LARGE_ROWS {
        let class = row % 2;
        let varying = format!("{class}.{}", row % 7);
        text.extend([&varying, &constant, &format!(",{class}\n")].map(String::as_str));
    }
    text.into_bytes()
}

/// The server with nginx in front of it.
struct Site {
    server: TestServer,
    proxy: Child,
    directory: TempDir,
    curl: PathBuf,
    port: u16,
    /// `None` without openssl: the proxy then speaks plain HTTP.
    certificate: Option<Certificate>,
}

impl Site {
    /// `None`, and a skipped test, if nginx or curl is not installed.
    fn start(test: &str) -> Option<Self> {
        let launch = Launch::new().env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1");
        let server = launch.env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
        let backend = server.address.to_string();
        Self::in_front_of(server, &backend, test)
    }

    /// The same with a Unix socket between the two.
    fn start_on_a_unix_socket(test: &str) -> Option<Self> {
        let launch = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3");
        let backend = format!("unix:{}", launch.dir().join("socket").display());
        let server = launch.env("MOODLE_MLBACKEND_LISTEN", &backend).start();
        Self::in_front_of(server, &backend, test)
    }

    fn in_front_of(server: TestServer, backend: &str, test: &str) -> Option<Self> {
        let (nginx, curl) = (tool(test, "nginx")?, tool(test, "curl")?);
        let directory = TempDir::new().unwrap();
        let certificate = Certificate::make(directory.path());
        if certificate.is_none() {
            skip(test, "plain HTTP instead of HTTPS: openssl is not installed");
        }
        let port = free_port();
        let file = directory.path().join("nginx.conf");
        #[allow(clippy::disallowed_methods, reason = "a temporary file of the test")]
        fs::write(&file, configuration(directory.path(), backend, port, certificate.as_ref())).unwrap();
        let proxy = Command::new(nginx)
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(file)
            .args(["-e", "error.log"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut site = Self { server, proxy, directory, curl, port, certificate };
        site.wait();
        Some(site)
    }

    fn wait(&mut self) {
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.proxy.try_wait().unwrap();
            let log = || fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default();
            assert!(ended.is_none() && started.elapsed() < TIMEOUT, "nginx does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a form as Moodle does; `file` has its name in the form and its content.
    fn form(&self, route: &str, user: &str, fields: &[&str], file: Option<(&str, &[u8])>) -> Reply {
        let fields = ["uniqueid=m"].iter().chain(fields).flat_map(|field| ["--form-string", field]);
        let mut arguments: Vec<&str> = vec![route, "--user", user];
        arguments.extend(fields);
        let part = file.map(|(name, _)| format!("{name}=@-;filename=upload.csv"));
        if let Some(part) = &part {
            arguments.extend(["--form", part]);
        }
        self.curl(&arguments, file.map_or(&[], |(_, bytes)| bytes))
    }

    /// Runs curl; the first argument is the route.
    fn curl(&self, arguments: &[&str], stdin: &[u8]) -> Reply {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || input.write_all(stdin)); // curl may stop reading early
            child.wait_with_output()
        });
        Reply::of(&output.unwrap())
    }

    /// Writes bytes and reads the response up to `end`, on a connection that stays open.
    fn response_to(&self, bytes: &[u8], end: &str) -> String {
        let Some(certificate) = &self.certificate else {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
            return exchange(&stream, &stream, bytes, end);
        };
        let mut tls = Command::new(find("openssl").unwrap())
            .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", NAME, "-CAfile"])
            .arg(&certificate.file)
            .args(["-connect", &format!("127.0.0.1:{}", self.port)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let response = exchange(tls.stdin.take().unwrap(), tls.stdout.take().unwrap(), bytes, end);
        let _ = tls.kill();
        let _ = tls.wait();
        response
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        let mut command = Command::new(&self.curl);
        untouched(&mut command)
            .args(["--disable", "--silent", "--show-error", "--write-out", "%{http_code}"])
            .args(["--max-time", &TIMEOUT.as_secs().to_string()])
            .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)])
            .args(&arguments[1..])
            .arg(format!("{scheme}://{NAME}:{}{}", self.port, arguments[0]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(certificate) = &self.certificate {
            command.arg("--cacert").arg(&certificate.file);
        }
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// Writes, then reads up to `end` or the end of the stream. Until then, the writer stays open.
fn exchange(mut writer: impl Write, mut reader: impl Read, bytes: &[u8], end: &str) -> String {
    writer.write_all(bytes).unwrap();
    writer.flush().unwrap();
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while !response.ends_with(end.as_bytes()) {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            count => response.extend(&buffer[..count]),
        }
    }
    String::from_utf8(response).unwrap()
}

/// The configuration in `deploy` with the files and ports of this test, in an `http` block like that of a
/// distribution's nginx.conf.
fn configuration(directory: &Path, backend: &str, port: u16, certificate: Option<&Certificate>) -> String {
    let mut text = CONFIGURATION.to_owned();
    let mut change = |from: &str, to: &str| {
        assert!(text.contains(from), "deploy/nginx.conf does not contain {from:?}");
        text = text.replace(from, to);
    };
    change("server 127.0.0.1:5000;", &format!("server {backend};"));
    change("    listen [::]:443 ssl;\n", "");
    if let Some(certificate) = certificate {
        change("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;"));
        change("/etc/ssl/certs/mlbackend.example.org.pem", &certificate.file.display().to_string());
        change("/etc/ssl/private/mlbackend.example.org.key", &certificate.key.display().to_string());
    } else {
        change("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
        change("ssl_certificate", "# ssl_certificate");
        change("ssl_protocols", "# ssl_protocols");
    }
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds.map(|kind| format!("    {kind}_temp_path temporary-{kind};\n")).concat();
    format!(
        // A single process, so that killing it stops nginx.
        "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nerror_log {0}/error.log;\nevents {{}}\n\
         http {{\n    access_log off;\n{temporary}\n{text}\n}}\n",
        directory.display()
    )
}

/// A self-signed certificate for [`NAME`], and its key.
struct Certificate {
    file: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn make(directory: &Path) -> Option<Self> {
        let openssl = find("openssl")?;
        let (file, key) = (directory.join("certificate.pem"), directory.join("certificate.key"));
        let names = format!("subjectAltName=DNS:{NAME}");
        let made = Command::new(openssl)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", &format!("/CN={NAME}"), "-addext", &names, "-out"])
            .arg(&file)
            .arg("-keyout")
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(Self { file, key })
    }
}

/// A response through the proxy.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Reply {
    /// curl's output is the body, then the status.
    #[track_caller]
    fn of(output: &std::process::Output) -> Self {
        assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
        let (body, status) = output.stdout.split_at(output.stdout.len() - 3);
        Self { status: String::from_utf8_lossy(status).parse().unwrap(), body: body.to_vec() }
    }

    #[track_caller]
    fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, String::from_utf8_lossy(&self.body).as_ref()), (status, body));
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }
}
