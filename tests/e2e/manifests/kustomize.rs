//! Patches: those that are here, and those that the README shows.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::generated::read;
use super::render::{kind, list, objects, over};
use crate::shell::root;

/// The files below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// kubectl 1.32 ends in a panic at a file of patches that deletes two objects; one patch in a kustomization deletes one.
#[test]
fn no_file_of_patches_deletes_several_objects() {
    let mut found = Vec::new();
    files(&root().join("deploy/kubernetes"), &mut found);
    let mut deletions = 0;
    for path in found.iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let text = std::fs::read_to_string(path).unwrap();
        let here = text.lines().filter(|line| line.trim() == "$patch: delete").count();
        assert!(here <= 1, "{}: {here} deletions", path.display());
        deletions += text.matches("$patch: delete").count();
    }
    assert!(deletions > 10, "only {deletions} deletions were found");
}

/// The patches that deploy/kubernetes/README.md shows, as parts of a kustomization. Some stand below an item of a list.
fn shown() -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for line in read("deploy/kubernetes/README.md").lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim()) {
            (None, "```yaml") => open = Some((indent, String::new())),
            (Some(_), "```") => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => block.extend([line.get(*indent..).unwrap_or(""), "\n"]),
            (None, _) => {}
        }
    }
    blocks.into_iter().filter(|block| block.starts_with("patches:")).collect()
}

/// They change what they are said to change, in the overlay that people copy.
#[test]
fn patches_of_the_readme_fit() {
    let shown = shown();
    assert_eq!(shown.len(), 3, "{shown:?}");
    let all: Vec<_> = shown.iter().flat_map(|patches| objects(&over("production", patches))).collect();
    let labelled = all.iter().filter(|object| object["metadata"]["labels"]["release"].is_string());
    let mut kinds: Vec<&str> = labelled.map(kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["PrometheusRule", "ServiceMonitor"]);
    let mut doors = Vec::new();
    let mut names = Vec::new();
    for object in all.iter().filter(|object| kind(object) == "NetworkPolicy") {
        let rules = &object["spec"];
        match object["metadata"]["name"].as_str().unwrap() {
            "roster-ingress" => doors.push(rules["ingress"][0]["from"].clone()),
            "roster-dns" => names.push(list(&rules["egress"]).len()),
            _ => {}
        }
    }
    assert!(doors.contains(&json!([{ "ipBlock": { "cidr": "192.0.2.0/24" } }])), "{doors:?}");
    assert_eq!(names, [1, 1, 3]);
}
