//! Sources as the rules look at them: without comments, tests told apart from the product.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One file.
pub(crate) struct Source {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    /// How many lines there are.
    pub(crate) lines: usize,
    /// Its lines, comments blanked out.
    pub(crate) code: Vec<String>,
}

/// One function.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
    pub(crate) body: Vec<String>,
}

/// The text of a file of the project.
pub(crate) fn read_source(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

impl Source {
    /// A file of the product, up to its tests.
    pub(crate) fn read(path: &str) -> Self {
        let text = read_source(path);
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = product.lines().map(without_comment).collect();
        Self { path: path.to_owned(), lines: text.lines().count(), code }
    }

    /// All of a file.
    fn whole(path: &str) -> Self {
        let text = read_source(path);
        let code: Vec<String> = text.lines().map(without_comment).collect();
        Self { path: path.to_owned(), lines: code.len(), code }
    }

    /// The first segments after `crate::`, also in braces.
    pub(crate) fn modules_used(&self) -> BTreeSet<String> {
        let text = self.code.join("\n");
        let mut used = BTreeSet::new();
        for rest in text.split("crate::").skip(1) {
            let Some(group) = rest.strip_prefix('{') else {
                used.extend(first_name(rest));
                continue;
            };
            let mut depth = 0;
            let mut start = true;
            for (at, c) in group.char_indices() {
                match c {
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    '{' => depth += 1,
                    ',' if depth == 0 => start = true,
                    c if start && !c.is_whitespace() => {
                        used.extend(first_name(&group[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        }
        used
    }
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    Some(name).filter(|name| !name.is_empty())
}

fn without_comment(line: &str) -> String {
    // Two slashes in a text, as in a URL, have no space before them.
    let code =
        if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) };
    code.to_owned()
}

/// A line without what stands in double quotes.
pub(crate) fn outside_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// Whether `name` stands in a line as a word of its own.
pub(crate) fn names(line: &str, name: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
}

/// The paths of all Rust files below a directory.
pub(crate) fn rust_files(directory: &str) -> Vec<String> {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut found = Vec::new();
    for entry in fs::read_dir(whole).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{directory}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(rust_files(&path));
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

/// Everything that is written by hand.
pub(crate) fn all() -> Vec<Source> {
    let directories = ["src", "xtask", "tests"];
    directories.iter().flat_map(|directory| rust_files(directory)).map(|path| Source::whole(&path)).collect()
}

/// What becomes part of the program.
pub(crate) fn product() -> Vec<Source> {
    rust_files("src")
        .into_iter()
        .filter(|path| {
            !path.ends_with("/tests.rs") && !path.contains("/tests/") && !path.ends_with("/testing.rs")
        })
        .map(|path| Source::read(&path))
        .collect()
}

/// The functions of a file, as rustfmt lays them out: the body ends at a brace as deep as its first line.
pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let mut found = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let whole_in_a_line = line.ends_with('}') || line.ends_with(';');
        let end = source.code[index..].iter().position(|line| *line == format!("{indent}}}"));
        let length = if whole_in_a_line { 1 } else { end.map_or(1, |end| end + 1) };
        let body = source.code[index..index + length].to_vec();
        found.push(Function { name, lines: length, body });
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("fn ")?;
    let words = before.split_whitespace();
    let modifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", "extern"];
    words.into_iter().all(|word| modifiers.contains(&word)).then(|| first_name(rest)).flatten()
}

/// The names of the public functions of `Store`.
pub(crate) fn functions_of_the_store() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in rust_files("src/store") {
        let mut inside = false;
        for line in Source::read(&path).code {
            match line.as_str() {
                "impl Store {" => inside = true,
                "}" => inside = false,
                _ => {}
            }
            if inside && line.starts_with("    pub ") {
                found.extend(function_name(&line));
            }
        }
    }
    found
}
