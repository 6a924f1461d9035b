//! An overlay of the tests' own, over the one for laptops.

use std::path::{Component, Path};

use super::cluster::kubectl_with;
use crate::shell::{root, told};

/// What a kustomization in a directory of the tests' own says about an overlay of the project.
pub(crate) struct Overlay<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) image: &'a str,
    /// More of the kustomization: patches in YAML, each an item of a list.
    pub(crate) patches: &'a str,
}

impl Overlay<'_> {
    pub(crate) fn apply(&self) {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        self.write(directory.path());
        apply(directory.path());
    }

    fn write(&self, directory: &Path) {
        let base = format!("{}/overlays/local", manifests_from(directory));
        let (name, tag) = self.image.split_once(':').unwrap();
        let Self { namespace, patches, .. } = self;
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {namespace}\n\
             resources: [{base}]\nimages: [{{name: roster, newName: {name}, newTag: {tag}}}]\n\
             transformers: [release.yaml]\n\
             configMapGenerator: [{{name: roster-issuers, behavior: replace, files: [issuers.toml]}}]\n\
             patches:\n{INGRESS}{patches}"
        );
        // A Job's template does not change: another image wants another name.
        let release = format!(
            "apiVersion: builtin\nkind: SuffixTransformer\nmetadata: {{name: release}}\nsuffix: -{tag}\n\
             fieldSpecs: [{{kind: Job, path: metadata/name}}]\n"
        );
        let issuers = root().join("deploy/kubernetes/components/cluster-issuer/issuers.toml");
        let issuers = std::fs::read_to_string(issuers).unwrap();
        let issuers = issuers.replace("serviceaccount:roster:", &format!("serviceaccount:{namespace}:"));
        let kustomization = kustomization.replace("HOST", &host(namespace));
        for (file, text) in
            [("kustomization.yaml", kustomization), ("release.yaml", release), ("issuers.toml", issuers)]
        {
            std::fs::write(directory.join(file), text).unwrap();
        }
    }
}

/// Applies a directory as a person would, and refuses warnings.
pub(crate) fn apply(directory: &Path) {
    let arguments = ["apply", "--server-side", "--force-conflicts", "-k", directory.to_str().unwrap()];
    let output = kubectl_with(&arguments, "");
    let warned = String::from_utf8_lossy(&output.stderr).contains("Warning");
    // An object that is refused is told of at length.
    let text: Vec<String> = told(&output).lines().map(|line| line.chars().take(300).collect()).collect();
    assert!(output.status.success() && !warned, "{}", text.join("\n"));
}

/// The way from a directory to deploy/kubernetes: Kustomize takes no absolute paths.
pub(crate) fn manifests_from(directory: &Path) -> String {
    let depth = directory.components().filter(|part| matches!(part, Component::Normal(_))).count();
    let manifests = root().join("deploy/kubernetes");
    format!("{}{}", "../".repeat(depth), manifests.strip_prefix("/").unwrap().display())
}

/// Two namespaces with one host would share its requests.
const INGRESS: &str = "- target: {kind: Ingress, name: roster}\n  patch: '[{\"op\": \"replace\", \"path\": \
                       \"/spec/rules/0/host\", \"value\": \"HOST\"}]'\n";

pub(crate) fn host(namespace: &str) -> String {
    format!("{namespace}.local")
}
