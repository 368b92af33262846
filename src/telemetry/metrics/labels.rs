//! The labels of the metrics, and the values that they can have.
//!
//! Must not know when a value applies.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A label whose values are listed here.
macro_rules! label_values {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $name {
            $($(#[$value_meta])* $value,)+
        }

        impl $name {
            pub(super) const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The value of the label.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

label_values! {
    /// A job queue.
    Queue {
        /// Trainings and evaluations.
        Heavy = "heavy",
        /// Short jobs, predictions among them.
        Quick = "quick",
        /// Imports, and predictions of imported models.
        Imported = "imported",
        /// Checks of passwords.
        Passwords = "passwords",
    }
}

label_values! {
    /// Why a job was refused.
    Refusal {
        /// The queue was full.
        Full = "full",
        /// The uploads of queued trainings were too large together.
        Bytes = "bytes",
        /// The job waited too long.
        Timeout = "timeout",
    }
}

label_values! {
    /// An operation that a client requests.
    Operation {
        Training = "training",
        Evaluation = "evaluation",
        Prediction = "prediction",
    }
}

label_values! {
    /// How an operation ended.
    Outcome {
        /// With a model, figures or predictions.
        Done = "done",
        /// With a status that Moodle knows, such as too few samples, or without anything to do.
        NoResult = "no_result",
        /// With an error.
        Failed = "failed",
    }
}

label_values! {
    /// Why a login was refused.
    LoginFailure {
        /// The user or the password was wrong.
        Wrong = "wrong",
        /// There were too many failures before.
        Throttled = "throttled",
    }
}

label_values! {
    /// What closed a connection.
    Guard {
        /// The head of a request did not arrive in time.
        SlowHead = "slow_head",
        /// The body of a request was slower than the minimum rate.
        SlowBody = "slow_body",
        /// The client did not read its response.
        UnreadResponse = "unread_response",
        /// The client had too many connections.
        PerClientLimit = "per_client_limit",
    }
}

label_values! {
    /// A condition of readiness.
    Check {
        /// Files can be written to the data directory.
        Store = "store",
        /// The disks have room.
        Disk = "disk",
        /// The server is not stopping.
        Running = "running",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRoute {
    pub(super) route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRouteAndStatus {
    pub(super) route: String,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueue {
    pub(super) queue: Queue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueueAndRefusal {
    pub(super) queue: Queue,
    pub(super) reason: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    pub(super) operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperationAndOutcome {
    pub(super) operation: Operation,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByLoginFailure {
    pub(super) reason: LoginFailure,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByGuard {
    pub(super) guard: Guard,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCheck {
    pub(super) check: Check,
}
