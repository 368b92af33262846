//! A simulated disk: which states a power failure can leave after recorded operations.
//!
//! Without a sync, an operation may reach the disk or not. Two models of file systems are simulated, after Pillai et al., "All
//! file systems are not created equal" (OSDI 2014):
//!
//! - [`FileSystem::Journal`], as ext4 with ordered data: changes of directories reach the disk in their order; any sync writes
//!   all of them that came before.
//! - [`FileSystem::Minimal`], what POSIX promises and no more: changes of directories reach the disk in any order, and only the
//!   sync of a directory writes its own. One assumption is added: a rename or an exchange happens entirely or not at all.
//!
//! In both, the content of a file that was not synced is there, missing, cut off or zeros. Must not know what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

use crate::fs::recording::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileSystem {
    Journal,
    Minimal,
}

/// The number of a file or directory, which a rename keeps.
type Node = usize;

const ROOT: Node = 0;

#[derive(Debug, Clone)]
enum Content {
    File(Vec<u8>),
    Directory(BTreeMap<String, Node>),
}

/// One change that the disk makes entirely or not at all, or a sync.
#[derive(Debug, Clone)]
enum Step {
    /// Entries of directories; `None` removes one.
    Entries(Vec<(Node, String, Option<Node>)>),
    Data(Node, Vec<u8>),
    Sync(Node),
}

/// A file tree: the content of each file, `None` for a directory.
pub(super) type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// What is on a disk before some operations, and their steps.
pub(super) struct Disk {
    before: Vec<Content>,
    after: Vec<Content>,
    steps: Vec<Step>,
}

impl Disk {
    /// Reads the tree below `root`, all of which is on the disk.
    pub(super) fn read(root: &Path) -> Self {
        let mut nodes = vec![Content::Directory(BTreeMap::new())];
        read(root, ROOT, &mut nodes);
        Self { before: nodes.clone(), after: nodes, steps: Vec::new() }
    }

    /// Adds the recorded operations of paths below `root`.
    pub(super) fn run(&mut self, root: &Path, operations: &[Operation]) {
        let names = |path: &Path| -> Vec<String> {
            let below = path.strip_prefix(root).expect("a path below the root").components();
            below
                .map(|name| match name {
                    Component::Normal(name) => name.to_str().expect("text").to_owned(),
                    other => unreachable!("{other:?}"),
                })
                .collect()
        };
        for operation in operations {
            match operation {
                Operation::CreateFile(path) => self.create(&names(path), Content::File(Vec::new())),
                Operation::CreateDirectory(path) => {
                    self.create(&names(path), Content::Directory(BTreeMap::new()));
                }
                Operation::Write(path, bytes) => {
                    let node = self.find(&names(path)).expect("it exists");
                    self.add(Step::Data(node, bytes.clone()));
                }
                Operation::SyncFile(path) | Operation::SyncDirectory(path) => {
                    let node = self.find(&names(path)).expect("it exists");
                    self.add(Step::Sync(node));
                }
                Operation::Rename(from, to) => {
                    let (from, to) = (self.place(&names(from)), self.place(&names(to)));
                    let node = self.entry(&from);
                    assert!(node.is_some(), "{operation:?}");
                    self.add(Step::Entries(vec![(from.0, from.1, None), (to.0, to.1, node)]));
                }
                Operation::Exchange(one, other) => {
                    let (one, other) = (self.place(&names(one)), self.place(&names(other)));
                    let (first, second) = (self.entry(&one), self.entry(&other));
                    assert!(first.is_some() && second.is_some(), "{operation:?}");
                    self.add(Step::Entries(vec![(one.0, one.1, second), (other.0, other.1, first)]));
                }
                Operation::Remove(path) => {
                    let place = self.place(&names(path));
                    self.remove(place);
                }
            }
        }
    }

    /// The number of steps.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Leaves out the syncs of files or of directories: the states are then those of a program that forgot them.
    pub(super) fn without_syncs(mut self, of_directories: bool) -> Self {
        let Self { after, steps, .. } = &mut self;
        steps.retain(
            |step| !matches!(step, Step::Sync(node) if matches!(after[*node], Content::Directory(_)) == of_directories),
        );
        self
    }

