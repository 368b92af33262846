//! The server's life cycle: from the configuration to a listening server, and to its end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use actix_web::{rt, web};

use super::async_jobs::{self, connect};
use super::connection::listener;
use super::connection::sockets::{self, ListeningSocket, SocketFile};
use super::connection::tls::Tls;
use super::error::{HttpError, StartError, chain};
use super::monitoring;
use super::reload::{Reload, on_hangup};
use super::service_manager::{self, Heartbeats};
use super::shutdown::{StopSignals, stop_on_signal};
use super::startup_warnings::log_warnings;
use super::state::AppState;
use crate::backend;
use crate::config::{CommandLine, Config, Endpoint, Reloader, Settings};
use crate::telemetry::{self, LogSettings, Telemetry};

/// How often the retention settings are applied.
const RETENTION_INTERVAL: Duration = Duration::from_hours(1);

/// How often the end of the certificate is compared with the clock.
const CERTIFICATE_INTERVAL: Duration = Duration::from_hours(12);

/// Reports the operations that the end of another process interrupted; again and again where other machines have processes.
pub(super) async fn report_interrupted(state: web::Data<AppState>) {
    loop {
        let trail = state.trail.clone();
        let reported = state.jobs.quick.run(move || trail.report_interrupted()).await;
        if let Err(error) =
            reported.map_err(HttpError::from).and_then(|reported| reported.map_err(HttpError::from))
        {
            tracing::warn!(error = chain(&error), "interrupted operations could not be looked for");
        }
        let Some(interval) = state.trail.interruptions_interval() else { return };
        tokio::time::sleep(interval).await;
    }
}

/// Applies the retention settings, again and again.
async fn apply_retention(state: web::Data<AppState>) {
    loop {
        let (store, trail, days) =
            (state.store.clone(), state.trail.clone(), state.config.retention.audit_days());
        let apply = move || backend::apply_retention(&store, &trail, days);
        if let Err(error) = state.jobs.quick.run(apply).await {
            tracing::warn!(%error, "the retention settings could not be applied");
        }
        tokio::time::sleep(RETENTION_INTERVAL).await;
    }
}

/// `moodle-mlbackend serve`: exit code 1 and a sentence if the server cannot start.
#[must_use]
pub fn serve(line: &CommandLine) -> ExitCode {
    exit_code(start(line))
}

