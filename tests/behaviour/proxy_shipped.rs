//! HTTPS proxies: Moodle's requests through nginx and Apache with the configurations in `deploy`. curl sends them, because
//! Moodle uses libcurl.
//!
//! Must not know how the server handles a request.

use std::io::{Cursor, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    Certificate, Launch, PROXY_NAME, Proxy, Request, Shipped, TestServer, find, free_port, labelled, skip,
    tool, unlabelled, until, untouched,
};

/// Far longer than any step, so that a test cannot hang.
const TIMEOUT: Duration = Duration::from_mins(2);

#[rstest]
fn all_of_moodles_requests_work_through_the_proxy(#[values(Kind::Nginx, Kind::Apache)] kind: Kind) {
    let Some(site) = Site::start("all_of_moodles_requests_work_through_the_proxy", kind) else { return };
    site.curl(&["/version"], &[]).expect(200, "3.0.5");

    let samples = labelled(&rows(60));
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

const NOT_RUNNING_OR_LATE: &str =
    "The machine learning backend is not running, or took too long. See the log of moodle-mlbackend.";
const NOT_RUNNING: &str = "The machine learning backend is not running. See the log of moodle-mlbackend.";

/// Moodle shows the body of an error to its administrator.
#[rstest]
#[case::nginx(Kind::Nginx, 502, NOT_RUNNING_OR_LATE)]
#[case::apache(Kind::Apache, 503, NOT_RUNNING)]
fn a_backend_that_is_not_running_is_one_sentence_of_the_proxy(
    #[case] kind: Kind,
    #[case] status: u16,
    #[case] sentence: &str,
) {
    let test = "a_backend_that_is_not_running_is_one_sentence_of_the_proxy";
    let port = free_port();
    let Some(site) = SiteProxy::before(test, kind, &format!("127.0.0.1:{port}"), None) else { return };
    site.curl(&["/version"], &[]).expect(status, sentence);
    site.form("/training", "a:b", &["dirhash=d"], Some(("dataset", b"x"))).expect(status, sentence);
    // The proxy uses the server as soon as it runs.
    let _server = Launch::new().env("MOODLE_MLBACKEND_PORT", &port.to_string()).start();
    site.curl(&["/version"], &[]).expect(200, "3.0.5");
}

#[rstest]
#[case::nginx_that_loses_it(Kind::Nginx, None, 502)]
#[case::apache_that_loses_it(Kind::Apache, None, 502)]
#[case::nginx_that_times_out(Kind::Nginx, Some(1), 504)]
#[case::apache_that_times_out(Kind::Apache, Some(1), 502)]
fn a_response_that_does_not_come_is_one_sentence_of_the_proxy(
    #[case] kind: Kind,
    #[case] timeout: Option<u32>,
    #[case] status: u16,
) {
    let test = "a_response_that_does_not_come_is_one_sentence_of_the_proxy";
    let server = Launch::new().env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "0").start();
    let Some(site) = SiteProxy::before(test, kind, &server.address.to_string(), timeout) else { return };
    // Enough that all iterations take far longer than the timeout.
    let samples = labelled(&rows(600));
    let fields = ["dirhash=e", "minscore=0.6", "maxdeviation=0.5", "niterations=1000"];
    thread::scope(|scope| {
        let response = scope.spawn(|| site.form("/evaluation", "a:b", &fields, Some(("dataset", &samples))));
        if timeout.is_none() {
            until("the evaluation has started", || server.log().contains("evaluation started"));
            server.signal("KILL");
        }
        response.join().unwrap().expect(status, NOT_RUNNING_OR_LATE);
    });
}

#[rstest]
fn the_proxy_forwards_credentials_and_error_responses(#[values(Kind::Nginx, Kind::Apache)] kind: Kind) {
    let Some(site) = Site::start("the_proxy_forwards_credentials_and_error_responses", kind) else { return };
    let wrong = "Incorrect user and/or password provided by Moodle.";
    site.form("/training", "a:wrong", &["dirhash=d"], None).expect(401, wrong);
    let none = "No user and/or password included in the request.";
    site.curl(&["/export?uniqueid=m&dirhash=d"], &[]).expect(401, none);
    // curl first sends no credentials, as wget does by default: the proxy must forward the challenge.
    let response = site.curl(&["/export?uniqueid=m&dirhash=d", "--user", "a:b", "--anyauth"], &[]);
    response.expect(503, "There is nothing to export.");
}

