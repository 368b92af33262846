//! On whose behalf a job waits.
//!
//! Must not know what the job does.

use std::sync::Arc;

use super::work::Reporter;

/// What a queue knows about a job.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    user: Arc<str>,
    reporter: Reporter,
    is_patient: bool,
}

impl Ticket {
    /// A job of a user, which waits until the reporter's work is cancelled.
    pub(crate) fn new(user: &str, reporter: &Reporter) -> Self {
        Self { user: user.into(), reporter: reporter.clone(), is_patient: false }
    }

    /// A job of no user in particular.
    pub(crate) fn shared() -> Self {
        Self { user: "".into(), reporter: Reporter::default(), is_patient: false }
    }

    /// The same without a timeout: no client waits for its start.
    pub(crate) fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// The reporter of the work.
    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    pub(super) fn user(&self) -> &Arc<str> {
        &self.user
    }

    pub(super) fn is_patient(&self) -> bool {
        self.is_patient
    }

    /// Returns when the work is cancelled, and never otherwise.
    pub(super) async fn cancelled(&self) {
        self.reporter.cancelled().await;
    }
}
