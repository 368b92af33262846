//! No room imports one above it, and no large circle of files grows inside a room.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rstest::rstest;

use super::imports::{File, Import, circles, imports};
use super::root;

/// The rooms of both crates, lowest first: each may import those before it.
const ORDER: [&str; 18] = [
    "text",
    "python_server_files",
    "units",
    "fs",
    "net",
    "auth",
    "telemetry",
    "jobs",
    "dataset",
    "learning",
    "model",
    "report",
    "store",
    "backend",
    "config",
    "http",
    "fuzzing",
    "cli",
];

/// Side by side: these never import each other, apart from the pairs of [`AMONG_PEERS`].
const PEERS: [&str; 5] = ["dataset", "learning", "model", "report", "store"];

const AMONG_PEERS: [(&str, &str); 5] = [
    ("learning", "dataset"),
    ("model", "dataset"),
    ("model", "learning"),
    ("report", "dataset"),
    ("report", "learning"),
];

/// What the command line may name of the HTTP server.
const HTTP_FOR_CLI: [&str; 3] = ["serve", "Application", "StartError"];

/// Files that need each other, at most.
const MAX_CIRCLE: usize = 3;

/// Larger circles that are still there, with the size that they must not exceed. Break them and remove the line: what
/// the files share, such as an error or a record, belongs into a file below them.
const KNOWN_CIRCLES: [(&str, usize); 2] = [("src/report/", 10), ("src/store/", 5)];

/// Why an import between two rooms is refused.
fn refused(from: &str, to: &str, name: &str) -> Option<&'static str> {
    let height = |room: &str| ORDER.iter().position(|known| *known == room);
    let (Some(above), Some(below)) = (height(from), height(to)) else {
        return Some("a room that the order does not know");
    };
    if PEERS.contains(&from) && PEERS.contains(&to) && !AMONG_PEERS.contains(&(from, to)) {
        Some("an import of a room beside")
    } else if above < below {
        Some("an import of a room above")
    } else if to == "fuzzing" {
        Some("an import of what is for fuzzing alone")
    } else if (from, to) == ("cli", "http") && !HTTP_FOR_CLI.contains(&name) {
        Some("an import of the HTTP server's insides")
    } else {
        None
    }
}

/// Every violation, as a line for the reader. Each known circle is a directory and a number of files.
fn violations(files: &[File], known: &[(&str, usize)]) -> Vec<String> {
    let imports = imports(files);
    let rooms = |import: &Import| Some((files[import.from].room()?, files[import.to].room()?));
    let mut lines = Vec::new();
    let mut inside = BTreeSet::new();
    for import in &imports {
        let Some((from, to)) = rooms(import) else { continue };
        if from == to {
            inside.insert((import.from, import.to));
        } else if let Some(why) = refused(from, to, &import.name) {
            let (from, to) = (&files[import.from].name, &files[import.to].name);
            lines.push(format!("{from}: {why}: {} of {to}", import.name));
        }
    }
    let large = circles(files.len(), &inside).into_iter().filter(|circle| circle.len() > MAX_CIRCLE);
    let is_in =
        |circle: &[usize], directory: &str| circle.iter().all(|&at| files[at].name.starts_with(directory));
    let (old, new): (Vec<_>, Vec<_>) = large.partition(|circle: &Vec<usize>| {
        known.iter().any(|(directory, size)| is_in(circle, directory) && circle.len() <= *size)
    });
    lines.extend(new.iter().map(|circle| explained(circle, files, &imports)));
    let gone = known.iter().filter(|(directory, _)| !old.iter().any(|circle| is_in(circle, directory)));
    lines
        .extend(gone.map(|(directory, _)| format!("{directory}: no known circle any more: remove its line")));
    lines
}

/// A circle with every arrow in it.
fn explained(circle: &[usize], files: &[File], imports: &BTreeSet<Import>) -> String {
    let mut arrows: BTreeMap<(usize, usize), BTreeSet<&str>> = BTreeMap::new();
    for Import { from, to, name } in imports {
        if circle.contains(from) && circle.contains(to) {
            // Of a type, not also each of its functions and variants.
            let name = name.split("::").next().unwrap_or(name);
            arrows.entry((*from, *to)).or_default().insert(name);
        }
    }
    let mut text = format!("a circle of {} files:", circle.len());
    for ((from, to), names) in arrows {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let _ = write!(text, "\n    {} needs {names} of {}", files[from].name, files[to].name);
    }
    text
}

/// All source files below a crate's `src`.
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
fn rooms_import_only_rooms_below_them() {
    let mut files = read("learner", "crates/learner/src");
    files.extend(read("moodle_mlbackend", "src"));
    assert!(files.len() > 100, "only {} source files were found", files.len());
    let imports = imports(&files);
    assert!(imports.len() > 300, "only {} imports were found", imports.len());
    let violations = violations(&files, &KNOWN_CIRCLES);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// A small crate with a root that declares nothing.
fn seeded(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files.iter().map(|(path, text)| File::new("own", "src", path, text)).collect();
    violations(&files, &[])
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
fn an_import_of_a_room_above_is_reported(#[case] text: &str) {
    let violations = seeded(&[
        ("store/key.rs", text),
        ("http/mod.rs", "mod error; pub use error::HttpError;"),
        ("http/error.rs", "pub struct HttpError;"),
    ]);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0], "src/store/key.rs: an import of a room above: HttpError of src/http/error.rs");
}

