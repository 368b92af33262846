//! Notifications for systemd (`sd_notify`), and the sockets that it passes: a restart refuses no connection.

use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::{
    Authority, Form, Launch, Request, exchange_over, free_port, long, separable, tool, unlabelled, until,
    untouched,
};

/// Restarts under a stream of requests; in the long form, of some minutes.
const RESTARTS: (usize, usize) = (20, 3);
const CLIENTS: usize = 16;

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a time-out can be set");
        Self { socket, path }
    }

    fn launch(&self) -> Launch {
        Launch::new().env("NOTIFY_SOCKET", self.path.to_str().expect("text"))
    }

    /// The next message that is no sign of life.
    fn next(&self) -> String {
        loop {
            let message = self.next_of_any_kind();
            if message != "WATCHDOG=1\n" {
                return message;
            }
        }
    }

    fn next_of_any_kind(&self) -> String {
        let mut buffer = [0; 1024];
        let count = self.socket.recv(&mut buffer).expect("a message in time");
        String::from_utf8(buffer[..count].to_vec()).expect("UTF-8")
    }
}

#[test]
fn tells_the_service_manager_when_it_is_ready_and_when_it_stops() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Manager::new(dir.path());
    let server = manager.launch().start();
    assert_eq!(manager.next(), "READY=1\n");
    server.get("/version").expect(200, "3.0.5");
    server.signal("TERM");
    assert_eq!(manager.next(), "STOPPING=1\n");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_server_that_cannot_start_is_never_ready() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Manager::new(dir.path());
    manager.socket.set_nonblocking(true).expect("a socket need not block");
    assert_eq!(manager.launch().env("MOODLE_MLBACKEND_PYTHON_DIR", "/nowhere").fail().code, Some(1));
    assert!(manager.socket.recv(&mut [0; 64]).is_err());
}

#[test]
fn tells_the_service_manager_about_a_reload() {
    let test = "tells_the_service_manager_about_a_reload";
    let Some(authority) = Authority::new(test) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Manager::new(dir.path());
    let server = manager.launch().with_tls(&authority, &authority.issue("server", 90)).start();
    assert_eq!(manager.next(), "READY=1\n");
    server.signal("HUP");
    let reloading = manager.next();
    let time =
        reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("the time of the reload").trim_end();
    assert!(time.parse::<u64>().expect("microseconds") > 0, "{reloading}");
    assert_eq!(manager.next(), "READY=1\n");
}

#[test]
fn shows_the_watchdog_that_it_is_alive() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Manager::new(dir.path());
    let launch = manager.launch().env("WATCHDOG_USEC", "4000000");
    let server = launch.start();
    let begun = Instant::now();
    let messages: Vec<String> = (0..4).map(|_| manager.next_of_any_kind()).collect();
    assert_eq!(messages.iter().filter(|message| *message == "WATCHDOG=1\n").count(), 3, "{messages:?}");
    assert!(begun.elapsed() > Duration::from_secs(3), "twice in an interval: {:?}", begun.elapsed());
    // A stopped process shows nothing.
    server.signal("STOP");
    manager.socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out can be set");
    let silence = (0..3).any(|_| manager.socket.recv(&mut [0; 64]).is_err());
    assert!(silence);
}

/// A service whose socket outlives its processes, like that of a systemd unit with a socket: `systemd-socket-activate`
/// passes the socket to a shell, which keeps it and starts the program again whenever it ends.
struct Activated {
    service: Child,
    dir: TempDir,
}

impl Activated {
    fn start(activate: &Path, listen: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["data", "temp"] {
            fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let log = File::create_new(dir.path().join("log")).expect("a log file");
        let program = env!("CARGO_BIN_EXE_moodle-mlbackend");
        // As systemd does, for each process: LISTEN_PID is its id.
        let once = format!("echo $$ > pid; LISTEN_PID=$$ exec {program} serve");
        let script = format!("while [ ! -e end ]; do sh -c '{once}' || exit 1; done");
        let mut command = Command::new(activate);
        untouched(command.args(["--listen", listen, "--setenv=MOODLE_MLBACKEND_PYTHON_DIR"]));
        for variable in ["MOODLE_MLBACKEND_PYTHON_USERS", "MOODLE_MLBACKEND_TEMPDIR", "PATH"] {
            command.arg(format!("--setenv={variable}"));
        }
        command.args(["sh", "-c", &script]).current_dir(dir.path());
        command.env("MOODLE_MLBACKEND_PYTHON_DIR", dir.path().join("data"));
        command.env("MOODLE_MLBACKEND_TEMPDIR", dir.path().join("temp"));
        command.env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b");
        command.stdout(Stdio::null()).stderr(log);
        Self { service: command.spawn().expect("it starts"), dir }
    }

    /// On a free port; waits until the service is ready.
    fn on_a_port(activate: &Path) -> (Self, SocketAddr) {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let service = Self::start(activate, &address.to_string());
        until("the socket is open", || TcpStream::connect(address).is_ok());
        until("the service is ready", || service.starts() == 1);
        (service, address)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).expect("the log is text")
    }

