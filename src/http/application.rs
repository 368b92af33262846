//! From settings to a server that listens.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{rt, web};

use super::connection::listener;
use super::error::StartError;
use super::shutdown::end_on_signal;
use super::startup_warnings::caution;
use super::state::AppState;
use crate::config::{Config, ServeArgs};
use crate::telemetry;

/// How often is looked for what the retention settings no longer keep.
const SWEEP: Duration = Duration::from_hours(1);

/// A server that has its port.
pub struct Application {
    address: SocketAddr,
    server: Server,
    state: web::Data<AppState>,
    stop_time: Duration,
}

impl Application {
    /// Opens the data directory and the port. Needs the actix runtime.
    pub fn build(settings: Config) -> Result<Self, StartError> {
        let wanted = SocketAddr::new(settings.host(), settings.port);
        let (stop_time, connections) = (settings.stop_time, settings.connections);
        caution(&settings);
        let state = web::Data::new(AppState::new(settings)?);
        let listener = listener::open(wanted).map_err(|source| StartError::Bind { wanted, source })?;
        let address = listener.local_addr().map_err(StartError::Server)?;
        let server = listener::serve(listener, &state, connections).map_err(StartError::Server)?;
        Ok(Self { address, server, state, stop_time })
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address to give to a browser or to Moodle.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until SIGTERM or SIGINT; after SIGTERM, running work may go on for the time that is set. True
    /// when some was cut off: its threads go on until the process ends, which should be at once.
    pub async fn run_until_stopped(self) -> Result<bool, StartError> {
        let (state, handle) = (self.state, self.server.handle());
        rt::spawn(end_on_signal(state.clone(), handle, self.stop_time));
        let sweeping = rt::spawn(sweep(state.clone()));
        let ended = self.server.await.map_err(StartError::Server);
        sweeping.abort();
        let cut_off = !state.jobs.is_idle();
        if cut_off {
            tracing::warn!("running work was cut off: what it was about is as if it had never begun");
        }
        // At the end of the process nobody drops what the workers share.
        state.backend.abandon();
        state.spool.remove();
        ended.map(|()| cut_off)
    }
}

/// Removes, now and then, what the retention settings no longer keep.
async fn sweep(state: web::Data<AppState>) {
    loop {
        let backend = state.backend.clone();
        if let Err(error) = state.jobs.quick(move || backend.sweep()).await {
            tracing::warn!(%error, "the retention settings could not be applied");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// `moodle-mlbackend serve`: exit code 1 and a sentence when the settings cannot be used.
#[must_use]
pub fn serve(args: ServeArgs) -> ExitCode {
    match Config::load(args).map_err(StartError::from).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be able to read it; that is no reason to panic.
            let _ = writeln!(std::io::stderr(), "moodle-mlbackend: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: Config) -> Result<(), StartError> {
    let log = telemetry::start(settings.log_format, settings.debug_mode);
    actix_web::rt::System::new().block_on(async move {
        let application = Application::build(settings)?;
        announce(&application.url());
        if application.run_until_stopped().await? {
            // The runtime would wait for the threads that still compute.
            log.finish();
            std::process::exit(0);
        }
        Ok(())
    })
}

/// The one line on stdout, for people and for programs that asked for port 0.
fn announce(url: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may be listening to stdout; that is no reason to stop.
    let _ = writeln!(out, "listening on {url}").and_then(|()| out.flush());
    tracing::info!(url, version = env!("CARGO_PKG_VERSION"), "ready");
}
