//! A module imports only modules below it, and no large import cycle grows inside a module.
//!
//! Owns the order of the modules. Must not know how imports are found: `imports.rs` does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rstest::rstest;

use super::imports::{File, Import, cycles, imports};
use super::root;

/// The top-level modules of both crates, lowest first: each may import those before it.
const ORDER: [&str; 20] = [
    "text",
    "python_server_files",
    "units",
    "fs",
    "net",
    "auth",
    "telemetry",
    "jobs",
    "queue",
    "dataset",
    "learning",
    "model",
    "report",
    "store",
    "audit",
    "backend",
    "config",
    "http",
    "fuzzing",
    "cli",
];

/// These modules do not import each other, except for the pairs of [`PEER_IMPORTS`].
const PEERS: [&str; 5] = ["dataset", "learning", "model", "report", "store"];

const PEER_IMPORTS: [(&str, &str); 5] = [
    ("learning", "dataset"),
    ("model", "dataset"),
    ("model", "learning"),
    ("report", "dataset"),
    ("report", "learning"),
];

/// The names of `http` that `cli` may use.
const HTTP_FOR_CLI: [&str; 2] = ["serve", "work"];

/// The maximum number of files of an import cycle. To break a larger one, move what the files share, such as an error or
/// a record, to a file below them.
const MAX_CYCLE: usize = 3;

/// The problem with an import between two modules.
fn problem(from: &str, to: &str, name: &str) -> Option<&'static str> {
    let position = |module: &str| ORDER.iter().position(|known| *known == module);
    let (Some(importing), Some(imported)) = (position(from), position(to)) else {
        return Some("a module that is missing in ORDER");
    };
    if PEERS.contains(&from) && PEERS.contains(&to) && !PEER_IMPORTS.contains(&(from, to)) {
        Some("an import of a peer")
    } else if importing < imported {
        Some("an import of a module above")
    } else if to == "fuzzing" {
        Some("an import of code for fuzzing")
    } else if (from, to) == ("cli", "http") && !HTTP_FOR_CLI.contains(&name) {
        Some("an import of internals of the HTTP server")
    } else {
        None
    }
}

/// A line for each violation.
fn violations(files: &[File]) -> Vec<String> {
    let imports = imports(files);
    let mut lines = Vec::new();
    let mut within_modules = BTreeSet::new();
    for import in &imports {
        let (from, to) = (&files[import.from], &files[import.to]);
        let (Some(from_module), Some(to_module)) = (from.top_module(), to.top_module()) else { continue };
        if from_module == to_module {
            within_modules.insert((import.from, import.to));
        } else if let Some(problem) = problem(from_module, to_module, &import.name) {
            lines.push(format!("{}: {problem}: {} of {}", from.name, import.name, to.name));
        }
    }
    let large = cycles(files.len(), &within_modules).into_iter().filter(|cycle| cycle.len() > MAX_CYCLE);
    lines.extend(large.map(|cycle| description(&cycle, files, &imports)));
    lines
}

/// A cycle with its imports.
fn description(cycle: &[usize], files: &[File], imports: &BTreeSet<Import>) -> String {
    let mut names_by_files: BTreeMap<(usize, usize), BTreeSet<&str>> = BTreeMap::new();
    for Import { from, to, name } in imports {
        if cycle.contains(from) && cycle.contains(to) {
            // Only the type, without its functions and variants.
            let name = name.split("::").next().unwrap_or(name);
            names_by_files.entry((*from, *to)).or_default().insert(name);
        }
    }
    let mut text = format!("an import cycle of {} files:", cycle.len());
    for ((from, to), names) in names_by_files {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let _ = write!(text, "\n    {} imports {names} of {}", files[from].name, files[to].name);
    }
    text
}

