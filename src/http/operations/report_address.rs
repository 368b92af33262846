//! Where the dashboard shows the reports of a model, for the reply to an evaluation.
//!
//! Must not know who may see them.

use serde::{Deserialize, Serialize};

use crate::http::dashboard::addresses::{Addresses, ModelName};
use crate::store::RunId;

/// Where the dashboard shows the reports of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::http) struct ReportAddress {
    pub(in crate::http) addresses: Addresses,
    pub(in crate::http) model: ModelName,
}

impl ReportAddress {
    /// The sentence for Moodle's administrator. Moodle puts it into its page as HTML: ids have no character that means anything
    /// there, and those of a user are encoded.
    pub(super) fn sentence(&self, run: RunId) -> String {
        let address = self.addresses.model(&self.model, &format!("/runs/{run}"));
        format!("The report is also in the dashboard of the server: {address}")
    }
}
