//! Which entry of an archive is which file of a model, in archives as people and their programs make them.
//!
//! Owns the entries that are ignored, and the folder and the names that are accepted when they are unambiguous. Must not
//! know how entries are read: ignored ones never are.

use std::collections::BTreeSet;

use super::error::{ImportError, NameProblem};
use super::files::{Part, known_directory, known_part};
use crate::model::{MODEL, MODEL_JSON};
use crate::python_server_files::CLASSIFIER;

/// An entry of an archive.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// A file of the model.
    File(Part),
    /// A directory of the model.
    Directory(&'static str),
    /// Something else, whose content is not read.
    Ignored,
}

/// The files that show where in an archive the model is.
const IDENTIFYING: [&str; 3] = [MODEL, MODEL_JSON, CLASSIFIER];

/// What the Finder and Windows put into archives unasked.
const SYSTEM_FILES: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
const FINDER_DIRECTORY: &str = "__MACOSX";
const FINDER_PREFIX: &str = "._";

/// The endings of files that people keep beside a model: texts, data, scripts, pictures, and the model in its own
/// library's format.
const BESIDE_A_MODEL: [&str; 26] = [
    "cbm",
    "csv",
    "docx",
    "gitignore",
    "h5",
    "htm",
    "html",
    "ipynb",
    "jpeg",
    "jpg",
    "joblib",
    "json",
    "keras",
    "log",
    "md",
    "odt",
    "pdf",
    "pkl",
    "png",
    "pt",
    "pth",
    "py",
    "rst",
    "svg",
    "txt",
    "yml",
];
const TEXTS_WITHOUT_ENDING: [&str; 4] = ["README", "LICENSE", "LICENCE", "NOTICE"];

/// Moodle's own export of a model: this file, and the files of the machine learning backend in `mlbackend/`.
const MOODLE_CONFIG: &str = "model-config.json";
const MOODLE_BACKEND_FILES: &str = "mlbackend/";

/// The role of each entry, in the order of their names.
///
/// # Errors
/// [`ImportError`] for a name that leads out of the archive, for an unknown file, and when several models or none can be
/// meant.
pub(super) fn roles(names: &[Vec<u8>]) -> Result<Vec<Role>, ImportError> {
    let names: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    names.iter().try_for_each(|name| check(name))?;
    let files: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !name.ends_with('/') && !is_of_a_system(name))
        .collect();
    let found = Found::among(&files)?;
    names.iter().map(|name| found.role(name)).collect()
}

/// Where in an archive the model is.
struct Found<'a> {
    /// The folder, with a `/` at its end; empty for the top of the archive.
    folder: &'a str,
    /// Files that are used under another name.
    renamed: Vec<(&'a str, &'static str)>,
}

