//! The Markdown pages: the tests that they name as proofs exist, and their links have targets.
//!
//! Owns reading Markdown. Must not know what a test proves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[rstest::rstest]
#[case("SECURITY.md", 20)]
#[case("RELIABILITY.md", 15)]
#[case("docs/asvs.md", 30)]
fn every_test_that_a_page_names_exists(#[case] page: &str, #[case] min_names: usize) {
    let text = read(Path::new(ROOT).join(page));
    let tests = Tests::all();
    let names = named_proofs(&text);
    assert!(names.len() >= min_names, "{names:?}");
    for name in names {
        assert!(tests.contains(name), "{page} names {name}, which is no test");
    }
}

#[rstest::rstest]
#[case::a_module("limits", true)]
#[case::a_module_with_a_short_name("soak", true)]
#[case::a_module_of_the_library("timing_tests", true)]
#[case::a_function("every_test_that_a_page_names_exists", true)]
#[case::a_function_of_the_library("each_chunk_gives_back_its_time_up_to_the_initial_budget", true)]
#[case::a_module_without_tests("telemetry", false)]
#[case::a_helper("sources", false)]
#[case::an_unknown_name("nothing_of_that_name", false)]
fn only_tests_count_as_proofs(#[case] name: &str, #[case] is_test: bool) {
    assert_eq!(Tests::all().contains(name), is_test);
}

#[test]
fn only_names_in_the_proven_by_column_are_checked() {
    let page = "`a`\n| promise `b` | proven by | measured |\n|---|---|---|\n| `c` | `d`, `e` (`f --g`) | `h` |\n\n\
                | i | `j` | proven by |\n|---|---|---|\n| `k` | `l` | `m` |\n\n`n`\n";
    assert_eq!(named_proofs(page), ["d", "e", "m"]);
}

#[test]
fn every_link_has_an_existing_file_and_heading() {
    let pages = pages();
    assert!(pages.len() > 10, "{:?}", pages.keys());
    let mut links_checked = 0;
    for (page, text) in &pages {
        for link in links(text).into_iter().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name(path) };
            let target = target.canonicalize().unwrap_or_else(|error| {
                panic!("{}: the file of the link {link} does not exist: {error}", page.display())
            });
            if !heading.is_empty() {
                let headings = headings(&read(&target));
                assert!(
                    headings.iter().any(|known| known == heading),
                    "{}: the heading of the link {link} is not one of {headings:?}",
                    page.display()
                );
            }
            links_checked += 1;
        }
    }
    assert!(links_checked > 40, "{links_checked}");
}

#[test]
fn every_page_of_docs_is_linked_by_another_page() {
    let root = PathBuf::from(ROOT);
    let pages = pages();
    let linked: Vec<PathBuf> = pages
        .iter()
        .flat_map(|(page, text)| links(text).into_iter().map(|link| page.with_file_name(link)))
        .filter_map(|path| path.to_str()?.split('#').next().map(PathBuf::from))
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    for page in pages.keys().filter(|page| page.starts_with(root.join("docs"))) {
        assert!(linked.contains(page), "no page links to {}", page.display());
    }
}

#[test]
fn links_and_headings_in_code_are_ignored() {
    let page = "# One: `two`, three-four\n\n```sh\n# no heading [x](y)\n```\n\n## One, two\n\
                ![a](b.png) [c](d.md#e_f) `[g](h)` [i\nj](<k>)\n## One, two\n";
    assert_eq!(headings(page), ["one-two-three-four", "one-two", "one-two-1"]);
    assert_eq!(links(page), ["b.png", "d.md#e_f", "<k>"]);
}

/// The names in backticks in the columns with the heading "proven by" that can be the name of a test.
fn named_proofs(page: &str) -> Vec<&str> {
    let mut column = None;
    let mut names = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            column = None;
        } else if let Some(column) = column {
            let cell: &str = cells.get(column).copied().unwrap_or_default();
            names.extend(cell.split('`').skip(1).step_by(2).filter(|name| is_identifier(name)));
        } else {
            column = cells.iter().position(|cell| *cell == "proven by");
        }
    }
    names
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The Markdown pages of the repository by path.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(ROOT).canonicalize().expect("the repository");
    ["", "docs", "benches", "fuzz", "models"]
        .into_iter()
        .flat_map(|directory| files(&root.join(directory)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.clone(), read(path)))
        .collect()
}

/// The targets of the inline links and images of a page.
fn links(page: &str) -> Vec<&str> {
    without_code_blocks(page)
        .flat_map(|line| line.split('`').step_by(2))
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchors of the headings of a page, as GitHub makes them: lower case, dashes for spaces, no punctuation, and a
/// number for a repeated heading.
fn headings(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in without_code_blocks(page).filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let is_repetition = |known: &&String| {
            known.strip_prefix(&anchor).is_some_and(|rest| rest.is_empty() || is_number(rest))
        };
        match anchors.iter().filter(is_repetition).count() {
            0 => anchors.push(anchor),
            repetitions => anchors.push(format!("{anchor}-{repetitions}")),
        }
    }
    anchors
}

fn is_number(suffix: &str) -> bool {
    suffix.strip_prefix('-').is_some_and(|digits| digits.parse::<usize>().is_ok())
}

fn without_code_blocks(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// All tests of the workspace.
struct Tests {
    /// The file that declares the modules of tests/behaviour.
    modules: String,
    /// All source files.
    sources: Vec<String>,
}

impl Tests {
    fn all() -> Self {
        let modules = read(Path::new(ROOT).join("tests/behaviour/main.rs"));
        let directories = ["src", "crates", "tests"].into_iter();
        let sources = directories.flat_map(|directory| sources(&Path::new(ROOT).join(directory))).collect();
        Self { modules, sources }
    }

    /// Whether there is a test function or a module of tests with this name.
    fn contains(&self, name: &str) -> bool {
        let module = format!("mod {name};");
        let in_the_library = format!("#[cfg(test)]\n{module}\n");
        self.modules.lines().any(|line| line == module)
            || self.sources.iter().any(|source| source.contains(&in_the_library) || is_test(source, name))
    }
}

/// Whether a source file has a function of this name with a test attribute.
fn is_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    let above = source[..at].rsplit("\n\n").next().unwrap_or_default();
    ["#[test]", "#[tokio::test]", "rstest]"].iter().any(|attribute| above.contains(attribute))
}

fn sources(directory: &Path) -> Vec<String> {
    let (directories, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(directory).into_iter().partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(read).chain(directories.iter().flat_map(|directory| sources(directory))).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    entries(directory).into_iter().filter(|path| path.is_file()).collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}