    /// The trees that a power failure after `count` steps can leave, without repetitions: all of them, or a large choice where
    /// there are very many.
    pub(super) fn states(&self, count: usize, file_system: FileSystem) -> BTreeSet<Tree> {
        let steps = &self.steps[..count];
        let required: Vec<bool> = (0..count).map(|at| is_required(steps, at, file_system)).collect();
        let optional: Vec<usize> =
            (0..count).filter(|&at| !required[at] && matches!(steps[at], Step::Entries(_))).collect();
        let mut states = BTreeSet::new();
        for chosen in choices(optional.len(), file_system) {
            let taken = |at: usize| {
                required[at] || optional.iter().zip(&chosen).any(|(&other, &chosen)| other == at && chosen)
            };
            for (variant, damage) in DAMAGES.into_iter().enumerate() {
                // Two files of one state can be damaged in different ways.
                let damage_of = |at: usize, node: Node| {
                    if variant == DAMAGES.len() - 1 { DAMAGES[(at + node) % 4] } else { damage }
                };
                states.insert(self.tree(steps, &required, taken, damage_of));
            }
        }
        states
    }

    /// One of these trees. `below` draws a number below its argument.
    pub(super) fn state(
        &self,
        count: usize,
        file_system: FileSystem,
        mut below: impl FnMut(usize) -> usize,
    ) -> Tree {
        let steps = &self.steps[..count];
        let required: Vec<bool> = (0..count).map(|at| is_required(steps, at, file_system)).collect();
        let optional = (0..count).filter(|&at| !required[at] && matches!(steps[at], Step::Entries(_)));
        let optional: Vec<usize> = optional.collect();
        let end = below(optional.len() + 1);
        let chosen: BTreeSet<usize> = match file_system {
            FileSystem::Journal => optional[..end].iter().copied().collect(),
            FileSystem::Minimal => optional.into_iter().filter(|_| below(2) == 0).collect(),
        };
        let damages: Vec<Damage> = (0..count).map(|_| DAMAGES[below(DAMAGES.len())]).collect();
        self.tree(steps, &required, |at| required[at] || chosen.contains(&at), |at, _| damages[at])
    }

    /// The tree after the `taken` of these changes of directories, with damaged contents of files where they are not required.
    fn tree(
        &self,
        steps: &[Step],
        required: &[bool],
        taken: impl Fn(usize) -> bool,
        damage_of: impl Fn(usize, Node) -> Damage,
    ) -> Tree {
        let mut nodes = self.before.clone();
        nodes.extend(self.after[nodes.len()..].iter().map(empty));
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Entries(entries) if taken(at) => {
                    entries.iter().for_each(|entry| set(&mut nodes, entry));
                }
                Step::Data(node, bytes) if !required[at] => {
                    nodes[*node] = Content::File(damage_of(at, *node)(bytes));
                }
                Step::Data(node, bytes) => nodes[*node] = Content::File(bytes.clone()),
                Step::Entries(_) | Step::Sync(_) => {}
            }
        }
        let mut tree = Tree::new();
        collect(&nodes, ROOT, "", &mut tree);
        tree
    }

    fn create(&mut self, path: &[String], content: Content) {
        let (directory, name) = self.place(path);
        // Opening creates a file only if there is none.
        if self.entry(&(directory, name.clone())).is_none() {
            self.after.push(content);
            let node = self.after.len() - 1;
            self.add(Step::Entries(vec![(directory, name, Some(node))]));
        }
    }

    /// Entries go one by one, those of a directory before it.
    fn remove(&mut self, place: (Node, String)) {
        let node = self.entry(&place).expect("it exists");
        if let Content::Directory(entries) = self.after[node].clone() {
            entries.into_keys().for_each(|name| self.remove((node, name)));
        }
        self.add(Step::Entries(vec![(place.0, place.1, None)]));
    }

    fn add(&mut self, step: Step) {
        match &step {
            Step::Entries(entries) => entries.iter().for_each(|entry| set(&mut self.after, entry)),
            Step::Data(node, bytes) => self.after[*node] = Content::File(bytes.clone()),
            Step::Sync(_) => {}
        }
        self.steps.push(step);
    }

    fn find(&self, path: &[String]) -> Option<Node> {
        path.iter().try_fold(ROOT, |node, name| self.entry(&(node, name.clone())))
    }

    fn place(&self, path: &[String]) -> (Node, String) {
        let (name, parents) = path.split_last().expect("not the root");
        (self.find(parents).expect("its directory exists"), name.clone())
    }

    fn entry(&self, (directory, name): &(Node, String)) -> Option<Node> {
        match &self.after[*directory] {
            Content::Directory(entries) => entries.get(name).copied(),
            Content::File(_) => unreachable!("{name} in a file"),
        }
    }
}

