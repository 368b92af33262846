//! How a model was trained and evaluated: its generations, its batches, the operations that changed it, and its evaluations.
//!
//! Owns the fields. Must not know where the values are stored.

use serde_json::{Value, json};

use crate::audit::{Event, Line, Operation};
use crate::backend::models::{Detail, EvaluationResult};
use crate::store::{GenerationInfo, ModelKey};

/// The evaluations of the model id, newest first.
pub(super) fn evaluations(detail: &Detail) -> Value {
    let evaluations = detail.evaluations.iter().map(|evaluation| {
        let result = evaluation.result.as_ref().map(result);
        json!({"run": evaluation.run.0, "dirhash": evaluation.dir.as_str(), "result": result})
    });
    json!({ "evaluations": evaluations.collect::<Vec<_>>() })
}

fn result(result: &EvaluationResult) -> Value {
    json!({
        "finished": result.finished,
        "status": result.status,
        "score": result.score,
        "samples": result.samples,
        "rated_trained_model": result.rated_trained_model,
    })
}

/// The generations that are kept, the batches that are remembered, and the operations of the audit trail that changed the model.
pub(super) fn training(key: &ModelKey, detail: &Detail, lines: &[Line]) -> Value {
    let batches = detail
        .batches
        .iter()
        .map(|(day, samples)| json!({"day": day, "samples": samples}))
        .collect::<Vec<_>>();
    let is_change = |line: &&Line| {
        let changes = matches!(
            line.operation,
            Operation::Training | Operation::Import | Operation::Rollback | Operation::Migration
        );
        // The line that an operation began with says less.
        let here = line.dirhash.as_deref() == Some(key.dir.as_str());
        changes && here && line.event != Event::Began
    };
    json!({
        "generations": detail.generations.iter().map(generation).collect::<Vec<_>>(),
        "batches": batches,
        "operations": lines.iter().filter(is_change).map(operation).collect::<Vec<_>>(),
    })
}

fn generation(generation: &GenerationInfo) -> Value {
    json!({
        "number": generation.number,
        "published": generation.created_at,
        "imported": generation.is_imported(),
        "restored_from": generation.restored_from(),
        "samples": generation.sample_count(),
        "log_loss": generation.log_loss(),
        "model": {"bytes": generation.model.size, "sha256": generation.model.sha256},
        "stored_samples":
            generation.samples.as_ref().map(|file| json!({"bytes": file.size, "sha256": file.sha256})),
    })
}

fn operation(line: &Line) -> Value {
    let outcome = line.outcome.as_ref();
    json!({
        "time": format!("{:.3}", line.time),
        "operation": line.operation,
        "result": outcome.map(|outcome| outcome.result),
        "samples": outcome.and_then(|outcome| outcome.samples),
        "generation": outcome.and_then(|outcome| outcome.generation),
        "upload": line.bytes.map(|bytes| json!({"bytes": bytes, "sha256": line.sha256})),
    })
}
