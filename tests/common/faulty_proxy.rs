//! An HTTP proxy that injects faults of a network between a client and one server, such as an object store.
//!
//! Owns its port, the faults, and the record of requests. Reads whole requests and responses, so that a fault meets exactly
//! one request of a kept connection. Must not know what the requests mean.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::http_frame::{FrameReader, Message};
use super::tools::free_port;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on, and so is the response.
    None,
    /// No connection is accepted; a request on a kept connection is dropped.
    Refuse,
    /// It is passed on after this time.
    Delay(Duration),
    /// Half of it is passed on, so that the server does not execute it.
    CutRequest,
    /// The server executes it, and the response is lost.
    LoseResponse,
    /// The server executes it, and half of the response is passed on.
    CutResponse,
    /// It is sent twice, one after the other; the second response is passed on.
    SendTwice,
}

/// A request that the proxy has handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Such as `PUT /bucket/key`.
    pub request: String,
    pub fault: Fault,
    /// The status of the server's last response, if there was one.
    pub status: Option<u16>,
}

/// A running proxy, ended on drop.
pub struct FaultyProxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    faults: Mutex<Faults>,
    passed: Mutex<Vec<Passed>>,
    has_ended: AtomicBool,
}

/// Those of the next requests, then those of a seed, then that of all.
struct Faults {
    all: Fault,
    /// A part of a request's method and target, and its fault, used once.
    next: VecDeque<(String, Fault)>,
    /// The state of the generator, and one request of how many gets a fault.
    random: Option<(u64, u64)>,
}

impl FaultyProxy {
    /// Starts one before a server on this machine; without faults.
    pub fn before(port: u16) -> Self {
        let state = Arc::new(State {
            server: (Ipv4Addr::LOCALHOST, port).into(),
            faults: Mutex::new(Faults { all: Fault::None, next: VecDeque::new(), random: None }),
            passed: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let port = free_port();
        let listener = listen(port).expect("a free port");
        let of_thread = Arc::clone(&state);
        thread::spawn(move || of_thread.accept(port, listener));
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The fault of all requests from now on.
    pub fn set(&self, fault: Fault) {
        let mut faults = self.state.faults();
        faults.all = fault;
        faults.random = None;
    }

    /// The fault of the next request whose method and target contain a text, such as `PUT /bucket/current`.
    pub fn next(&self, part: &str, fault: Fault) {
        self.state.faults().next.push_back((part.to_owned(), fault));
    }

    /// From now on, one request of this many gets a fault; the seed chooses which one gets which.
    pub fn randomly(&self, seed: u64, one_of: u64) {
        self.state.faults().random = Some((seed, one_of));
    }

    /// The requests so far, in the order in which they ended.
    pub fn passed(&self) -> Vec<Passed> {
        lock(&self.state.passed).clone()
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.state.has_ended.store(true, Ordering::SeqCst);
    }
}

impl Faults {
    fn of(&mut self, request: &str) -> Fault {
        const RANDOM: [Fault; 6] = [
            Fault::Refuse,
            Fault::Delay(Duration::from_millis(50)),
            Fault::CutRequest,
            Fault::LoseResponse,
            Fault::CutResponse,
            Fault::SendTwice,
        ];
        if let Some(index) = self.next.iter().position(|(part, _)| request.contains(part)) {
            return self.next.remove(index).map_or(Fault::None, |(_, fault)| fault);
        }
        let Some((state, one_of)) = &mut self.random else { return self.all };
        // SplitMix64: a fixed sequence, also in later versions of a library.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        if drawn % *one_of == 0 { RANDOM[(drawn / *one_of % 6) as usize] } else { Fault::None }
    }
}

impl State {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// Accepts connections until the end; while connections are refused, nothing listens.
    fn accept(self: &Arc<Self>, port: u16, listener: TcpListener) {
        let mut listener = Some(listener);
        while !self.has_ended.load(Ordering::SeqCst) {
            if self.faults().all == Fault::Refuse {
                listener = None;
            } else if listener.is_none() {
                listener = listen(port).ok();
            }
            let Some((client, _)) = listener.as_ref().and_then(|listener| listener.accept().ok()) else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            let state = Arc::clone(self);
            thread::spawn(move || {
                let _ = state.serve(client);
            });
        }
    }

    /// The requests of one connection, until one of them, or the proxy, ends it.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nonblocking(false)?;
        let mut requests = FrameReader::new(client.try_clone()?);
        while let Some(request) = requests.request()? {
            if self.has_ended.load(Ordering::SeqCst) {
                break;
            }
            let name = request.name();
            let fault = self.faults().of(&name);
            let result = self.exchange(&request, fault);
            let status = result.as_ref().ok().and_then(|response| response.as_ref()?.status());
            lock(&self.passed).push(Passed { request: name, fault, status });
            let Some(response) = result? else { break };
            match fault {
                Fault::LoseResponse => break,
                Fault::CutResponse => {
                    client.write_all(&response.bytes[..response.bytes.len() / 2])?;
                    break;
                }
                _ => client.write_all(&response.bytes)?,
            }
            if response.closes {
                break;
            }
        }
        client.shutdown(Shutdown::Both)
    }

    /// The server's response to a request with a fault.
    fn exchange(&self, request: &Message, fault: Fault) -> std::io::Result<Option<Message>> {
        match fault {
            Fault::Refuse => return Ok(None),
            Fault::CutRequest => {
                let mut server = TcpStream::connect(self.server)?;
                server.write_all(&request.bytes[..request.bytes.len() / 2])?;
                server.shutdown(Shutdown::Write)?;
                // Until the server has noticed: afterwards it cannot execute it.
                let _ = server.read_to_end(&mut Vec::new());
                return Ok(None);
            }
            Fault::Delay(time) => thread::sleep(time),
            Fault::SendTwice => {
                self.send(request)?;
            }
            Fault::None | Fault::LoseResponse | Fault::CutResponse => {}
        }
        self.send(request)
    }

    /// Each request has a connection of its own to the server.
    fn send(&self, request: &Message) -> std::io::Result<Option<Message>> {
        let mut server = TcpStream::connect(self.server)?;
        server.write_all(&request.bytes)?;
        FrameReader::new(server).response(request)
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
