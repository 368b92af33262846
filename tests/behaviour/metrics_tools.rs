//! The metrics, the alerts and the dashboard as Prometheus and Grafana read them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{Launch, TestServer, labelled, tool, unlabelled};

fn deployed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// The metrics of a server that has done one of everything.
fn text() -> String {
    let server: TestServer = Launch::new().env("MOODLE_MLBACKEND_METRICS_USER", "a").start();
    server.train("m", &labelled(&["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"]));
    server.predictions("m", &unlabelled(&["1-0,1,0,0.5"]));
    server.get("/health/ready");
    server.get("/metrics");
    server.get("/metrics").text().to_string()
}

#[test]
fn promtool_accepts_the_metrics() {
    let Some(promtool) = tool("promtool_accepts_the_metrics", "promtool") else { return };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    child.stdin.take().expect("it is piped").write_all(text().as_bytes()).expect("promtool reads");
    let output = child.wait_with_output().expect("promtool ends");
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // It prints remarks about style and succeeds.
    assert!(output.status.success() && printed.trim().is_empty(), "{printed}");
}

#[test]
fn promtool_accepts_the_alerts() {
    let Some(promtool) = tool("promtool_accepts_the_alerts", "promtool") else { return };
    let output = Command::new(promtool)
        .args(["check", "rules"])
        .arg(deployed("prometheus-alerts.yml"))
        .output()
        .expect("promtool starts");
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let found = format!("SUCCESS: {} rules found", alerts().len());
    assert!(output.status.success() && printed.contains(&found), "{printed}");
}

/// The expressions of the alerts; each is one line.
fn alerts() -> Vec<String> {
    let file = std::fs::read_to_string(deployed("prometheus-alerts.yml")).expect("the file exists");
    let lines = |key: &str| -> Vec<String> {
        file.lines().filter_map(|line| Some(line.trim_start().strip_prefix(key)?.to_owned())).collect()
    };
    assert_eq!(lines("- alert: ").len(), lines("expr: ").len());
    lines("expr: ")
}

/// The queries of the dashboard.
fn dashboard() -> Vec<String> {
    let file = std::fs::read(deployed("grafana-dashboard.json")).expect("the file exists");
    let dashboard: Value = serde_json::from_slice(&file).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("a list");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut queries: Vec<String> =
        targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    for variable in dashboard["templating"]["list"].as_array().expect("a list") {
        if variable["type"] == "query" {
            queries.push(variable["query"].as_str().expect("a query").to_owned());
        }
    }
    queries
}

/// A metric that a query selects, and the labels that it compares with their values.
#[derive(Debug)]
struct Selector {
    name: String,
    matchers: Vec<(String, String, String)>,
}

/// The selectors of a query: the names that are neither functions nor operators.
fn selectors(query: &str) -> Vec<Selector> {
    const WORDS: [&str; 5] = ["by", "or", "and", "le", "instance"];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut selectors = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        // Durations such as 10m, and numbers such as 1e9.
        let after_digit = rest[..start].ends_with(|c: char| c.is_ascii_digit());
        rest = &rest[start..];
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        if name == "by" {
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
        }
        let is_function = ["(", "by"].iter().any(|next| after.trim_start().starts_with(next));
        if after_digit || is_function || WORDS.contains(&name) {
            continue;
        }
        let mut matchers = Vec::new();
        if let Some((inside, rest_after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            rest = rest_after;
            for matcher in inside.split(", ") {
                let (label, comparison) =
                    matcher.split_at(matcher.find(|c| !is_name(c)).expect("an operator"));
                let (operator, value) = comparison.split_once('"').expect("a value in quotes");
                matchers.push((
                    label.to_owned(),
                    operator.to_owned(),
                    value.trim_end_matches('"').to_owned(),
                ));
            }
        }
        // `[$__rate_interval]`
        if rest.starts_with('[') {
            rest = rest.split_once(']').map_or("", |(_, rest)| rest);
        }
        selectors.push(Selector { name: name.to_owned(), matchers });
    }
    selectors
}

/// The values of each label of each metric.
fn existing(text: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut metrics = BTreeMap::<String, BTreeMap<String, BTreeSet<String>>>::new();
    for series in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = series.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let found = metrics.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once("=\"").expect("a label");
            found.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
        }
    }
    metrics
}

#[test]
fn the_alerts_and_the_dashboard_name_only_metrics_and_labels_that_exist() {
    /// What Prometheus adds.
    const ADDED: [&str; 2] = ["instance", "job"];
    let metrics = existing(&text());
    let queries = [alerts(), dashboard()].concat();
    let mut used = BTreeSet::new();
    for query in &queries {
        let selectors = selectors(query);
        assert!(!selectors.is_empty(), "{query}");
        for Selector { name, matchers } in selectors.into_iter().filter(|selector| selector.name != "up") {
            let labels = metrics.get(&name).unwrap_or_else(|| panic!("{name} of {query} does not exist"));
            for (label, operator, value) in
                matchers.iter().filter(|(label, ..)| !ADDED.contains(&label.as_str()))
            {
                let values =
                    labels.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {query}"));
                assert!(operator != "=" || values.contains(value), "{label}={value} of {query}: {values:?}");
            }
            used.insert(name);
        }
    }
    // The extraction found what it should.
    assert!(queries.len() > 35 && used.len() > 25, "{} queries, {used:?}", queries.len());
}

#[test]
fn the_documentation_lists_every_metric() {
    let page = std::fs::read_to_string(deployed("../docs/monitoring.md")).expect("the page exists");
    let missing: Vec<String> = text()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, _)| name.strip_prefix("moodle_mlbackend_").unwrap_or(name).to_owned())
        .filter(|name| !page.contains(&format!("`{name}`")) && !page.contains(&format!("`{name}{{")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_names_in_a_query_are_found() {
    let query = r#"sum by (a, le) (rate(b_bucket{c="d", e=~"f.*"}[10m])) / g > 1e9 or predict_linear(h[6h], 86400) < 0"#;
    let names: Vec<String> = selectors(query).into_iter().map(|selector| selector.name).collect();
    assert_eq!(names, ["b_bucket", "g", "h"]);
}
