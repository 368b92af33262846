//! The life cycle of a worker: a process that performs the jobs of a server.
//!
//! Must not know how jobs are taken.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{rt, web};
use tokio::time::timeout;

use super::application::{configure, exit_code, report_interrupted, serve_monitoring};
use super::async_jobs::{Worker, connect};
use super::error::{StartError, chain};
use super::reload::on_hangup;
use super::service_manager::{self, Heartbeats};
use super::shutdown::{StopSignals, stop_worker_on_signal};
use super::state::AppState;
use crate::config::{CommandLine, Config, Reloader};
use crate::telemetry::Telemetry;

/// How long the end of the process waits for the queue.
const GIVE_BACK_TIME: Duration = Duration::from_secs(5);

/// `moodle-mlbackend worker`: exit code 1 and a sentence if the worker cannot start.
#[must_use]
pub fn work(line: &CommandLine) -> ExitCode {
    exit_code(configure(line).and_then(|(config, reloader, log)| run(config, reloader, log)))
}

/// Performs jobs until SIGTERM or SIGINT; after SIGTERM, running jobs may finish within the configured time.
fn run(config: Config, reloader: Reloader, log: Telemetry) -> Result<(), StartError> {
    if config.workers.redis_url().is_none() {
        return Err(StartError::NoQueue);
    }
    rt::System::new().block_on(async move {
        let state = web::Data::new(AppState::new(config)?);
        connect(&state).await?;
        let worker = Worker::new(&state).map_err(|error| {
            tracing::error!(cause = chain(&error), "the worker has no name");
            StartError::NoQueue
        })?;
        let worker = worker.ok_or(StartError::NoQueue)?;
        let monitoring = serve_monitoring(&state)?;
        let signals = StopSignals::new();
        on_hangup(state.clone(), reloader, Vec::new());
        rt::spawn(report_interrupted(state.clone()));
        let heartbeats = Heartbeats::new();
        heartbeats.start();
        let tasks = [
            rt::spawn(heartbeats.report()),
            rt::spawn(Arc::clone(&worker).run()),
            rt::spawn(Arc::clone(&worker).beat()),
        ];
        announce(state.config.jobs);
        stop_worker_on_signal(&state, signals, || worker.is_idle()).await;
        let is_idle = worker.is_idle();
        if !is_idle {
            tracing::warn!("unfinished jobs were returned to the queue, no model was changed");
        }
        // Unfinished jobs publish nothing from here on.
        state.store.close();
        state.trail.close();
        tasks.iter().for_each(rt::task::JoinHandle::abort);
        let _ = timeout(GIVE_BACK_TIME, worker.give_back_all()).await;
        if let Some(monitoring) = monitoring {
            monitoring.stop(false).await;
        }
        if !is_idle {
            // The runtime would wait for the threads that still run jobs.
            drop(log);
            std::process::exit(0);
        }
        Ok(())
    })
}

/// One line on stdout, and the readiness for the service manager.
fn announce(jobs: usize) {
    let mut out = std::io::stdout().lock();
    // stdout may be closed, which is no reason to stop.
    let _ = writeln!(out, "taking jobs from the queue");
    let _ = out.flush();
    tracing::info!(jobs, version = env!("CARGO_PKG_VERSION"), "ready");
    service_manager::ready();
}
