//! The report.json files of real evaluations are valid against the schema in docs/, also by Python's jsonschema.

use std::path::{Path, PathBuf};

use crate::common::{TestModel, labelled, python, run_script, waves};

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json")
}

#[test]
fn every_kind_of_report_is_valid_and_has_no_field_that_the_schema_lacks() {
    let Some(python) = python() else { return };
    let trained = TestModel::trained(&waves(200, 1).labelled());
    let home = TestModel::new();
    let runs = [
        home.evaluate(&waves(300, 2).labelled(), 3).runid,
        home.evaluate_trained(&trained, &waves(100, 3).labelled()).runid,
        home.evaluate(&labelled(&["1,1,1,1", "1,1,0,0"]), 3).runid,
    ];
    let mut arguments = vec![schema()];
    for run in runs {
        let run = home.model_dir().run(run).expect("readable").expect("the run is there");
        arguments.push(run.path().join("report.json"));
    }
    let found = run_script(&python, "check_schema.py", &arguments);
    assert_eq!(found["valid"], 3, "{found}");
    // The schema refuses something: a report without a version.
    assert_eq!(found["refused_without_version"], 3, "{found}");
}
