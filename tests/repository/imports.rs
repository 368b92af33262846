//! Which file needs which: resolves the paths of all source files to the files that own the names.
//!
//! A re-export leads to the file behind it, and alone is no need: a `mod.rs` that declares and re-exports its parts
//! depends on none of them. Must not know which arrows are allowed: `module_order.rs` does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::{Path, Source, Use, joined};

/// Follows a name through at most this number of `use` items.
const MAX_STEPS: usize = 16;

/// One source file of one crate.
pub struct File {
    /// As it is reported, such as `src/http/mod.rs`.
    pub name: String,
    /// Its module, beginning with the crate's name.
    pub module: Path,
    pub source: Source,
}

/// That one file uses a name of another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The number of the file that needs it, and of the one that owns it.
    pub from: usize,
    pub to: usize,
    /// The path within the owner, or its last segment.
    pub name: String,
}

impl File {
    /// A file below a crate's `src`, by its path from there.
    pub fn new(crate_name: &str, src: &str, path: &str, text: &str) -> Self {
        let path_of_module = path.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
        let parts =
            path_of_module.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned);
        let module = std::iter::once(crate_name.to_owned()).chain(parts).collect();
        Self { name: format!("{src}/{path}"), module, source: Source::of(text) }
    }

    /// The room that it belongs to; none for the root of a crate.
    pub fn room(&self) -> Option<&str> {
        self.module.get(1).map(String::as_str)
    }
}

/// Every import between files that are not only tests.
pub fn imports(files: &[File]) -> BTreeSet<Import> {
    let tree = Tree::of(files);
    let tests = test_modules(files);
    let is_test = |file: &File| tests.iter().any(|test| file.module.starts_with(test));
    let mut found = BTreeSet::new();
    for (from, file) in files.iter().enumerate().filter(|(_, file)| !is_test(file)) {
        for (within, path) in needs(file) {
            let module = joined(&file.module, within);
            // A module that is imported as a whole counts where a name of it is used.
            if let Some((to, name)) = tree.owner(&module, path, MAX_STEPS)
                && let Some(name) = name
                && to != from
            {
                found.insert(Import { from, to, name });
            }
        }
    }
    found
}

/// The paths that a file itself uses: not those that it only re-exports.
fn needs(file: &File) -> impl Iterator<Item = (&Path, &Path)> {
    let source = &file.source;
    let is_needed = |used: &&Use| !used.is_public || source.identifiers.contains(&used.name);
    let uses = source.uses.iter().filter(is_needed).map(|used| (&used.within, &used.path));
    uses.chain(source.paths.iter().map(|(within, path)| (within, path)))
}

/// The modules that are compiled for tests alone.
fn test_modules(files: &[File]) -> Vec<Path> {
    let declared =
        files.iter().flat_map(|file| file.source.test_modules.iter().map(move |name| (file, name)));
    declared
        .map(|(file, name)| match name.strip_suffix(".rs") {
            // `#[path]` counts from the directory of the file.
            Some(sibling) if !file.name.ends_with("/mod.rs") => {
                joined(&file.module[..file.module.len() - 1], &[sibling.to_owned()])
            }
            Some(child) => joined(&file.module, &[child.to_owned()]),
            None => joined(&file.module, std::slice::from_ref(name)),
        })
        .collect()
}

/// All modules and the names that they import.
struct Tree<'a> {
    /// The file of each module.
    modules: HashMap<Path, usize>,
    names: BTreeMap<(Path, &'a str), &'a Path>,
    globs: HashMap<Path, Vec<&'a Path>>,
}

impl<'a> Tree<'a> {
    fn of(files: &'a [File]) -> Self {
        let mut tree = Self { modules: HashMap::new(), names: BTreeMap::new(), globs: HashMap::new() };
        for (number, file) in files.iter().enumerate() {
            tree.modules.insert(file.module.clone(), number);
            for inline in &file.source.inline_modules {
                tree.modules.insert(joined(&file.module, inline), number);
            }
            for used in &file.source.uses {
                let module = joined(&file.module, &used.within);
                if used.name == "*" {
                    tree.globs.entry(module).or_default().push(&used.path);
                } else {
                    tree.names.insert((module, &used.name), &used.path);
                }
            }
        }
        tree
    }

    /// The file that owns what a path leads to, and the name within it; no name for a module as a whole.
    fn owner(&self, module: &[String], path: &[String], steps: usize) -> Option<(usize, Option<String>)> {
        let absolute = self.absolute(module, path, steps)?;
        let length =
            (1..=absolute.len()).rev().find(|&length| self.modules.contains_key(&absolute[..length]))?;
        let (owner, rest) = absolute.split_at(length);
        let file = self.modules[owner];
        let Some(name) = rest.first() else { return Some((file, None)) };
        if steps > 0 {
            let named = self.names.get(&(owner.to_vec(), name.as_str()));
            if let Some(path) = named {
                let found = self.owner(owner, &joined(path, &rest[1..]), steps - 1);
                return found
                    .map(|(file, inner)| (file, inner.or_else(|| rest.get(1).map(|_| name.clone()))));
            }
        }
        Some((file, Some(rest.join("::"))))
    }

    /// A path from the root of a crate; `None` for what is no crate of ours.
    fn absolute(&self, module: &[String], path: &[String], steps: usize) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let child = joined(module, std::slice::from_ref(first));
        match first.as_str() {
            "crate" => Some(joined(&module[..1], rest)),
            "self" => Some(joined(module, rest)),
            "super" => {
                let up = rest.iter().take_while(|segment| *segment == "super").count();
                let above = module.len().checked_sub(1 + up).filter(|&length| length > 0)?;
                Some(joined(&module[..above], &rest[up..]))
            }
            _ if self.modules.contains_key(&child) => Some(joined(&child, rest)),
            name => match self.names.get(&(module.to_vec(), name)) {
                Some(used) if steps > 0 && used.first() != Some(first) => {
                    self.absolute(module, &joined(used, rest), steps - 1)
                }
                _ => self.modules.contains_key(&path[..1]).then(|| path.to_vec()),
            },
        }
    }
}

/// The groups of at least two files that all lead to each other.
pub fn circles(count: usize, arrows: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..count).map(|from| reached(from, arrows)).collect();
    let circle = |file: usize| -> Vec<usize> {
        (0..count).filter(|&other| reached[file].contains(&other) && reached[other].contains(&file)).collect()
    };
    let circles: BTreeSet<Vec<usize>> = (0..count).map(circle).filter(|circle| circle.len() > 1).collect();
    circles.into_iter().collect()
}

fn reached(from: usize, arrows: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        for &(_, to) in arrows.range((file, 0)..=(file, usize::MAX)) {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    seen
}
