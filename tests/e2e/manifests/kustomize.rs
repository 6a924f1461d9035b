//! What the Kustomize of an older kubectl falls over.

use std::path::{Path, PathBuf};

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
