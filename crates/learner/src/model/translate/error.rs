//! Refusals of a translation.
//!
//! Owns their type and the name of the refused operator in them. Must not know why an operator is refused.

use tract_onnx::pb::NodeProto;

use crate::model::error::ModelError;
pub(super) use crate::model::error::refused;
use crate::text::Untrusted;

/// Longer names of operators are cut.
const MAX_NAME_CHARS: usize = 40;

pub(crate) type Result<T> = std::result::Result<T, ModelError>;

/// Adds the name of the operator to its refusal.
pub(crate) fn name_operator(node: &NodeProto, error: ModelError) -> ModelError {
    let ModelError::Refused(why) = error else { return error };
    let op_type = Untrusted(&node.op_type).identifier(MAX_NAME_CHARS);
    let name = match node.domain.as_str() {
        "" | "ai.onnx" => op_type,
        domain => format!("{}.{op_type}", Untrusted(domain).identifier(MAX_NAME_CHARS)),
    };
    ModelError::Refused(format!("operator {name} cannot be translated: {why}"))
}
