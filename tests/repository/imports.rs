//! Resolves the imports between source files.
//!
//! Owns the search for the file that defines a name. A re-export resolves to the file behind it, and is not an import
//! itself: a `mod.rs` that only declares and re-exports its submodules depends on none of them. Must not know which
//! imports are allowed: `module_order.rs` does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::{Path, Source, Use, joined};

/// The maximum length of a chain of `use` items.
const MAX_STEPS: usize = 16;

/// A source file.
pub struct File {
    /// Its path in the repository, such as `src/http/mod.rs`.
    pub name: String,
    /// Its module path, beginning with the name of the crate.
    pub module: Path,
    pub source: Source,
}

/// The use of a name that another file defines.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The index of the importing file.
    pub from: usize,
    /// The index of the defining file.
    pub to: usize,
    /// The path of the name within the defining file, or its last segment.
    pub name: String,
}

impl File {
    /// A file by its path below the `src` directory of a crate.
    pub fn new(crate_name: &str, src: &str, path: &str, text: &str) -> Self {
        let module_path = path.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
        let segments =
            module_path.split('/').filter(|segment| !["lib", "main"].contains(segment)).map(str::to_owned);
        let module = std::iter::once(crate_name.to_owned()).chain(segments).collect();
        Self { name: format!("{src}/{path}"), module, source: Source::of(text) }
    }

    /// Its top-level module; `None` for the root of a crate.
    pub fn top_module(&self) -> Option<&str> {
        self.module.get(1).map(String::as_str)
    }
}

/// All imports between files, except those of test files.
pub fn imports(files: &[File]) -> BTreeSet<Import> {
    let names = Names::of(files);
    let tests = test_modules(files);
    let is_test = |file: &File| tests.iter().any(|test| file.module.starts_with(test));
    let mut imports = BTreeSet::new();
    for (from, file) in files.iter().enumerate().filter(|(_, file)| !is_test(file)) {
        for (within, path) in used_paths(file) {
            let module = joined(&file.module, within);
            // The import of a module counts only where a name of this module is used.
            if let Some((to, Some(name))) = names.resolve(&module, path, MAX_STEPS)
                && to != from
            {
                imports.insert(Import { from, to, name });
            }
        }
    }
    imports
}

/// The paths that a file uses, without those that it only re-exports.
fn used_paths(file: &File) -> impl Iterator<Item = (&Path, &Path)> {
    let source = &file.source;
    let is_used = |item: &&Use| !item.is_public || source.identifiers.contains(&item.name);
    let uses = source.uses.iter().filter(is_used).map(|item| (&item.within, &item.path));
    uses.chain(source.paths.iter().map(|(within, path)| (within, path)))
}

/// The modules that are compiled for tests only.
fn test_modules(files: &[File]) -> Vec<Path> {
    let declared =
        files.iter().flat_map(|file| file.source.test_modules.iter().map(move |name| (file, name)));
    declared
        .map(|(file, name)| match name.strip_suffix(".rs") {
            // `#[path]` is relative to the directory of the file.
            Some(sibling) if !file.name.ends_with("/mod.rs") => {
                joined(&file.module[..file.module.len() - 1], &[sibling.to_owned()])
            }
            Some(child) => joined(&file.module, &[child.to_owned()]),
            None => joined(&file.module, std::slice::from_ref(name)),
        })
        .collect()
}

/// All modules, and the names that they import.
struct Names<'a> {
    /// The index of the file of each module.
    modules: HashMap<Path, usize>,
    /// The path of each imported name, by module and name.
    imported: BTreeMap<(Path, &'a str), &'a Path>,
}

impl<'a> Names<'a> {
    fn of(files: &'a [File]) -> Self {
        let mut names = Self { modules: HashMap::new(), imported: BTreeMap::new() };
        for (index, file) in files.iter().enumerate() {
            names.modules.insert(file.module.clone(), index);
            for inline in &file.source.inline_modules {
                names.modules.insert(joined(&file.module, inline), index);
            }
            for item in &file.source.uses {
                names.imported.insert((joined(&file.module, &item.within), &item.name), &item.path);
            }
        }
        names
    }

    /// The file that defines the target of a path, and the name within this file; no name if the target is a module.
    fn resolve(&self, module: &[String], path: &[String], steps: usize) -> Option<(usize, Option<String>)> {
        let absolute = self.absolute(module, path, steps)?;
        let length =
            (1..=absolute.len()).rev().find(|&length| self.modules.contains_key(&absolute[..length]))?;
        let (owner, rest) = absolute.split_at(length);
        let file = self.modules[owner];
        let Some(name) = rest.first() else { return Some((file, None)) };
        match self.imported.get(&(owner.to_vec(), name.as_str())) {
            Some(path) if steps > 0 => {
                let (file, inner) = self.resolve(owner, &joined(path, &rest[1..]), steps - 1)?;
                Some((file, inner.or_else(|| rest.get(1).map(|_| name.clone()))))
            }
            _ => Some((file, Some(rest.join("::")))),
        }
    }

    /// The same path from the root of its crate; `None` for an external crate.
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
            name => match self.imported.get(&(module.to_vec(), name)) {
                Some(path) if steps > 0 && path.first() != Some(first) => {
                    self.absolute(module, &joined(path, rest), steps - 1)
                }
                _ => self.modules.contains_key(&path[..1]).then(|| path.to_vec()),
            },
        }
    }
}

/// The import cycles: groups of at least two files that all import each other, directly or indirectly. `imports` has
/// pairs of importing and imported files.
pub fn cycles(count: usize, imports: &BTreeSet<(usize, usize)>) -> BTreeSet<Vec<usize>> {
    let reachable: Vec<BTreeSet<usize>> = (0..count).map(|from| reachable(from, imports)).collect();
    let cycle = |file: usize| -> Vec<usize> {
        (0..count)
            .filter(|other| reachable[file].contains(other) && reachable[*other].contains(&file))
            .collect()
    };
    (0..count).map(cycle).filter(|cycle| cycle.len() > 1).collect()
}

fn reachable(from: usize, imports: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        open.extend(
            imports.range((file, 0)..=(file, usize::MAX)).map(|(_, to)| to).filter(|to| found.insert(**to)),
        );
    }
    found
}
