//! What the pages on security and reliability promise is proven by tests that there are.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[rstest::rstest]
#[case("SECURITY.md", 40)]
#[case("RELIABILITY.md", 15)]
fn every_test_that_a_page_names_exists(#[case] page: &str, #[case] at_least: usize) {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("the page");
    let tests = Tests::all();
    let named = named(&text);
    assert!(named.len() >= at_least, "{named:?}");
    for name in named {
        assert!(tests.know(name), "{page} names {name}, which is no test");
    }
}

#[rstest::rstest]
#[case::a_module("limits", true)]
#[case::one_with_a_short_name("soak", true)]
#[case::one_of_the_library("timing_tests", true)]
#[case::a_function("every_test_that_a_page_names_exists", true)]
#[case::a_function_of_the_library("chunks_that_come_fast_enough_all_come_through", true)]
#[case::a_module_of_the_library("settings", false)]
#[case::a_helper("sources", false)]
#[case::nothing("nothing_of_that_name", false)]
fn only_tests_count(#[case] name: &str, #[case] is_test: bool) {
    assert_eq!(Tests::all().know(name), is_test);
}

#[test]
fn only_what_is_said_to_prove_something_is_looked_for() {
    let page = "`a`\n| promise `b` | proven by | measured |\n|---|---|---|\n| `c` | `d`, `e` (`f --g`) | `h` |\n\n\
                | i | `j` | proven by |\n|---|---|---|\n| `k` | `l` | `m` |\n\n`n`\n";
    assert_eq!(named(page), ["d", "e", "m"]);
}

/// What the columns of its tables with the heading "proven by" have in backticks, where it can be a test.
fn named(page: &str) -> Vec<&str> {
    let mut column = None;
    let mut named = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            column = None;
        } else if let Some(column) = column {
            let cell: &str = cells.get(column).copied().unwrap_or_default();
            named.extend(cell.split('`').skip(1).step_by(2).filter(|name| is_name(name)));
        } else {
            column = cells.iter().position(|cell| *cell == "proven by");
        }
    }
    named
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Where tests are.
struct Tests {
    /// The list of the test modules of the whole program.
    modules: String,
    /// All sources, in which a test function has its attribute.
    sources: Vec<String>,
}

impl Tests {
    fn all() -> Self {
        let modules = fs::read_to_string(Path::new(ROOT).join("tests/behaviour/main.rs")).expect("text");
        let rooms = ["src", "tests"].into_iter();
        Self { modules, sources: rooms.flat_map(|room| sources(&Path::new(ROOT).join(room))).collect() }
    }

    fn know(&self, name: &str) -> bool {
        let module = format!("mod {name};\n");
        let in_the_library = format!("#[cfg(test)]\n{module}");
        self.modules.lines().any(|line| line == module.trim_end())
            || self.sources.iter().any(|source| source.contains(&in_the_library) || is_function(source, name))
    }
}

/// Whether a source has a test function of that name: one with an attribute of a test above it.
fn is_function(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    let above = source[..at].rsplit("\n\n").next().unwrap_or_default();
    ["#[test]", "rstest]"].iter().any(|attribute| above.contains(attribute))
}

fn sources(directory: &Path) -> Vec<String> {
    let paths: Vec<PathBuf> =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    paths
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                vec![fs::read_to_string(path).expect("text")]
            } else {
                Vec::new()
            }
        })
        .collect()
}
