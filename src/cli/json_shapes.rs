//! What `--json` prints, by command: an example for docs/command-line.md with every field.
//!
//! `tests/behaviour/cli_json.rs` compares the examples with what the program prints.

/// The output of one command.
pub(super) struct Shape {
    pub(super) command: &'static str,
    /// The sentence before the example.
    pub(super) title: &'static str,
    pub(super) example: &'static str,
}

/// All shapes, by command.
pub(super) const SHAPES: &[Shape] = &[
    Shape {
        command: "anonymize",
        title: "With `--json`; `learnability` and `learnability_kept` are null where nothing could be measured, `auc` with more \
                than two classes:",
        example: r#"
{
  "output": "report-me.csv",
  "samples": 960,
  "features": 98,
  "merged_values": 41,
  "filled_columns": 3,
  "learnability": {
    "before": { "log_loss": 0.3941, "auc": 0.9012 },
    "after": { "log_loss": 0.3967, "auc": 0.9004 }
  },
  "learnability_kept": true
}"#,
    },
    Shape {
        command: "audit",
        title: "With `--json`, one object per line, as the trail has them; an operation that changes something has one with the event \
                `began` and one with `ended` or `interrupted`, others one with `done`:",
        example: r#"
{
  "time": "2026-11-27T18:00:00.123Z",
  "event": "ended",
  "operation": "training",
  "user": "moodle",
  "address": "192.0.2.7",
  "uniqueid": "2355ab7dda5e2a8bb1273041e8ad1be10a65215f",
  "dirhash": "8f2c6b1d8d3c4e5f8f2c6b1d8d3c4e5f",
  "result": "ok",
  "status": 400,
  "reason": "bad input",
  "samples": 960,
  "generation": 2,
  "run": 1795231887000,
  "bytes": 140835,
  "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "request": "0123456789abcdef",
  "id": "4f2a.7"
}"#,
    },
    Shape {
        command: "audit-bundle",
        title: "With `--json`:",
        example: r#"{ "model": "UNIQUEID/DIRHASH", "output": "audit.zip", "bytes": 84123 }"#,
    },
    Shape {
        command: "check",
        title: "With `--json`; `state` is `harmless`, `repairable` (with `--repair`), `repaired` or `manual`, and `problems` counts \
                those that remain:",
        example: r#"
{
  "models": 12,
  "problems": 1,
  "findings": [
    { "path": "UNIQUEID/DIRHASH/classifier/2/model.onnx", "problem": "its content differs from its checksum", "state": "repairable", "remedy": "use the previous version" }
  ]
}"#,
    },
    Shape {
        command: "config",
        title: "With `--json`, one entry for each setting; `config` is the TOML file that was read, secrets have the value null, \
                and only the users have `users`, their number:",
        example: r#"
{
  "config": "/etc/moodle-mlbackend/config.toml",
  "settings": {
    "port": { "value": "5000", "source": "default", "from": "the default", "variable": "MOODLE_MLBACKEND_PORT", "secret": false, "needs_restart": true, "users": 1 }
  }
}"#,
    },
    Shape {
        command: "evaluate",
        title: "With `--json`; the figures are absent when there is no result, `auc` is null with more than two classes, and \
                `status` is Moodle's: 0, or the sum of 4 (low score) and 8 (too few samples or varying results), or 1 (labels that \
                differ from the header):",
        example: r#"
{
  "verdict": "good enough",
  "status": 0,
  "info": ["Good enough to use: a model trained on this data scored 0.820, and the minimum is 0.7."],
  "score": 0.8201,
  "score_deviation": 0.0284,
  "min_score": 0.7,
  "max_deviation": 0.05,
  "auc": 0.8961,
  "auc_deviation": 0.0226,
  "accuracy": 0.8203,
  "balanced_accuracy": 0.8195,
  "precision": 0.8212,
  "recall": 0.8203,
  "output": "report.zip",
  "report": "report.html"
}"#,
    },
    Shape {
        command: "explain",
        title: "With `--json`, the same as the server's response; `orders` and `error` are there when contributions are estimates \
                (`sampled`), a missing value is null, and an output has a class each with more than two classes \
                (`log-probability`):",
        example: r#"
{
  "status": 0,
  "info": [],
  "method": "exact",
  "orders": 200,
  "background": { "samples": 100, "origin": "kept" },
  "scale": "log-odds",
  "outputs": [{ "class": "1", "base": -0.81 }],
  "indicators": [{ "name": "\\core\\analytics\\indicator\\any_access_after_start", "words": "any access after start" }],
  "explanations": [
    {
      "sampleid": "183021-0",
      "prediction": "1",
      "probability": 0.713,
      "outputs": [
        {
          "class": "1",
          "value": 0.91,
          "contributions": [{ "indicator": 0, "value": -1.0, "words": "no access after start", "contribution": 1.2, "error": 0.03 }],
          "others": 0.52
        }
      ]
    }
  ]
}"#,
    },
    Shape {
        command: "export",
        title: "With `--json`:",
        example: r#"{ "model": "UNIQUEID/DIRHASH", "output": "model.zip", "bytes": 8715 }"#,
    },
    Shape {
        command: "connect",
        title: "With `--json`; `users_entry` is there if the entry was not written to a file, a `problem` in a step that failed; if \
                nothing could be done, there is only `problem`:",
        example: r#"
{
  "dry_run": false,
  "steps": [{ "what": "set mlbackend_python/host to 127.0.0.1", "problem": "…" }],
  "users_entry": "moodle:argon2id:…",
  "next": ["start the server or restart it (systemctl restart moodle-mlbackend)"],
  "problem": "…"
}"#,
    },
    Shape {
        command: "demo",
        title: "With `--json`; the paths stay after the demo:",
        example: r#"
{
  "steps": [{ "step": "check the version", "response": "3.0.5", "meaning": "as Moodle requires", "seconds": 0.002 }],
  "report": "/tmp/moodle-mlbackend-demo-x/report",
  "datasets": "/tmp/moodle-mlbackend-demo-x/datasets",
  "log": "/tmp/moodle-mlbackend-demo-x/server.log"
}"#,
    },
    Shape {
        command: "doctor",
        title: "With `--json`; a level is `green`, `yellow` or `red`, and all but green ones have a `remedy`:",
        example: r#"
{
  "worst": "red",
  "checks": [
    {
      "check": "users",
      "level": "red",
      "detail": "the server has no users, so it refuses every request of Moodle",
      "remedy": "moodle-mlbackend connect, or moodle-mlbackend passwd --generate moodle, and put the entry into the server's settings"
    }
  ]
}"#,
    },
    Shape {
        command: "health",
        title: "With `--json`; `url` is null when the server is not ready, `problem` when it is:",
        example: r#"{ "ready": true, "url": "http://127.0.0.1:5000/health/ready", "problem": null }"#,
    },
    Shape {
        command: "import",
        title: "With `--json`:",
        example: r#"{ "model": "UNIQUEID/DIRHASH", "replaced": false }"#,
    },
    Shape {
        command: "inspect",
        title: "With `--json`, of a model; `problem` says why it cannot be used:",
        example: r#"
{
  "kind": "model",
  "found_as": "an ONNX file",
  "origin": "moodle-mlbackend 0.1.0",
  "problem": null,
  "files": [["model.onnx", 16179]],
  "features": 98,
  "feature_names": ["range/0"],
  "classes": [0, 1],
  "class_counts": [500, 460],
  "log_loss": 0.3924,
  "log_loss_of_shares": 0.6923,
  "decisions": ["32 of 98 features are used."],
  "top_features": [{ "name": "range/0", "weight": 0.489 }],
  "graph": { "producer": "moodle-mlbackend 0.1.0", "inputs": ["features"], "outputs": ["probabilities"], "operators": { "MatMul": 2 } }
}"#,
    },
    Shape {
        command: "inspect",
        title: "Of a dataset; `one_header` is there when it is a table without Moodle's lines of keys and values:",
        example: r#"
{
  "kind": "dataset",
  "labelled": true,
  "one_header": true,
  "rows": 960,
  "features": 98,
  "varying": 37,
  "missing": 0.61,
  "target": "\\core_course\\analytics\\target\\course_dropout",
  "time_splitting": "\\core\\analytics\\time_splitting\\quarters",
  "classes": [0, 1],
  "class_counts": [500, 460],
  "problems": []
}"#,
    },
    Shape {
        command: "inspect",
        title: "Of a data directory, or with `store` false of the directory of one model, which `model` then describes as above:",
        example: r#"
{
  "kind": "models",
  "store": true,
  "models": [
    {
      "uniqueid": "2355ab7dda5e2a8bb1273041e8ad1be10a65215f",
      "dirhash": "8f2c6b1d8d3c4e5f8f2c6b1d8d3c4e5f",
      "origin": "moodle-mlbackend 0.1.0",
      "generation": 2,
      "when": "2026-11-27T18:06:03.570115036Z",
      "samples": 960,
      "classes": [0, 1],
      "log_loss": 0.3924,
      "size": 27630,
      "evaluations": 3,
      "problem": null
    }
  ],
  "model": null
}"#,
    },
    Shape {
        command: "inspect",
        title: "Of anything else, with exit code 1:",
        example: r#"{ "kind": "unknown", "problem": "The file is empty." }"#,
    },
    Shape {
        command: "migrate",
        title: "With `--json`; `outcome` is `converted`, `already_converted`, `removed` (the old files) or `refused`, with \
                `problem`. After a dry run it is what would be done:",
        example: r#"
{
  "dry_run": false,
  "models": [
    { "model": "UNIQUEID/DIRHASH", "found": "the Python server, 98 features, 2 classes", "outcome": "converted", "problem": null }
  ]
}"#,
    },
    Shape {
        command: "passwd",
        title: "With `--json`; generated passwords are on standard error alone:",
        example: r#"{ "variable": "MOODLE_MLBACKEND_PYTHON_USERS", "value": "moodle:argon2id:…" }"#,
    },
    Shape {
        command: "predict",
        title: "With `--json`; the probability is that of the predicted class:",
        example: r#"{ "predictions": [{ "sampleid": "183021-0", "prediction": "1", "probability": 0.8952252 }] }"#,
    },
    Shape {
        command: "prune",
        title: "With `--json`; after a dry run, `removed` is what would be removed:",
        example: r#"
{
  "dry_run": false,
  "removed": [
    { "model": "UNIQUEID/DIRHASH", "path": "logs/1795231887000", "bytes": 51200, "reason": "more runs than are kept" }
  ],
  "audit_days": [{ "file": "2026-05-31.jsonl", "bytes": 20480 }],
  "problems": [{ "model": "UNIQUEID/DIRHASH", "problem": "it cannot be read" }]
}"#,
    },
    Shape {
        command: "jobs",
        title: "With `--json`, the job as the server describes it (`GET /jobs/{id}`); without an id a list of them, without `result`:",
        example: r#"
{
  "id": "5b1f7a2c9d0e4f365b1f7a2c9d0e4f36",
  "operation": "training",
  "uniqueid": "2355ab7dda5e2a8bb1273041e8ad1be10a65215f",
  "dirhash": "8f2c6b1d8d3c4e5f8f2c6b1d8d3c4e5f",
  "user": "moodle",
  "state": "done",
  "requested": "2026-11-27T17:54:08.123456789Z",
  "ended": "2026-11-27T17:55:08.123456789Z",
  "progress": { "phase": "comparing", "done": 0.4 },
  "status": 200,
  "error": "The dataset cannot be used: ….",
  "result": { "status": 0, "info": [] }
}"#,
    },
    Shape {
        command: "replay",
        title: "With `--json`; `body` is null when it is binary, `same_as_recorded` when there is no recorded reply:",
        example: r#"
{
  "method": "POST",
  "route": "/prediction",
  "recorded_at": "2026-11-27T18:00:00Z",
  "status": 200,
  "content_type": "application/json",
  "seconds": 0.031,
  "bytes": 95,
  "body": "{\"status\":0,\"info\":[],\"predictions\":[[\"183021-0\",\"1\",\"0.8952252\"]]}",
  "same_as_recorded": true,
  "differences": []
}"#,
    },
    Shape {
        command: "train",
        title: "With `--json`; `output` or `stored` names the model, `model` is as `inspect --json` has it, and with status 8 there \
                is `error` instead of them:",
        example: r#"
{
  "status": 0,
  "error": "Training data needs to include samples belonging to all classes",
  "output": "model.onnx",
  "stored": "UNIQUEID/DIRHASH",
  "model": {
    "found_as": "an ONNX file",
    "origin": "moodle-mlbackend 0.1.0",
    "problem": null,
    "files": [["model.onnx", 16179]],
    "features": 98,
    "feature_names": ["range/0"],
    "classes": [0, 1],
    "class_counts": [500, 460],
    "log_loss": 0.3924,
    "log_loss_of_shares": 0.6923,
    "decisions": ["32 of 98 features are used."],
    "top_features": [{ "name": "range/0", "weight": 0.489 }],
    "graph": { "producer": "moodle-mlbackend 0.1.0", "inputs": ["features"], "outputs": ["probabilities"], "operators": { "MatMul": 2 } }
  }
}"#,
    },
];
