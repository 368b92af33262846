//! The error of the audit trail.

use crate::store::StoreError;

/// The audit trail cannot be written or read. `Display` names paths: it is for the log and for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Nothing could be written or read.
    #[error("the audit trail cannot be used: {0}")]
    Store(#[from] StoreError),
    /// A line could not be encoded, which does not happen: it consists of texts and numbers.
    #[error("a line of the audit trail cannot be encoded")]
    Encoding(#[from] serde_json::Error),
}
