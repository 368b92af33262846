//! SIGHUP: reads everything again that lies in files, while requests are served.
//!
//! Owns the signal and the log lines about changes. Must not know which settings there are, nor what the other parts
//! reload.

use std::sync::{Mutex, PoisonError};

use actix_web::{rt, web};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::service_manager;
use super::startup_warnings::log_user_warnings;
use super::state::AppState;
use crate::config::{Changes, Reloader};

/// A part of the server that reads its files again. It logs its own errors and then keeps what it had.
pub(super) type Reload = Box<dyn Fn() + Send + Sync>;

/// Handles SIGHUP from now on: without a handler, it ends the process.
pub(super) fn on_hangup(state: web::Data<AppState>, reloader: Reloader, others: Vec<Reload>) {
    match signal(SignalKind::hangup()) {
        Ok(hangup) => {
            rt::spawn(reload_on(hangup, state, reloader, others));
        }
        Err(error) => tracing::warn!(%error, "cannot handle SIGHUP: changes of files need a restart"),
    }
}

async fn reload_on(mut hangup: Signal, state: web::Data<AppState>, reloader: Reloader, others: Vec<Reload>) {
    // Locked by one reload at a time: the next signal is received after it.
    let parts = web::Data::new((Mutex::new(reloader), others));
    while hangup.recv().await.is_some() {
        service_manager::reloading();
        let (state, parts) = (state.clone(), parts.clone());
        // A file can be on a slow network file system.
        let reload = web::block(move || {
            let (reloader, others) = &**parts;
            let mut reloader = reloader.lock().unwrap_or_else(PoisonError::into_inner);
            reload_settings(&state, &mut reloader);
            others.iter().for_each(|reload| reload());
        });
        if let Err(error) = reload.await {
            tracing::error!(%error, "the settings were not reloaded: the previous ones stay in force");
        }
        service_manager::ready();
    }
}

fn reload_settings(state: &AppState, reloader: &mut Reloader) {
    let Changes { applied, need_restart, warnings } = match reloader.reload(&state.config) {
        Ok(changes) => changes,
        Err(error) => {
            return tracing::error!(
                "the settings were not reloaded: the previous ones stay in force: {error}"
            );
        }
    };
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if applied.iter().any(|key| key == "users") {
        log_user_warnings(&state.config, reloader.is_exposed());
    }
    for setting in need_restart {
        tracing::warn!(
            setting,
            "this setting was changed, but needs a restart: the server keeps its previous value"
        );
    }
    let changed = if applied.is_empty() { "none".to_owned() } else { applied.join(", ") };
    tracing::info!(changed, "settings reloaded");
}
