//! axe-core (accessibility) and html-validate (HTML), from npm.
//!
//! `.ci/run` installs the versions of `tests/browser/package-lock.json`. Must not know what is on a page.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::page::Page;
use crate::common::program::Output;
use crate::common::skip::skip;
use crate::common::tools::tool;

/// The environment variable that names the directory of the packages.
const PACKAGES: &str = "MLBACKEND_TEST_NODE_MODULES";

/// The packages of `tests/browser/package.json`.
pub struct Validators {
    node: PathBuf,
    packages: PathBuf,
}

impl Validators {
    /// Where they are not installed, reports a skipped test and returns `None`.
    pub fn find(test: &str) -> Option<Self> {
        let node = tool(test, "node")?;
        let Some(packages) = std::env::var_os(PACKAGES).filter(|packages| !packages.is_empty()) else {
            skip(
                test,
                &format!("{PACKAGES} names no directory with the packages of tests/browser/package.json"),
            );
            return None;
        };
        Some(Self { node, packages: packages.into() })
    }

    /// What axe-core finds on a page, one text for each rule and element, with the rule's impact. All of a page is read, also
    /// what is folded.
    #[track_caller]
    pub fn axe(&self, page: &Page) -> Vec<String> {
        let script = fs::read_to_string(self.packages.join("axe-core/axe.min.js")).expect("axe-core");
        page.value("document.querySelectorAll('details').forEach(details => details.open = true)");
        page.value(&format!("{script}; null"));
        // Not in frames: it cannot run in one with a sandbox, and would leave errors in the console.
        let found = page.value("axe.run(document, {iframes: false}).then(result => result.violations)");
        let found = found.as_array().expect("a list");
        let nodes = |rule: &Value| rule["nodes"].as_array().cloned().unwrap_or_default();
        let text = |rule: &Value, node: &Value| {
            format!("{} {}: {} {}", rule["impact"], rule["id"], node["html"], node["failureSummary"])
        };
        found.iter().flat_map(|rule| nodes(rule).into_iter().map(|node| text(rule, &node))).collect()
    }

    /// What html-validate finds in a page's source.
    #[track_caller]
    pub fn html(&self, source: &str) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("page.html");
        fs::write(&file, source).expect("a file can be written");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/html-validate.json");
        let program = self.packages.join("html-validate/bin/html-validate.mjs");
        let output = Output::of(
            Command::new(&self.node)
                .arg(program)
                .args(["--formatter", "json", "--config"])
                .arg(rules)
                .arg(&file)
                // Without a configuration of this machine.
                .current_dir(directory.path()),
        );
        let found: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let found = found.as_array().expect("a list").iter();
        let found = found.flat_map(|file| file["messages"].as_array().cloned().unwrap_or_default());
        let text = |message: &Value| {
            let line = message["line"].as_u64().unwrap_or_default() as usize;
            let source = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let column = message["column"].as_u64().unwrap_or_default() as usize;
            let near: String = source.chars().skip(column.saturating_sub(1)).take(160).collect();
            format!("{}: {} near {near}", message["ruleId"], message["message"])
        };
        found.map(|message| text(&message)).collect()
    }
}