    fn starts(&self) -> usize {
        self.log().matches("ready url=").count()
    }

    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.dir.path().join("pid")).expect("the process has started");
        let sent = Command::new("kill").args(["-s", name, pid.trim()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = File::create_new(self.dir.path().join("end"));
        if self.dir.path().join("pid").exists() {
            self.signal("KILL");
        }
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// Requests of Moodle on new connections, as its cron sends them, while the service restarts again and again.
#[test]
fn a_restart_with_an_inherited_socket_refuses_no_request() {
    let test = "a_restart_with_an_inherited_socket_refuses_no_request";
    let Some(activate) = tool(test, "systemd-socket-activate") else { return };
    let restarts = if long() { RESTARTS.0 } else { RESTARTS.1 };
    let (service, address) = Activated::on_a_port(&activate);

    let train = Form::model("m", "d").file("dataset", &separable(40, false));
    let train = Request::new("POST", "/training").credentials("a", "b").form(&train);
    let predict = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let predict = Request::new("POST", "/prediction").credentials("a", "b").form(&predict);
    let [version, train, predict] =
        [Request::new("GET", "/version"), train, predict].map(|request| request.bytes());
    // Trainings of one model wait for each other.
    let requests =
        [&train, &predict, &version, &predict, &version, &version, &version, &version, &version, &version];
    let send = |request: &[u8]| {
        let stream = TcpStream::connect(address).map_err(|error| format!("refused: {error}"))?;
        let reply = exchange_over(stream, request).map_err(|error| format!("lost: {error}"))?;
        if reply.status == 200 { Ok(()) } else { Err(format!("{}: {}", reply.status, reply.text())) }
    };
    send(&train).expect("a training");

    let (is_over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failures: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        let at = sent.fetch_add(1, Ordering::SeqCst);
                        failures.extend(send(requests[at % requests.len()]).err());
                    }
                    failures
                })
            })
            .collect();
        for restart in 1..=restarts {
            thread::sleep(Duration::from_millis(500));
            service.signal("TERM");
            until("the service is ready again", || service.starts() > restart);
        }
        thread::sleep(Duration::from_millis(500));
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    });
    let sent = sent.into_inner();
    println!("{sent} requests, {restarts} restarts, {} lost", failures.len());
    assert!(failures.is_empty(), "{failures:?}\n{}", service.log());
    assert!(sent > restarts * CLIENTS, "only {sent} requests");
}

/// Its request comes when the old process has stopped accepting: no other process can answer it.
#[test]
fn a_connection_that_was_accepted_before_a_restart_is_served() {
    let test = "a_connection_that_was_accepted_before_a_restart_is_served";
    let Some(activate) = tool(test, "systemd-socket-activate") else { return };
    let (service, address) = Activated::on_a_port(&activate);
    let accepted = TcpStream::connect(address).expect("a connection");
    thread::sleep(Duration::from_millis(300));
    service.signal("TERM");
    until("it accepts nothing more", || service.log().contains("new connections wait for the next process"));
    let waiting = TcpStream::connect(address).expect("the system accepts the connection");
    let train = Form::model("m", "d").file("dataset", &separable(40, false));
    let train = Request::new("POST", "/training").credentials("a", "b").form(&train);
    let reply = exchange_over(&accepted, &train.bytes()).expect("a response");
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{}", reply.text());
    assert_eq!(service.starts(), 1, "the old process responded");
    exchange_over(&waiting, &Request::new("GET", "/version").bytes())
        .expect("a response")
        .expect(200, "3.0.5");
    // Its line can come after its response: lines are written together.
    until("the new process responded", || service.starts() == 2);
}

#[test]
fn serves_on_an_inherited_unix_socket() {
    let test = "serves_on_an_inherited_unix_socket";
    let Some(activate) = tool(test, "systemd-socket-activate") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("socket");
    let service = Activated::start(&activate, socket.to_str().expect("text"));
    until("the socket is open", || UnixStream::connect(&socket).is_ok());
    let stream = UnixStream::connect(&socket).expect("a connection");
    exchange_over(stream, &Request::new("GET", "/version").bytes()).expect("a response").expect(200, "3.0.5");
    assert!(service.log().contains("the sockets that the service manager passed"), "{}", service.log());
    assert!(socket.exists());
}

/// A client that has connected in advance and sends nothing delays a restart by seconds, not until its time is over.
#[test]
fn an_idle_connection_does_not_hold_up_a_restart() {
    let test = "an_idle_connection_does_not_hold_up_a_restart";
    let Some(activate) = tool(test, "systemd-socket-activate") else { return };
    let (service, address) = Activated::on_a_port(&activate);
    let mut idle = TcpStream::connect(address).expect("a connection");
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    service.signal("TERM");
    until("the service is ready again", || service.starts() == 2);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(idle.read(&mut [0; 16]).unwrap_or(0), 0, "it was closed");
}

/// Of datagrams, it is no socket for HTTP.
#[test]
fn an_inherited_socket_of_another_kind_is_refused() {
    let test = "an_inherited_socket_of_another_kind_is_refused";
    let Some(activate) = tool(test, "systemd-socket-activate") else { return };
    let port = free_port();
    let mut command = Command::new(activate);
    untouched(command.args(["--datagram", "--listen", &format!("127.0.0.1:{port}")]));
    let mut child = command
        .args([env!("CARGO_BIN_EXE_moodle-mlbackend"), "serve", "--data-dir", "/tmp"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let begun = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it still runs");
        let _ = client.send_to(b"x", ("127.0.0.1", port));
        thread::sleep(Duration::from_millis(20));
    }
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ended").code(), Some(1), "{stderr}");
    assert!(stderr.contains("the sockets of LISTEN_FDS cannot be used"), "{stderr}");
}

#[test]
fn sockets_for_another_process_are_ignored() {
    let server = Launch::new().env("LISTEN_FDS", "1").env("LISTEN_PID", "1").start();
    server.get("/version").expect(200, "3.0.5");
    assert!(!server.log().contains("the service manager passed"), "{}", server.log());
}