#[rstest]
#[case::a_comment("// use crate::http::error::HttpError;")]
#[case::a_doc_comment("//! [`crate::http::error::HttpError`]")]
#[case::a_text("const A: &str = \"crate::http::error::HttpError\";")]
#[case::a_test_module("#[cfg(test)] mod tests { use crate::http::error::HttpError; }")]
#[case::a_test_import("#[cfg(test)] use crate::http::error::HttpError;")]
#[case::another_crate("use http::error::HttpError;")]
fn what_imports_nothing_is_not_reported(#[case] text: &str) {
    let violations = seeded(&[("store/key.rs", text), ("http/error.rs", "pub struct HttpError;")]);
    assert_eq!(violations, [""; 0]);
}

#[rstest]
#[case("store", "report", "an import of a room beside", 1)]
#[case("report", "store", "an import of a room beside", 1)]
#[case("report", "model", "an import of a room beside", 1)]
#[case("store", "dataset", "an import of a room beside", 1)]
#[case("http", "cli", "an import of a room above", 1)]
#[case("cli", "http", "an import of the HTTP server's insides", 1)]
#[case("cli", "fuzzing", "an import of what is for fuzzing alone", 1)]
#[case("attic", "units", "a room that the order does not know", 1)]
#[case("report", "learning", "", 0)]
#[case("model", "learning", "", 0)]
#[case("fuzzing", "http", "", 0)]
fn rooms_beside_each_other_are_kept_apart(
    #[case] from: &str,
    #[case] to: &str,
    #[case] why: &str,
    #[case] count: usize,
) {
    let violations = seeded(&[
        (&format!("{from}/a.rs"), &format!("use crate::{to}::Name;")),
        (&format!("{to}.rs"), "pub struct Name;"),
    ]);
    assert_eq!(violations.len(), count, "{violations:?}");
    assert!(violations.iter().all(|line| line.contains(why)), "{violations:?}");
}

#[test]
fn test_files_are_exempt() {
    let violations = seeded(&[
        ("store/key.rs", "#[cfg(test)] mod tests; #[cfg(test)] #[path = \"more_tests.rs\"] mod more;"),
        ("store/key/tests.rs", "use crate::http::Name;"),
        ("store/more_tests.rs", "use crate::http::Name;"),
        ("http.rs", "pub struct Name;"),
    ]);
    assert_eq!(violations, [""; 0]);
}

#[test]
fn a_circle_of_four_files_is_reported_and_one_of_three_is_not() {
    let files = [
        ("store/mod.rs", "mod a; mod b; mod c; mod d; pub use a::A;"),
        ("store/a.rs", "use super::b::B; pub struct A;"),
        ("store/b.rs", "use super::c; fn f(_: c::C) {} pub struct B;"),
        ("store/c.rs", "use super::d::D; pub struct C;"),
        ("store/d.rs", "use crate::store::A; pub struct D;"),
    ];
    let violations = seeded(&files);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].starts_with("a circle of 4 files:"), "{violations:?}");
    assert!(violations[0].contains("src/store/d.rs needs A of src/store/a.rs"), "{violations:?}");
    let three = [files[0], files[1], files[2], ("store/c.rs", "use super::A; pub struct C;")];
    assert_eq!(seeded(&three), [""; 0]);
}

#[rstest]
#[case::of_its_size(&[("src/store/", 4)], &[])]
#[case::grown(&[("src/store/", 3)], &["a circle of 4 files", "src/store/: no known circle"])]
#[case::gone(&[("src/store/", 4), ("src/http/", 4)], &["src/http/: no known circle"])]
fn a_known_circle_must_neither_grow_nor_outlive_its_exception(
    #[case] known: &[(&str, usize)],
    #[case] expected: &[&str],
) {
    let file = |name: &str, next: &str| {
        File::new(
            "own",
            "src",
            &format!("store/{name}.rs"),
            &format!("use super::{next}::Name; pub struct Name;"),
        )
    };
    let files = [file("a", "b"), file("b", "c"), file("c", "d"), file("d", "a")];
    let violations = violations(&files, known);
    assert_eq!(violations.len(), expected.len(), "{violations:?}");
    for (line, begin) in violations.iter().zip(expected) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[test]
fn a_file_that_declares_and_reexports_its_parts_closes_no_circle_until_it_uses_them() {
    let part = "use super::Error; pub struct Name;";
    let only = "mod a; mod b; mod c; pub use {a::Name as A, b::Name as B, c::Name as C}; pub struct Error;";
    let files =
        |module| [("store/mod.rs", module), ("store/a.rs", part), ("store/b.rs", part), ("store/c.rs", part)];
    assert_eq!(seeded(&files(only)), [""; 0]);
    let uses = format!("{only} fn f(_: A, _: B, _: C) {{}}");
    assert_eq!(seeded(&files(&uses)).len(), 1);
}
