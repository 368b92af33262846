//! The open port: how many connections are taken from it, and what each of them passes through before it
//! becomes requests.

use std::future::ready;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::Server;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::{TcpSocket, TcpStream};
use actix_web::{App, middleware, web};

use super::guarded_stream::GuardedStream;
use crate::config::Connections;
use crate::http::middleware::request_log::{SERVER, observe};
use crate::http::routes;
use crate::http::routes::fallback;
use crate::http::state::AppState;
use crate::net::per_client_limit::PerClientLimit;

/// How long the last answers may take on their way when all work is done, in seconds.
const LAST_ANSWERS_SECONDS: u64 = 5;
/// Clients that the system lets wait until their connections are taken; it may have a lower limit.
const BACKLOG: u32 = 1024;
/// A connection, and the file in which its upload lies or the directory of the model that it is about.
const DESCRIPTORS_OF_A_CLIENT: u64 = 2;
/// What else is open: models, logs, and what the system's libraries need.
const OTHER_DESCRIPTORS: u64 = 200;

/// Opens a port.
pub(crate) fn open(wanted: SocketAddr) -> io::Result<TcpListener> {
    let socket = if wanted.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that starts anew finds connections of the last one that are not quite over.
    socket.set_reuseaddr(true)?;
    socket.bind(wanted)?;
    socket.listen(BACKLOG)?.into_std()
}

/// As many connections as are wanted, or as the system has descriptors for; its limit is raised as far as
/// needed and allowed. Without a descriptor left, neither clients nor models could be served.
fn affordable(wanted: usize) -> usize {
    let needed = (wanted as u64).saturating_mul(DESCRIPTORS_OF_A_CLIENT).saturating_add(OTHER_DESCRIPTORS);
    let allowed = match rlimit::increase_nofile_limit(needed) {
        Ok(allowed) => allowed,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be read");
            return wanted;
        }
    };
    let most = (allowed.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_OF_A_CLIENT).max(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most < wanted {
        tracing::warn!(
            connections = most,
            "the system allows {allowed} open files, too few for MOODLE_MLBACKEND_MAX_CONNECTIONS={wanted}: \
             raise its limit (LimitNOFILE of systemd, ulimit -n) to {needed} or lower the setting"
        );
    }
    wanted.min(most)
}

/// A server on an open port.
pub(crate) fn serve(
    listener: TcpListener,
    state: &web::Data<AppState>,
    limits: Connections,
) -> io::Result<Server> {
    let most = affordable(limits.max);
    // The limit is one of each worker: as many workers as cores, but none without a connection to take.
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(most);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(most / workers)
        .shutdown_timeout(LAST_ANSWERS_SECONDS)
        .disable_signals();
    let (state, ending) = (state.clone(), builder.graceful_shutdown_signal());
    let per_client = PerClientLimit::new(most, state.proxies.clone());
    let server = builder.listen("http", listener, move || {
        let ending = ending.clone();
        let http = HttpService::build()
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(limits.linger)
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .on_connect_ext(|stream: &GuardedStream<TcpStream>, extensions| {
                extensions.insert(stream.read_gate().clone());
            })
            .h1(map_config(
                App::new()
                    .app_data(state.clone())
                    .wrap(middleware::from_fn(observe))
                    .wrap(middleware::DefaultHeaders::new().add(("Server", SERVER)))
                    .configure(routes::register)
                    .default_service(web::to(fallback::not_found)),
                |()| AppConfig::default(),
            ));
        let per_client = per_client.clone();
        let watched = fn_service(move |stream: TcpStream| {
            let client = stream.peer_addr().ok();
            let counted = client.and_then(|client| per_client.count(client.ip()));
            // Who has gone again has no address.
            ready(match counted {
                Some(counted) => Ok((GuardedStream::new(stream, &limits, counted), client)),
                None => Err(DispatchError::Io(ErrorKind::ConnectionRefused.into())),
            })
        });
        watched.and_then(http)
    })?;
    Ok(server.run())
}
