//! Shared by the behaviour tests: the real binary on a free port, an HTTP client that writes requests as Moodle does, a
//! model used through the library, and datasets.
//!
//! Must not assert what a route or a command does: the tests do.

mod azurite;
mod browser;
mod client;
mod damage;
mod data;
mod faults;
mod faulty_proxy;
mod hostile;
mod http_frame;
mod jobs;
mod keras;
mod object_client;
mod object_server;
pub mod onnx;
mod picture;
mod program;
mod proxy;
mod python;
mod redis_server;
mod replicas;
mod routes;
mod server;
mod skip;
mod table;
mod test_model;
mod tls;
mod tools;
mod trail;
mod visitor;
#[cfg(target_os = "linux")]
mod watch;
mod worker;
mod zips;

pub use azurite::Azurite;
pub use browser::{Browser, Media, Page, Validators};
pub use client::{Connection, Form, Reply, Request, exchange, exchange_over, rest_of_response, try_exchange};
pub use damage::{Damage, damage, damages};
pub use data::{
    batch, labelled, labelled_with_classes, legacy_files, legacy_zip, separable, shared, unlabelled,
};
pub use faults::{
    Operation, Scene, fired_failpoint, inject_fault, inject_fault_at, leftovers, long, predict, rounds,
    start_and_prune,
};
pub use faulty_proxy::{Fault, FaultyProxy, Passed};
pub use hostile::{SHAPES, hostile, hostile_and_large};
pub use jobs::JobClient;
pub use keras::{DATA, INDEX, Layer, METADATA, Network, PICKLE, write_files};
pub use object_client::ObjectClient;
pub use object_server::{ObjectServer, bucket_command, bucket_settings, bucket_url_settings};
pub use picture::{Panel, draw};
pub use program::{Output, contents, program, run_on};
pub use proxy::{Certificate, PROXY_NAME, Proxy, Shipped};
pub use python::{python, run_script, script_fails};
pub use redis_server::RedisServer;
pub use replicas::Replicas;
pub use routes::{ROUTES, Route, protected_routes};
pub use server::{Launch, TestServer};
pub use skip::skip;
pub use table::{Dice, Table, waves};
pub use test_model::{Prediction, TestModel};
pub use tls::{Authority, CertificateFiles, Transport, certificate_in};
pub use tools::{find, free_port, namespaces, repeat_during, tool, until, untouched};
pub use trail::{trail, trail_dir, trail_of_today, trail_text};
pub use visitor::{Visitor, cookie, sign_in};
#[cfg(target_os = "linux")]
pub use watch::Watch;
pub use worker::TestWorker;
pub use zips::{Entry, RawZip, unzipped};
