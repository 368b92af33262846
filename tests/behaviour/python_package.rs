//! The Python package of the wheel hands over to the program: each module has the output and the exit code of Moodle's local mode.
//!
//! Owns the package's lookup of the program. `packaging/tests/wheel.py` tries the wheel itself.
#![allow(clippy::disallowed_methods, reason = "temporary files of the tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use tempfile::TempDir;

use crate::common::{Output, separable, tool, untouched};

const PROGRAM: &str = env!("CARGO_BIN_EXE_moodle-mlbackend");

/// The package with the program beside it, as `pip install --target` lays them out.
struct Installed {
    directory: TempDir,
    python: PathBuf,
}

impl Installed {
    fn new(test: &str) -> Option<Self> {
        let python = tool(test, "python3")?;
        let directory = TempDir::new().unwrap();
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/python/moodlemlbackend");
        let copy = directory.path().join("moodlemlbackend");
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(package).unwrap().map(|file| file.unwrap().path()) {
            if file.is_file() {
                fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
            }
        }
        fs::create_dir(directory.path().join("bin")).unwrap();
        symlink(PROGRAM, directory.path().join("bin/moodle-mlbackend")).unwrap();
        Some(Self { directory, python })
    }

    fn run(&self, module: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.python);
        untouched(&mut command).args(["-m", &format!("moodlemlbackend.{module}")]).args(arguments);
        Output::of(command.env("PYTHONPATH", self.directory.path()).env("PYTHONDONTWRITEBYTECODE", "1"))
    }
}

#[test]
fn the_modules_of_the_python_package_train_and_predict() {
    let Some(installed) = Installed::new("the_modules_of_the_python_package") else { return };
    let path = |name: &str| installed.directory.path().join(name).to_str().unwrap().to_owned();
    let (model, dataset, export) = (path("model"), path("dataset.csv"), path("export"));
    fs::write(&dataset, separable(20, false)).unwrap();
    fs::create_dir(&export).unwrap();

    let version = installed.run("version", &[]);
    assert_eq!((version.stdout.as_str(), version.code), ("3.0.5\n", Some(0)));
    assert_eq!(installed.run("export", &["m", &model, &export]).code, Some(1));
    let training = installed.run("training", &["m", &model, &dataset]);
    assert_eq!((training.stdout.trim_end(), training.code), (r#"{"status":0,"info":[]}"#, Some(0)));
    let exported = installed.run("export", &["m", &model, &export]);
    assert_eq!((exported.stdout.trim_end(), exported.code), (export.as_str(), Some(0)));
    let imported = installed.run("import", &["m", &path("copy"), &export]);
    assert_eq!((imported.stdout.as_str(), imported.code), ("Ok\nOk\n", Some(0)));
}

/// With too few arguments, both say the same, except for the time in it.
#[rstest]
#[case("training")]
#[case("prediction")]
#[case("evaluation")]
#[case("export")]
#[case("import")]
fn a_module_without_arguments_fails_as_the_program_does(#[case] module: &str) {
    let Some(installed) = Installed::new("a_module_without_arguments") else { return };
    let through_python = installed.run(module, &["m"]);
    let direct = Output::of(untouched(&mut Command::new(PROGRAM)).args([
        "-m",
        &format!("moodlemlbackend.{module}"),
        "m",
    ]));
    let without_time =
        |output: &Output| output.stdout.split_once("\"status\"").map(|(_, rest)| rest.to_owned());
    assert_eq!(without_time(&through_python), without_time(&direct));
    assert_eq!((through_python.code, direct.code), (Some(1), Some(1)));
    assert!(direct.stdout.contains("Missing arguments"), "{direct:?}");
}

#[test]
fn a_package_without_its_program_says_so() {
    let Some(installed) = Installed::new("a_package_without_its_program") else { return };
    fs::remove_file(installed.directory.path().join("bin/moodle-mlbackend")).unwrap();
    let output = installed.run("version", &[]);
    // A program that is installed for this Python is used instead.
    if output.code != Some(0) {
        assert!(output.stderr.contains("install the package again"), "{output:?}");
    }
}
