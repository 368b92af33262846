//! What the pages on security and reliability promise is proven by tests that there are.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[rstest::rstest]
#[case("SECURITY.md", 40)]
#[case("RELIABILITY.md", 15)]
fn every_test_that_a_page_names_exists(#[case] page: &str, #[case] at_least: usize) {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("the page");
    let sources: String =
        ["src", "tests"].into_iter().flat_map(|room| sources(&Path::new(ROOT).join(room))).collect();
    // In a row of a table, tests are named in the columns behind the first one.
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let named: Vec<&str> = rows
        .flat_map(|row| row.split('|').skip(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| is_test(name))
        .collect();
    assert!(named.len() >= at_least, "{named:?}");
    for name in named {
        let there =
            [format!("fn {name}("), format!("mod {name};")].iter().any(|begin| sources.contains(begin));
        assert!(there, "{page} names {name}, which is no test");
    }
}

fn is_test(name: &str) -> bool {
    name.len() > 5 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
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