/// Apache reads no response before it has sent the whole request.
#[test]
fn a_wrong_password_is_refused_through_the_proxy_before_the_upload_arrives() {
    let Some(site) =
        Site::start("a_wrong_password_is_refused_through_the_proxy_before_the_upload_arrives", Kind::Nginx)
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

#[rstest]
#[cfg(target_os = "linux")] // on other systems loopback has one address
fn failed_logins_through_the_proxy_do_not_lock_out_its_other_clients(
    #[values(Kind::Nginx, Kind::Apache)] kind: Kind,
) {
    let Some(site) = Site::start("failed_logins_through_the_proxy_do_not_lock_out_its_other_clients", kind)
    else {
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

#[rstest]
fn an_upload_of_thirty_megabytes_works_through_the_proxy(#[values(Kind::Nginx, Kind::Apache)] kind: Kind) {
    let Some(site) = Site::start("an_upload_of_thirty_megabytes_works_through_the_proxy", kind) else {
        return;
    };
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nginx,
    Apache,
}

/// A server and a proxy in front of it.
struct Site {
    server: TestServer,
    proxy: SiteProxy,
}

impl Deref for Site {
    type Target = SiteProxy;

    fn deref(&self) -> &SiteProxy {
        &self.proxy
    }
}

/// A proxy, and curl as its client.
struct SiteProxy {
    proxy: Proxy,
    curl: PathBuf,
    /// `None` without openssl: the proxy then speaks plain HTTP.
    certificate: Option<Certificate>,
}

impl Site {
    /// `None`, and a skipped test, if the proxy or curl is not installed.
    fn start(test: &str, kind: Kind) -> Option<Self> {
        let launch = Launch::new().env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1");
        let server = launch.env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
        let proxy = SiteProxy::before(test, kind, &server.address.to_string(), None)?;
        Some(Self { server, proxy })
    }

    /// The same with nginx and a Unix socket between the two.
    fn start_on_a_unix_socket(test: &str) -> Option<Self> {
        let launch = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3");
        let backend = format!("unix:{}", launch.dir().join("socket").display());
        let server = launch.env("MOODLE_MLBACKEND_LISTEN", &backend).start();
        let proxy = SiteProxy::before(test, Kind::Nginx, &backend, None)?;
        Some(Self { server, proxy })
    }
}

impl SiteProxy {
    /// A proxy of the server at this address, with its own read timeout or this one in seconds.
    fn before(test: &str, kind: Kind, backend: &str, timeout: Option<u32>) -> Option<Self> {
        let curl = tool(test, "curl")?;
        let directory = TempDir::new().unwrap();
        let certificate = Certificate::make(directory.path());
        if certificate.is_none() {
            skip(test, "plain HTTP instead of HTTPS: openssl is not installed");
        }
        let port = free_port();
        let proxy = if kind == Kind::Nginx {
            let configuration = nginx(backend, port, timeout, certificate.as_ref());
            Proxy::nginx(test, directory, port, &configuration)?
        } else {
            // Those that the configuration names, and those that INSTALL.md does not enable because Debian does.
            let modules = ["ssl", "proxy", "proxy_http", "headers", "reqtimeout", "authz_host"];
            Proxy::apache(
                test,
                directory,
                port,
                &modules,
                &apache(backend, port, timeout, certificate.as_ref()),
            )?
        };
        Some(Self { proxy, curl, certificate })
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
        let output = thread::scope(|scope| {
            scope.spawn(move || input.write_all(stdin)); // curl may stop reading early
            child.wait_with_output()
        });
        Reply::of(&output.unwrap())
    }

    /// Writes bytes and reads the response up to `end`, on a connection that stays open.
    fn response_to(&self, bytes: &[u8], end: &str) -> String {
        let Some(certificate) = &self.certificate else {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.proxy.port)).unwrap();
            return exchange(&stream, &stream, bytes, end);
        };
        let mut tls = Command::new(find("openssl").unwrap())
            .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", PROXY_NAME, "-CAfile"])
            .arg(&certificate.file)
            .args(["-connect", &format!("127.0.0.1:{}", self.proxy.port)])
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
            .args(["--resolve", &format!("{PROXY_NAME}:{}:127.0.0.1", self.proxy.port)])
            .args(&arguments[1..])
            .arg(format!("{scheme}://{PROXY_NAME}:{}{}", self.proxy.port, arguments[0]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(certificate) = &self.certificate {
            command.arg("--cacert").arg(&certificate.file);
        }
        command
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

/// The configuration in `deploy` with the files and ports of this test.
fn nginx(backend: &str, port: u16, timeout: Option<u32>, certificate: Option<&Certificate>) -> String {
    let text = include_str!("../../deploy/nginx.conf").to_owned();
    let mut shipped = Shipped { name: "nginx.conf", text };
    shipped.change("server 127.0.0.1:5000;", &format!("server {backend};"));
    shipped.change("    listen [::]:443 ssl;\n", "");
    if let Some(timeout) = timeout {
        shipped.change("proxy_read_timeout    300s;", &format!("proxy_read_timeout {timeout}s;"));
    }
    if let Some(certificate) = certificate {
        shipped.change("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;"));
        shipped.certify(certificate);
    } else {
        shipped.change("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
        shipped.change("ssl_certificate", "# ssl_certificate");
        shipped.change("ssl_protocols", "# ssl_protocols");
    }
    shipped.text
}

/// The same for Apache.
fn apache(backend: &str, port: u16, timeout: Option<u32>, certificate: Option<&Certificate>) -> String {
    let text = include_str!("../../deploy/apache.conf").to_owned();
    let mut shipped = Shipped { name: "apache.conf", text };
    shipped.change("http://127.0.0.1:5000/", &format!("http://{backend}/"));
    shipped.change("<VirtualHost *:443>", &format!("<VirtualHost 127.0.0.1:{port}>"));
    if let Some(timeout) = timeout {
        shipped.change("timeout=300", &format!("timeout={timeout}"));
    }
    match certificate {
        Some(certificate) => shipped.certify(certificate),
        None => shipped.change("    SSL", "    # SSL"),
    }
    shipped.text
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