pub(super) fn exit_code(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // stderr may be closed, which is no reason to panic.
            let _ = writeln!(std::io::stderr(), "moodle-mlbackend: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(line: &CommandLine) -> Result<(), StartError> {
    // Before other threads run: this removes variables of the environment.
    let inherited = sockets::inherited().map_err(StartError::Inherited)?;
    let (config, reloader, log) = configure(line)?;
    run(config, inherited, reloader, log)
}

/// The settings, and the log that they describe.
pub(super) fn configure(line: &CommandLine) -> Result<(Config, Reloader, Telemetry), StartError> {
    let settings = Settings::read(line)?;
    let config = Config::new(&settings)?;
    let log = telemetry::start(&LogSettings {
        format: config.log_format,
        debug: config.debug_mode,
        sentry_dsn: config.monitoring.dsn(),
    });
    let log = log?;
    settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok((config, Reloader::new(line.clone(), &settings), log))
}

/// Serves until SIGTERM or SIGINT; after SIGTERM, running jobs may finish within the configured time.
fn run(
    config: Config,
    inherited: Vec<ListeningSocket>,
    reloader: Reloader,
    log: Telemetry,
) -> Result<(), StartError> {
    rt::System::new().block_on(async move {
        let tls = config.tls.files()?.map(Tls::new).transpose()?;
        let hands_over = !inherited.is_empty();
        let state = web::Data::new(AppState::new(config)?);
        connect(&state).await?;
        if hands_over {
            state.shutdown.set_hands_over();
        }
        let (sockets, files) = open(&state.config, inherited)?;
        let exposed = sockets.iter().find_map(ListeningSocket::exposed);
        state.config.refuse_well_known_passwords(exposed)?;
        log_warnings(&state.config, exposed, tls.is_some());
        let urls: io::Result<Vec<_>> = sockets.iter().map(|socket| socket.url(tls.is_some())).collect();
        let urls = urls.map_err(StartError::Server)?;
        let heartbeats = Heartbeats::new();
        let monitoring = serve_monitoring(&state)?;
        let server = listener::serve(sockets, tls.clone(), &state, heartbeats.clone());
        let server = server.map_err(StartError::Server)?;
        // From here on, no signal ends the process: it can be sent as soon as the server says that it is ready.
        if let Some(signals) = StopSignals::new() {
            rt::spawn(stop_on_signal(state.clone(), server.handle(), signals));
        }
        let certificate = tls.clone().map(|tls| -> Reload { Box::new(move || tls.reload()) });
        on_hangup(state.clone(), reloader.exposed_at(exposed), certificate.into_iter().collect());
        let mut tasks = vec![rt::spawn(apply_retention(state.clone())), rt::spawn(heartbeats.report())];
        tasks.push(rt::spawn(report_interrupted(state.clone())));
        tasks.push(rt::spawn(async_jobs::keep(state.clone())));
        tasks.extend(tls.map(|tls| rt::spawn(watch_certificate(tls))));
        announce(&urls);
        let ended = server.await.map_err(StartError::Server);
        tasks.iter().for_each(JoinHandle::abort);
        if let Some(monitoring) = monitoring {
            monitoring.stop(false).await;
        }
        let jobs_are_running = !state.jobs.is_idle();
        if jobs_are_running {
            tracing::warn!("shutdown timeout reached: unfinished jobs were discarded, no model was changed");
        }
        // At the end of the process, values that the workers share are not dropped.
        state.store.close();
        state.trail.close();
        drop(files);
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
pub(super) fn serve_monitoring(state: &web::Data<AppState>) -> Result<Option<ServerHandle>, StartError> {
    let Some(address) = state.config.monitoring.listen() else { return Ok(None) };
    let listener =
        sockets::open_port(address).map_err(|source| StartError::BindMetrics { address, source })?;
    monitoring::listener::start(listener, state).map(Some).map_err(StartError::Server)
}

/// The sockets that the service manager passed, or else those of the settings, and the files of the latter.
fn open(
    config: &Config,
    inherited: Vec<ListeningSocket>,
) -> Result<(Vec<ListeningSocket>, Vec<SocketFile>), StartError> {
    if !inherited.is_empty() {
        tracing::info!(
            "listening on the sockets that the service manager passed, instead of those of the settings"
        );
        return Ok((inherited, Vec::new()));
    }
    let (mut sockets, mut files) = (Vec::new(), Vec::new());
    for endpoint in config.endpoints() {
        let opened = sockets::open(&endpoint, config.listen.socket_mode);
        let (socket, file) = opened.map_err(|source| match endpoint {
            Endpoint::Tcp(address) => StartError::bind(address, source),
            Endpoint::Unix(path) => StartError::BindUnix { path, source },
        })?;
        sockets.push(socket);
        files.extend(file);
    }
    Ok((sockets, files))
}

/// Logs regularly when the certificate ends soon.
async fn watch_certificate(tls: Tls) {
    loop {
        tokio::time::sleep(CERTIFICATE_INTERVAL).await;
        tls.log_end();
    }
}

/// One line for each socket on stdout, for people and for programs that use port 0, and the readiness for the service
/// manager.
fn announce(urls: &[String]) {
    let mut out = std::io::stdout().lock();
    for url in urls {
        // stdout may be closed, which is no reason to stop.
        let _ = writeln!(out, "listening on {url}");
        tracing::info!(url, version = env!("CARGO_PKG_VERSION"), "ready");
    }
    let _ = out.flush();
    service_manager::ready();
}