impl<'a> Found<'a> {
    fn among(files: &[&'a str]) -> Result<Self, ImportError> {
        let folders: BTreeSet<&str> = files
            .iter()
            .map(|file| split(file))
            .filter(|(_, base)| IDENTIFYING.contains(base))
            .map(|(folder, _)| folder)
            .collect();
        let onnx: Vec<&str> = files.iter().copied().filter(|file| has_ending(file, ".onnx")).collect();
        if onnx.len() > 1 {
            return Err(ImportError::SeveralModels(owned(&onnx)));
        }
        if folders.len() > 1 {
            return Err(ImportError::SeveralModels(owned(&folders.into_iter().collect::<Vec<_>>())));
        }
        let folder = folders.first().copied().or_else(|| onnx.first().map(|file| split(file).0));
        let Some(folder) = folder else {
            Self::check_moodles_export(files)?;
            return Ok(Self { folder: "", renamed: Vec::new() });
        };
        let mut renamed = Vec::new();
        if let [file] = onnx.as_slice() {
            let (of_model, base) = split(file);
            if of_model != folder {
                return Err(ImportError::SeveralModels(owned(&[folder, of_model])));
            }
            renamed.push((*file, MODEL));
            let stem = &base[..base.len() - ".onnx".len()];
            let described = |file: &&&str| {
                split(file).0 == folder
                    && matches!(description_of(split(file).1), Some(of) if of == stem || of == "model")
            };
            let exact = files.iter().find(|file| **file == format!("{folder}{MODEL_JSON}"));
            renamed.extend(exact.or_else(|| files.iter().find(described)).map(|file| (*file, MODEL_JSON)));
        }
        Ok(Self { folder, renamed })
    }

    /// An export of Moodle without the files of this backend.
    fn check_moodles_export(files: &[&str]) -> Result<(), ImportError> {
        let Some(config) = files.iter().find(|file| split(file).1 == MOODLE_CONFIG) else { return Ok(()) };
        let inside = format!("{}{MOODLE_BACKEND_FILES}", split(config).0);
        if files.iter().any(|file| file.starts_with(&inside)) {
            Err(ImportError::OtherBackend)
        } else {
            Err(ImportError::NoWeights)
        }
    }

    fn role(&self, name: &str) -> Result<Role, ImportError> {
        if is_of_a_system(name) {
            return Ok(Role::Ignored);
        }
        let renamed = self.renamed.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        let inside = renamed.or_else(|| name.strip_prefix(self.folder));
        if let Some(part) = inside.and_then(known_part) {
            return Ok(Role::File(part));
        }
        if let Some(directory) = inside.and_then(known_directory) {
            return Ok(Role::Directory(directory));
        }
        let is_directory = name.ends_with('/') && name.len() > 1;
        if is_directory || is_beside_a_model(name) {
            return Ok(Role::Ignored);
        }
        let problem = if is_second_file(name) { NameProblem::SecondFile } else { NameProblem::Unknown };
        Err(ImportError::Name { name: name.to_owned(), problem })
    }
}

/// Refuses names that lead out of the archive, and those that differ from a model's files only in their letters.
fn check(name: &str) -> Result<(), ImportError> {
    let problem = if name.split(['/', '\\']).any(|piece| piece == "..") {
        NameProblem::LeadsOut
    } else if name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':') {
        NameProblem::Absolute
    } else if name.contains('\\') {
        NameProblem::Windows
    } else {
        let (_, base) = split(name);
        match IDENTIFYING.iter().find(|known| known.eq_ignore_ascii_case(base) && **known != base) {
            Some(known) => NameProblem::Case(known),
            None => return Ok(()),
        }
    };
    Err(ImportError::Name { name: name.to_owned(), problem })
}

/// The folder of a file, with its `/`, and the rest of its name.
fn split(name: &str) -> (&str, &str) {
    name.rfind('/').map_or(("", name), |at| name.split_at(at + 1))
}

fn has_ending(name: &str, ending: &str) -> bool {
    let start = name.len().checked_sub(ending.len());
    start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// The name before the ending of a description: `.json`, or what Windows makes of it when it hides endings.
fn description_of(base: &str) -> Option<&str> {
    base.strip_suffix(".json").or_else(|| base.strip_suffix(".json.txt"))
}

fn is_of_a_system(name: &str) -> bool {
    let (_, base) = split(name);
    name.split('/').any(|piece| piece == FINDER_DIRECTORY)
        || base.starts_with(FINDER_PREFIX)
        || SYSTEM_FILES.contains(&base)
}

fn is_beside_a_model(name: &str) -> bool {
    let (_, base) = split(name);
    let ending = base.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = match ending {
        Some(ending) => BESIDE_A_MODEL.contains(&ending.as_str()),
        None => TEXTS_WITHOUT_ENDING.contains(&base),
    };
    known && !name.chars().any(char::is_control)
}

/// Weights outside of `model.onnx`, as exporters name them.
fn is_second_file(name: &str) -> bool {
    [".data", "_data", ".weights", ".bin"].iter().any(|ending| has_ending(name, ending))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
