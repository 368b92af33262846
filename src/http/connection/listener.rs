//! The listening socket: how many connections are accepted, and the layers between a connection and its requests.

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
use crate::http::middleware::request_log::log_request;
use crate::http::routes;
use crate::http::routes::fallback;
use crate::http::state::AppState;
use crate::net::per_client_limit::PerClientLimit;
use crate::telemetry::metrics::{Guard, metrics};

/// The product's own version; the body of `/version` is the version of the protocol.
const SERVER: &str = concat!("moodle-mlbackend/", env!("CARGO_PKG_VERSION"));

/// After all work is done, the last responses may take this many seconds to be sent.
const LAST_RESPONSES_SECONDS: u64 = 5;
/// Connections that the system queues until they are accepted; its own limit may be lower.
const BACKLOG: u32 = 1024;
/// A connection, and its upload or the directory of its model.
const DESCRIPTORS_PER_CLIENT: u64 = 2;
/// All other descriptors: models, logs, and those of the system's libraries.
const OTHER_DESCRIPTORS: u64 = 200;

/// Opens a port.
pub(crate) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the previous process may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// The configured number of connections, or fewer if the system has too few descriptors. Raises the process's limit as
/// far as needed and allowed: without a free descriptor, neither clients nor models can be served.
fn affordable(configured: usize) -> usize {
    let needed = (configured as u64).saturating_mul(DESCRIPTORS_PER_CLIENT).saturating_add(OTHER_DESCRIPTORS);
    let allowed = match rlimit::increase_nofile_limit(needed) {
        Ok(allowed) => allowed,
        Err(error) => {
            tracing::warn!(%error, "cannot read the limit of open files");
            return configured;
        }
    };
    let max = (allowed.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_PER_CLIENT).max(1);
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    if max < configured {
        tracing::warn!(
            connections = max,
            "the system allows {allowed} open files, too few for MOODLE_MLBACKEND_MAX_CONNECTIONS={configured}: \
             raise its limit (LimitNOFILE of systemd, ulimit -n) to {needed} or lower the setting"
        );
    }
    configured.min(max)
}

/// Starts a server on an open port.
pub(crate) fn serve(listener: TcpListener, state: &web::Data<AppState>) -> io::Result<Server> {
    let limits = state.config.connections;
    let max_connections = affordable(limits.max);
    // actix applies the limit to each worker: as many workers as cores, but each with at least one connection.
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(max_connections);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(max_connections / workers)
        .shutdown_timeout(LAST_RESPONSES_SECONDS)
        .disable_signals();
    let (state, shutdown) = (state.clone(), builder.graceful_shutdown_signal());
    let per_client = PerClientLimit::new(max_connections, state.config.access.trusted_proxies.clone());
    let server = builder.listen("http", listener, move || {
        let shutdown = shutdown.clone();
        let http = HttpService::build()
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(limits.linger)
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            .on_connect_ext(|stream: &GuardedStream<TcpStream>, extensions| {
                extensions.insert(stream.read_gate.clone());
            })
            .h1(map_config(
                App::new()
                    .app_data(state.clone())
                    .wrap(middleware::from_fn(log_request))
                    .wrap(middleware::DefaultHeaders::new().add(("Server", SERVER)))
                    .configure(routes::register)
                    .default_service(web::to(fallback::not_found)),
                |()| AppConfig::default(),
            ));
        let per_client = per_client.clone();
        let guarded = fn_service(move |stream: TcpStream| {
            let client = stream.peer_addr().ok();
            // A connection that is closed already has no address.
            let permit = client.and_then(|client| {
                let permit = per_client.count(client.ip());
                if permit.is_none() {
                    metrics().connection_closed(Guard::PerClientLimit);
                }
                permit
            });
            ready(match permit {
                Some(permit) => Ok((GuardedStream::new(stream, &limits, permit), client)),
                None => Err(DispatchError::Io(ErrorKind::ConnectionRefused.into())),
            })
        });
        guarded.and_then(http)
    })?;
    Ok(server.run())
}
