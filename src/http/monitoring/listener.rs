//! The listener of `MOODLE_MLBACKEND_METRICS_LISTEN`: metrics and health checks without credentials, on an address that
//! Moodle's clients do not use.
//!
//! Owns its life. It has no log lines for each request and no guards of its own beyond those of the HTTP library: the
//! address is for the operator's own systems.

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, rt, web};

use super::metrics_response;
use crate::http::routes::{fallback, health_live, health_ready};
use crate::http::state::AppState;

/// Connections at a time; each scrape or check is one.
const MAX_CONNECTIONS: usize = 64;

/// Starts it on an open port; stop it by its handle.
pub(crate) fn start(listener: TcpListener, state: &web::Data<AppState>) -> io::Result<ServerHandle> {
    let (address, state) = (listener.local_addr()?, state.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .service(web::resource("/metrics").route(web::get().to(metrics)))
            .service(health_live::service())
            .service(health_ready::service())
            .default_service(web::to(fallback::not_found))
    });
    let server = server.workers(1).max_connections(MAX_CONNECTIONS).disable_signals().listen(listener)?.run();
    warn_if_exposed(address);
    tracing::info!(url = format!("http://{address}/metrics"), "metrics are served");
    let handle = server.handle();
    rt::spawn(server);
    Ok(handle)
}

async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    metrics_response(&state).await
}

fn warn_if_exposed(address: SocketAddr) {
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "the metrics at {address} need no credentials, and other machines may reach them: permit only your \
             monitoring in the firewall"
        );
    }
}
