//! Reads the imports of one source file from its tokens, without comments, strings and `#[cfg(test)]` items.
//!
//! Owns the parsing. It reads tokens because a syntax tree does not show paths inside macro calls. Must not know which
//! file defines a name: `imports.rs` does.

use std::collections::HashSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The segments of a path.
pub type Path = Vec<String>;

/// A name that a `use` item imports.
#[derive(Debug)]
pub struct Use {
    /// The enclosing inline modules, outermost first.
    pub within: Path,
    pub path: Path,
    /// `*` for a glob import.
    pub name: String,
    /// Whether the item has any `pub`, so that it may be only a re-export.
    pub is_public: bool,
}

/// The modules, imports and paths of one file.
#[derive(Debug, Default)]
pub struct Source {
    pub uses: Vec<Use>,
    /// Paths outside of `use` items, each after its enclosing inline modules.
    pub paths: Vec<(Path, Path)>,
    pub inline_modules: Vec<Path>,
    /// The modules of `#[cfg(test)] mod name;`: the name, or the file of `#[path]`.
    pub test_modules: Vec<String>,
    /// All identifiers outside of `use` and `mod name;` items.
    pub identifiers: HashSet<String>,
}

impl Source {
    pub fn of(text: &str) -> Self {
        let mut source = Self::default();
        let stream: TokenStream = text.parse().expect("the compiler accepts the file");
        source.read(&tokens(stream), &Vec::new());
        source
    }

    fn read(&mut self, tokens: &[TokenTree], within: &Path) {
        let mut at = 0;
        while at < tokens.len() {
            at = self.read_one(tokens, at, within);
        }
    }

    /// Reads the item at one token; returns the position of the next item.
    fn read_one(&mut self, tokens: &[TokenTree], at: usize, within: &Path) -> usize {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => self.read_attributes(tokens, at, within),
            TokenTree::Group(group) => {
                self.read(&self::tokens(group.stream()), within);
                at + 1
            }
            TokenTree::Ident(ident) if ident == "use" && !is_punct(tokens.get(at + 1), '<') => {
                let end = position(tokens, at, |token| is_punct(Some(token), ';'));
                self.read_use(&tokens[at + 1..end], &Vec::new(), within, is_public(&tokens[..at]));
                end + 1
            }
            TokenTree::Ident(ident) if ident == "mod" => self.read_module(tokens, at, within),
            TokenTree::Ident(_) => self.read_path(tokens, at, within),
            _ => at + 1,
        }
    }

    fn read_attributes(&mut self, tokens: &[TokenTree], at: usize, within: &Path) -> usize {
        let (mut end, mut is_test, mut file) = (at, false, None);
        while is_punct(tokens.get(end), '#') {
            end += 1 + usize::from(is_punct(tokens.get(end + 1), '!'));
            let Some(TokenTree::Group(group)) = tokens.get(end) else { return end };
            let attribute = self::tokens(group.stream());
            is_test |= is_cfg_test(&attribute);
            file = file.or_else(|| path_attribute(&attribute));
            self.read(&attribute, within);
            end += 1;
        }
        if !is_test {
            return end;
        }
        let item = position(tokens, end, |token| is_punct(Some(token), ';') || is_braced(token));
        let words: Vec<String> = tokens[end..item].iter().map(ToString::to_string).collect();
        if let [.., keyword, name] = &words[..]
            && keyword == "mod"
            && !tokens.get(item).is_some_and(is_braced)
        {
            self.test_modules.push(file.unwrap_or_else(|| name.clone()));
        }
        item + 1
    }

    fn read_module(&mut self, tokens: &[TokenTree], at: usize, within: &Path) -> usize {
        if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
            (tokens.get(at + 1), tokens.get(at + 2))
        {
            let inner = joined(within, &[name.to_string()]);
            self.inline_modules.push(inner.clone());
            self.read(&self::tokens(body.stream()), &inner);
        }
        at + 3
    }

    fn read_path(&mut self, tokens: &[TokenTree], at: usize, within: &Path) -> usize {
        let (path, end) = path_from(tokens, at);
        self.identifiers.extend(path.iter().cloned());
        let is_global = at >= 2 && is_colons(tokens, at - 2);
        if path.len() > 1 && !is_global {
            self.paths.push((within.clone(), path));
        }
        end
    }

    fn read_use(&mut self, tokens: &[TokenTree], before: &Path, within: &Path, is_public: bool) {
        for tree in tokens.split(|token| is_punct(Some(token), ',')).filter(|tree| !tree.is_empty()) {
            let (segments, end) = path_from(tree, 0);
            let mut path = joined(before, &segments);
            if let Some(TokenTree::Group(group)) = tree.last() {
                self.read_use(&self::tokens(group.stream()), &path, within, is_public);
                continue;
            }
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let renamed = matches!(tree.get(end), Some(TokenTree::Ident(ident)) if ident == "as");
            let name =
                if renamed { tree.get(end + 1).map(ToString::to_string) } else { path.last().cloned() };
            let name = if is_punct(tree.last(), '*') { "*".to_owned() } else { name.unwrap_or_default() };
            self.uses.push(Use { within: within.clone(), path, name, is_public });
        }
    }
}

pub fn joined(first: &[String], second: &[String]) -> Path {
    [first, second].concat()
}

fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

/// The position of the first matching token, or the end.
fn position(tokens: &[TokenTree], from: usize, matches: impl Fn(&TokenTree) -> bool) -> usize {
    tokens[from..].iter().position(matches).map_or(tokens.len(), |offset| from + offset)
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

fn is_braced(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The path that begins at a token, and the position after it.
fn path_from(tokens: &[TokenTree], mut at: usize) -> (Path, usize) {
    let mut path = Path::new();
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        path.push(ident.to_string());
        if !is_colons(tokens, at + 1) {
            return (path, at + 1);
        }
        at += 3;
    }
    (path, at)
}

/// Whether the tokens end with `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    let is_pub = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(ident)) if ident == "pub");
    is_pub(before.last())
        || matches!(before, [.., keyword, TokenTree::Group(_)] if is_pub(Some(keyword)) && !before.last().is_some_and(is_braced))
}

/// `cfg(test)` and `cfg(all(test, …))`, but not `cfg(not(test))` or `cfg(any(test, …))`.
fn is_cfg_test(attribute: &[TokenTree]) -> bool {
    let [TokenTree::Ident(cfg), TokenTree::Group(condition)] = attribute else { return false };
    let condition = tokens(condition.stream());
    cfg == "cfg"
        && (is_test(&condition)
            || matches!(&condition[..], [TokenTree::Ident(all), TokenTree::Group(parts)] if all == "all" && is_test(&tokens(parts.stream()))))
}

fn is_test(condition: &[TokenTree]) -> bool {
    condition
        .split(|token| is_punct(Some(token), ','))
        .any(|part| matches!(part, [TokenTree::Ident(test)] if test == "test"))
}

/// The file of `#[path = "…"]`.
fn path_attribute(attribute: &[TokenTree]) -> Option<String> {
    match attribute {
        [TokenTree::Ident(path), _, TokenTree::Literal(file)] if path == "path" => {
            Some(file.to_string().trim_matches('"').to_owned())
        }
        _ => None,
    }
}
