//! SIGHUP: reads everything again that lies in files, while requests are served.
//!
//! Owns the signal and the log lines about changes. Must not know which settings there are.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::rt::task::JoinHandle;
use actix_web::{rt, web};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::connection::tls::Tls;
use super::service_manager;
use super::startup_warnings::log_user_warnings;
use super::state::AppState;
use crate::config::{Changes, Reloader};

/// What SIGHUP reads again.
pub(super) struct Reloads {
    pub(super) settings: Reloader,
    /// An address at which other machines can reach the server.
    pub(super) exposed: Option<IpAddr>,
    pub(super) tls: Option<Tls>,
}

/// Handles SIGHUP from now on: without a handler, it ends the process.
pub(super) fn on_hangup(state: web::Data<AppState>, reloads: Reloads) -> Option<JoinHandle<()>> {
    match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(rt::spawn(reload_on(hangup, state, reloads))),
        Err(error) => {
            tracing::warn!(%error, "cannot handle SIGHUP: changes of files need a restart");
            None
        }
    }
}

/// One reload at a time: a signal during a reload is received after it.
async fn reload_on(mut hangup: Signal, state: web::Data<AppState>, reloads: Reloads) {
    let reloads = Arc::new(Mutex::new(reloads));
    while hangup.recv().await.is_some() {
        service_manager::reloading();
        let (state, reloads) = (state.clone(), reloads.clone());
        // A file can be on a slow network file system.
        let done = web::block(move || {
            let mut reloads = reloads.lock().unwrap_or_else(PoisonError::into_inner);
            reloads.settings(&state);
            if let Some(tls) = &reloads.tls {
                tls.reload();
            }
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "the settings were not reloaded: the previous ones stay in force");
        }
        service_manager::ready();
    }
}

impl Reloads {
    fn settings(&mut self, state: &AppState) {
        let Changes { applied, need_restart, warnings } =
            match self.settings.reload(&state.config, self.exposed) {
                Ok(changes) => changes,
                Err(error) => {
                    return tracing::error!(
                        "the settings were not reloaded: the previous ones stay in force: {error}"
                    );
                }
            };
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        if applied.iter().any(|key| key == "users") {
            log_user_warnings(&state.config, self.exposed.is_some());
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
}
