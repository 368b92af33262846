//! The server: how many connections are accepted, and the layers between a connection and its requests.

use std::future::ready;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::{TcpStream, UnixStream};
use actix_web::{App, middleware, web};

use super::backpressure::ReadGate;
use super::gated_stream::GatedStream;
use super::guarded_stream::{DrainableStream, GuardedStream};
use super::sockets::ListeningSocket;
use super::tls::{CertificateEnd, Tls};
use crate::config::Connections;
use crate::http::dashboard;
use crate::http::extract::transport::Encrypted;
use crate::http::middleware::request_log::log_request;
use crate::http::openapi::{self, Served};
use crate::http::routes;
use crate::http::routes::fallback;
use crate::http::service_manager::Heartbeats;
use crate::http::state::AppState;
use crate::net::per_client_limit::PerClientLimit;
use crate::telemetry::metrics::{Guard, metrics};

/// The product's own version; the body of `/version` is the version of the protocol.
const SERVER: &str = concat!("moodle-mlbackend/", env!("CARGO_PKG_VERSION"));

/// After all work is done, the last responses may take this many seconds to be sent.
const LAST_RESPONSES_SECONDS: u64 = 5;
/// A connection, and its upload or the directory of its model.
const DESCRIPTORS_PER_CLIENT: u64 = 2;
/// All other descriptors: models, logs, and those of the system's libraries.
const OTHER_DESCRIPTORS: u64 = 200;

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

/// What all connections need; each worker has a clone.
#[derive(Clone)]
struct Layers {
    state: web::Data<AppState>,
    documents: web::Data<Served>,
    tls: Option<Tls>,
    limits: Connections,
    per_client: PerClientLimit,
    shutdown: GracefulShutdownSignal,
    heartbeats: Heartbeats,
}

/// Starts a server on open sockets. Connections to ports use TLS if it is given; a Unix socket does not leave the machine.
pub(crate) fn serve(
    sockets: Vec<ListeningSocket>,
    tls: Option<Tls>,
    state: &web::Data<AppState>,
    heartbeats: Heartbeats,
) -> io::Result<Server> {
    let limits = state.config.connections;
    let max_connections = affordable(limits.max);
    // actix applies the limit to each worker: as many workers as cores, but each with at least one connection.
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(max_connections);
    let mut builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(max_connections / workers)
        .shutdown_timeout(LAST_RESPONSES_SECONDS)
        .disable_signals();
    let per_client = PerClientLimit::new(max_connections, state.config.access.trusted_proxies.clone());
    let shutdown = builder.graceful_shutdown_signal();
    let documents = web::Data::new(openapi::served(state.config.listen.url_prefix.as_str()));
    let layers = Layers { state: state.clone(), documents, tls, limits, per_client, shutdown, heartbeats };
    for socket in sockets {
        builder = layers.clone().listen(builder, socket)?;
    }
    Ok(builder.run())
}

impl Layers {
    fn listen(self, builder: ServerBuilder, socket: ListeningSocket) -> io::Result<ServerBuilder> {
        match socket {
            ListeningSocket::Tcp(listener) => builder.listen("http", listener, move || {
                self.heartbeats.start();
                let layers = self.clone();
                fn_service(move |stream| layers.clone().accept(stream)).and_then(self.http())
            }),
            ListeningSocket::Unix(listener) => builder.listen_uds("http", listener, move || {
                self.heartbeats.start();
                let layers = self.clone();
                fn_service(move |stream: UnixStream| {
                    let stream = GuardedStream::new(stream, &layers.limits, layers.read_gate(), None);
                    ready(Ok((GatedStream::plain(stream), None)))
                })
                .and_then(self.http())
            }),
        }
    }

    /// The layers between a TCP connection and its plaintext.
    async fn accept(
        self,
        stream: TcpStream,
    ) -> Result<(GatedStream<TcpStream>, Option<SocketAddr>), DispatchError> {
        let client = stream.peer_addr().ok();
        // A connection that is closed already has no address.
        let permit = client.and_then(|client| {
            let permit = self.per_client.count(client.ip());
            if permit.is_none() {
                metrics().connection_closed(Guard::PerClientLimit);
            }
            permit
        });
        let permit = permit.ok_or(DispatchError::Io(ErrorKind::ConnectionRefused.into()))?;
        // Otherwise the system holds a response back until the client confirms what TLS sent before it: 40 ms. A connection
        // that has been closed has no options.
        let _ = stream.set_nodelay(true);
        let stream = GuardedStream::new(stream, &self.limits, self.read_gate(), Some(permit));
        let stream = match &self.tls {
            Some(tls) => tls.accept(stream, self.limits.head).await?,
            None => GatedStream::plain(stream),
        };
        Ok((stream, client))
    }

    fn read_gate(&self) -> ReadGate {
        ReadGate::of(self.state.new_connections().count())
    }

    /// The HTTP library and the routes.
    fn http<S: DrainableStream + 'static>(
        &self,
    ) -> impl ServiceFactory<
        (GatedStream<S>, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<S> {
        let (limits, shutdown) = (self.limits, self.shutdown.clone());
        let has_dashboard = self.state.config.dashboard.is_on;
        HttpService::build()
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(limits.linger)
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            .on_connect_ext(|stream: &GatedStream<S>, extensions| {
                extensions.insert(stream.read_gate.clone());
                extensions.insert(Encrypted(stream.is_encrypted()));
            })
            .h1(map_config(
                App::new()
                    .app_data(self.state.clone())
                    .app_data(self.documents.clone())
                    .app_data(web::Data::new(CertificateEnd::of(self.tls.as_ref())))
                    .wrap(middleware::from_fn(log_request))
                    .wrap(middleware::DefaultHeaders::new().add(("Server", SERVER)))
                    .configure(routes::register)
                    .configure(|config| {
                        if has_dashboard {
                            dashboard::register(config);
                        }
                    })
                    .default_service(web::to(fallback::not_found)),
                |()| AppConfig::default(),
            ))
    }
}