/// All source files below the `src` directory of a crate.
fn read(crate_name: &str, src: &str) -> Vec<File> {
    let (mut files, mut open) = (Vec::new(), vec![root().join(src)]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(file(crate_name, src, &path));
            }
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

fn file(crate_name: &str, src: &str, path: &Path) -> File {
    let relative = path.strip_prefix(root().join(src)).unwrap().to_str().unwrap();
    File::new(crate_name, src, relative, &fs::read_to_string(path).unwrap())
}

#[test]
fn modules_import_only_modules_below_them() {
    let mut files = read("learner", "crates/learner/src");
    files.extend(read("moodle_mlbackend", "src"));
    assert!(files.len() > 100, "only {} source files were found", files.len());
    let imports = imports(&files);
    assert!(imports.len() > 300, "only {} imports were found", imports.len());
    let violations = violations(&files);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// The violations in an invented crate.
fn violations_in(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files.iter().map(|(path, text)| File::new("own", "src", path, text)).collect();
    violations(&files)
}

#[rstest]
#[case::a_use("use crate::http::error::HttpError;")]
#[case::a_tree_of_names("use crate::{http::{self, error::{HttpError}}, units};")]
#[case::a_path_in_code("fn f() -> crate::http::error::HttpError { todo!() }")]
#[case::a_path_in_a_macro("fn f() { println!(\"{}\", crate::http::error::HttpError); }")]
#[case::a_path_in_an_attribute("#[arg(default_value_t = crate::http::error::HttpError)] struct S;")]
#[case::a_path_of_super("use super::super::http::error::HttpError;")]
#[case::an_alias("use crate::http::error as e; fn f(_: e::HttpError) {}")]
#[case::a_reexport("use crate::http::HttpError;")]
#[case::an_inline_module("mod inner { use crate::http::error::HttpError; }")]
#[case::a_module_not_for_tests("#[cfg(not(test))] use crate::http::error::HttpError;")]
fn an_import_of_a_module_above_is_reported(#[case] text: &str) {
    let violations = violations_in(&[
        ("store/key.rs", text),
        ("http/mod.rs", "mod error; pub use error::HttpError;"),
        ("http/error.rs", "pub struct HttpError;"),
    ]);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(
        violations[0],
        "src/store/key.rs: an import of a module above: HttpError of src/http/error.rs"
    );
}

#[rstest]
#[case::a_comment("// use crate::http::error::HttpError;")]
#[case::a_doc_comment("//! [`crate::http::error::HttpError`]")]
#[case::a_text("const A: &str = \"crate::http::error::HttpError\";")]
#[case::a_test_module("#[cfg(test)] mod tests { use crate::http::error::HttpError; }")]
#[case::a_test_import("#[cfg(test)] use crate::http::error::HttpError;")]
#[case::another_crate("use http::error::HttpError;")]
fn text_without_an_import_is_not_reported(#[case] text: &str) {
    let violations = violations_in(&[("store/key.rs", text), ("http/error.rs", "pub struct HttpError;")]);
    assert_eq!(violations, [""; 0]);
}

#[rstest]
#[case("store", "report", "an import of a peer", 1)]
#[case("report", "store", "an import of a peer", 1)]
#[case("report", "model", "an import of a peer", 1)]
#[case("store", "dataset", "an import of a peer", 1)]
#[case("http", "cli", "an import of a module above", 1)]
#[case("cli", "http", "an import of internals of the HTTP server", 1)]
#[case("cli", "fuzzing", "an import of code for fuzzing", 1)]
#[case("attic", "units", "a module that is missing in ORDER", 1)]
#[case("report", "learning", "", 0)]
#[case("model", "learning", "", 0)]
#[case("fuzzing", "http", "", 0)]
fn imports_between_two_modules_are_checked(
    #[case] from: &str,
    #[case] to: &str,
    #[case] problem: &str,
    #[case] count: usize,
) {
    let violations = violations_in(&[
        (&format!("{from}/a.rs"), &format!("use crate::{to}::Name;")),
        (&format!("{to}.rs"), "pub struct Name;"),
    ]);
    assert_eq!(violations.len(), count, "{violations:?}");
    assert!(violations.iter().all(|line| line.contains(problem)), "{violations:?}");
}

#[test]
fn test_files_are_exempt() {
    let violations = violations_in(&[
        ("store/key.rs", "#[cfg(test)] mod tests; #[cfg(test)] #[path = \"more_tests.rs\"] mod more;"),
        ("store/key/tests.rs", "use crate::http::Name;"),
        ("store/more_tests.rs", "use crate::http::Name;"),
        ("http.rs", "pub struct Name;"),
    ]);
    assert_eq!(violations, [""; 0]);
}

#[test]
fn a_cycle_of_four_files_is_reported_and_one_of_three_is_not() {
    let files = [
        ("store/mod.rs", "mod a; mod b; mod c; mod d; pub use a::A;"),
        ("store/a.rs", "use super::b::B; pub struct A;"),
        ("store/b.rs", "use super::c; fn f(_: c::C) {} pub struct B;"),
        ("store/c.rs", "use super::d::D; pub struct C;"),
        ("store/d.rs", "use crate::store::A; pub struct D;"),
    ];
    let violations = violations_in(&files);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].starts_with("an import cycle of 4 files:"), "{violations:?}");
    assert!(violations[0].contains("src/store/d.rs imports A of src/store/a.rs"), "{violations:?}");
    let three = [files[0], files[1], files[2], ("store/c.rs", "use super::A; pub struct C;")];
    assert_eq!(violations_in(&three), [""; 0]);
}

#[test]
fn reexports_are_part_of_a_cycle_only_if_the_file_uses_them() {
    let part = "use super::Error; pub struct Name;";
    let only = "mod a; mod b; mod c; pub use {a::Name as A, b::Name as B, c::Name as C}; pub struct Error;";
    let files =
        |module| [("store/mod.rs", module), ("store/a.rs", part), ("store/b.rs", part), ("store/c.rs", part)];
    assert_eq!(violations_in(&files(only)), [""; 0]);
    let uses = format!("{only} fn f(_: A, _: B, _: C) {{}}");
    assert_eq!(violations_in(&files(&uses)).len(), 1);
}