/// Whether a sync among `steps` has written step `at`.
fn is_required(steps: &[Step], at: usize, file_system: FileSystem) -> bool {
    let later: BTreeSet<Node> = steps[at..]
        .iter()
        .filter_map(|step| match step {
            Step::Sync(node) => Some(*node),
            _ => None,
        })
        .collect();
    match (&steps[at], file_system) {
        (Step::Data(node, _), _) => later.contains(node),
        (Step::Entries(_), FileSystem::Journal) => !later.is_empty(),
        (Step::Entries(entries), FileSystem::Minimal) => {
            entries.iter().any(|(directory, ..)| later.contains(directory))
        }
        (Step::Sync(_), _) => true,
    }
}

type Damage = fn(&[u8]) -> Vec<u8>;

/// What can be left of a content that was not synced; the last one stands for different damages in one state.
const DAMAGES: [Damage; 5] = [
    |_| Vec::new(),
    |all| all[..all.len() / 2].to_vec(),
    |all| vec![0; all.len()],
    <[u8]>::to_vec,
    <[u8]>::to_vec,
];

/// Which of `count` optional changes are on the disk.
fn choices(count: usize, file_system: FileSystem) -> Vec<Vec<bool>> {
    let prefixes = (0..=count).map(|end| (0..count).map(|at| at < end).collect());
    if file_system == FileSystem::Journal {
        return prefixes.collect();
    }
    if count <= 10 {
        return (0..1usize << count).map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect()).collect();
    }
    let one =
        |present: bool| (0..count).map(move |only| (0..count).map(|at| (at == only) == present).collect());
    // A linear congruential generator is random enough, and the same in every run.
    let mut random = 1u64;
    let mut bit = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 63 == 1
    };
    let drawn: Vec<Vec<bool>> = (0..500).map(|_| (0..count).map(|_| bit()).collect()).collect();
    prefixes.chain(one(true)).chain(one(false)).chain(drawn).collect()
}

fn read(path: &Path, directory: Node, nodes: &mut Vec<Content>) {
    for entry in fs::read_dir(path).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("text").to_owned();
        let node = nodes.len();
        if path.is_dir() {
            nodes.push(Content::Directory(BTreeMap::new()));
            read(&path, node, nodes);
        } else {
            nodes.push(Content::File(fs::read(&path).expect("readable")));
        }
        set(nodes, &(directory, name, Some(node)));
    }
}

fn empty(content: &Content) -> Content {
    match content {
        Content::File(_) => Content::File(Vec::new()),
        Content::Directory(_) => Content::Directory(BTreeMap::new()),
    }
}

fn set(nodes: &mut [Content], (directory, name, node): &(Node, String, Option<Node>)) {
    let Content::Directory(entries) = &mut nodes[*directory] else { unreachable!("{name} in a file") };
    match node {
        Some(node) => entries.insert(name.clone(), *node),
        None => entries.remove(name),
    };
}

fn collect(nodes: &[Content], node: Node, path: &str, tree: &mut Tree) {
    match &nodes[node] {
        Content::File(bytes) => drop(tree.insert(path.to_owned(), Some(bytes.clone()))),
        Content::Directory(entries) => {
            tree.insert(path.to_owned(), None);
            entries.iter().for_each(|(name, &node)| collect(nodes, node, &format!("{path}/{name}"), tree));
        }
    }
}

/// Writes a tree into an empty directory.
#[allow(clippy::disallowed_methods, reason = "it makes the state after a crash")]
pub(super) fn write(tree: &Tree, root: &Path) {
    for (path, content) in tree.iter().filter(|(path, _)| !path.is_empty()) {
        let path = root.join(&path[1..]);
        match content {
            None => fs::create_dir(path).expect("created"),
            Some(bytes) => fs::write(path, bytes).expect("written"),
        }
    }
}
