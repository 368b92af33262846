//! The server's life cycle: from the configuration to a listening server, and to its end.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{rt, web};

use super::connection::listener;
use super::error::{StartError, chain};
use super::monitoring;
use super::shutdown::stop_on_signal;
use super::startup_warnings::log_warnings;
use super::state::AppState;
use crate::backend;
use crate::config::{Config, ServeArgs};
use crate::telemetry::{self, LogSettings};

/// How often the retention settings are applied.
const RETENTION_INTERVAL: Duration = Duration::from_hours(1);

/// Applies the retention settings, again and again.
async fn apply_retention(state: web::Data<AppState>) {
    loop {
        let store = state.store.clone();
        if let Err(error) = state.jobs.quick.run(move || backend::apply_retention(&store)).await {
            tracing::warn!(%error, "the retention settings could not be applied");
        }
        tokio::time::sleep(RETENTION_INTERVAL).await;
    }
}

/// `moodle-mlbackend serve`: exit code 1 and a sentence if the server cannot start.
#[must_use]
pub fn serve(args: ServeArgs) -> ExitCode {
    match Config::load(args).map_err(StartError::from).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // stderr may be closed, which is no reason to panic.
            let _ = writeln!(std::io::stderr(), "moodle-mlbackend: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT; after SIGTERM, running jobs may finish within the configured time.
fn run(config: Config) -> Result<(), StartError> {
    let log = telemetry::start(&LogSettings {
        format: config.log_format,
        debug: config.debug_mode,
        sentry_dsn: config.monitoring.dsn(),
    });
    let log = log.map_err(StartError::Journal)?;
    rt::System::new().block_on(async move {
        log_warnings(&config);
        let address = SocketAddr::new(config.host(), config.port);
        let state = web::Data::new(AppState::new(config)?);
        let listener = listener::open(address).map_err(|source| StartError::Bind { address, source })?;
        let address = listener.local_addr().map_err(StartError::Server)?;
        let monitoring = serve_monitoring(&state)?;
        let server = listener::serve(listener, &state).map_err(StartError::Server)?;
        announce(&format!("http://{address}"));
        rt::spawn(stop_on_signal(state.clone(), server.handle()));
        let retention = rt::spawn(apply_retention(state.clone()));
        let ended = server.await.map_err(StartError::Server);
        retention.abort();
        if let Some(monitoring) = monitoring {
            monitoring.stop(false).await;
        }
        let jobs_are_running = !state.jobs.is_idle();
        if jobs_are_running {
            tracing::warn!("shutdown timeout reached: unfinished jobs were discarded, no model was changed");
        }
        // At the end of the process, values that the workers share are not dropped.
        state.store.close();
        ended?;
        if jobs_are_running {
            // The runtime would wait for the threads that still run jobs.
            drop(log);
            std::process::exit(0);
        }
        Ok(())
    })
}

/// Starts the listener of the metrics, if one is configured.
fn serve_monitoring(state: &web::Data<AppState>) -> Result<Option<ServerHandle>, StartError> {
    let Some(address) = state.config.monitoring.listen() else { return Ok(None) };
    let listener = listener::open(address).map_err(|source| StartError::BindMetrics { address, source })?;
    monitoring::listener::start(listener, state).map(Some).map_err(StartError::Server)
}

/// The one line on stdout, for people and for programs that use port 0.
fn announce(url: &str) {
    let mut out = std::io::stdout().lock();
    // stdout may be closed, which is no reason to stop.
    let _ = writeln!(out, "listening on {url}").and_then(|()| out.flush());
    tracing::info!(url, version = env!("CARGO_PKG_VERSION"), "ready");
}
