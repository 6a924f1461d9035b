//! `cargo xtask kind`: a Kubernetes of three containers, with what the end-to-end tests ask of a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say};
use crate::tools::GoTool;

const USAGE: &str = "usage: cargo xtask kind up|env|down";
/// The name of the cluster, as in deploy/kubernetes/kind.yaml.
const CLUSTER: &str = "roster";
/// Its version brings the node's image, named by digest.
const KIND: GoTool =
    GoTool { name: "kind", package: "sigs.k8s.io/kind", version: "v0.33.0", ask: &["version"] };

// Manifests come out of Go modules: fetched by version, and checked against the public log of checksums.
/// The version that Traefik of deploy/kubernetes/kind-addons.yaml is built with.
const GATEWAY_API: &str = "sigs.k8s.io/gateway-api@v1.6.1";
const PROMETHEUS_OPERATOR: &str = "github.com/prometheus-operator/prometheus-operator@v0.85.0";
const METRICS_SERVER: &str = "sigs.k8s.io/metrics-server@v0.9.0";
const MONITORING_KINDS: [&str; 3] = ["podmonitors", "prometheusrules", "servicemonitors"];
/// The kubelets of kind sign their own certificates.
const INSECURE: &str = r#"[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kubelet-insecure-tls"}]"#;

/// Starts the cluster, prints the settings that name it, or deletes it.
///
/// # Errors
/// The usage is wrong, a tool is missing, or the cluster does not come up.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let kubeconfig = workspace.target.join("kind/kubeconfig");
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => up(workspace, &kubeconfig),
        ["env"] => {
            let tools = workspace.target.join("tools/bin");
            say(&format!("export KUBECONFIG='{}'", kubeconfig.display()));
            say(&format!("export KIND_CLUSTER_NAME={CLUSTER}"));
            say(&format!("export PATH='{}':\"$PATH\"", tools.display()));
            Ok(())
        }
        ["down"] => {
            let kind = KIND.find_or_install(workspace)?;
            shell::run(Command::new(kind).args(["delete", "cluster", "--name", CLUSTER]))
        }
        _ => Err(Failure::usage(USAGE)),
    }
}

fn up(workspace: &Workspace, kubeconfig: &Path) -> Result<(), Failure> {
    for (program, package) in [("docker", "Docker"), ("kubectl", "kubectl"), ("go", "Go")] {
        if shell::find_in_path(&[program]).is_none() {
            return Err(Failure::missing(format!("{package} is missing: the cluster is made with it")));
        }
    }
    let kind = KIND.find_or_install(workspace)?;
    let clusters = shell::ask(&kind.to_string_lossy(), &["get", "clusters"]).unwrap_or_default();
    if !clusters.lines().any(|name| name == CLUSTER) {
        let mut create = Command::new(&kind);
        create.args(["create", "cluster", "--config", "deploy/kubernetes/kind.yaml", "--wait", "180s"]);
        shell::run(create.arg("--kubeconfig").arg(kubeconfig).current_dir(&workspace.root))?;
    }
    add(workspace, kubeconfig)?;
    say("the cluster is up: eval \"$(cargo xtask kind env)\"");
    Ok(())
}

/// The kinds of the Gateway API and of the Prometheus operator, metrics-server, and what kind-addons.yaml has.
fn add(workspace: &Workspace, kubeconfig: &Path) -> Result<(), Failure> {
    let kubectl = |args: &[&str]| {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(kubeconfig).args(args).current_dir(&workspace.root);
        shell::run(&mut command)
    };
    // On the server, since kinds this large do not fit an annotation; by force, since a second `up` takes back the patch.
    let apply = |option: &str, path: &Path| {
        kubectl(&["apply", "--server-side", "--force-conflicts", option, &path.to_string_lossy()])
    };
    apply("--filename", &module(GATEWAY_API)?.join("config/crd/standard"))?;
    let monitoring = module(PROMETHEUS_OPERATOR)?.join("example/prometheus-operator-crd");
    for name in MONITORING_KINDS {
        apply("--filename", &monitoring.join(format!("monitoring.coreos.com_{name}.yaml")))?;
    }
    apply("--kustomize", &module(METRICS_SERVER)?.join("manifests/overlays/release"))?;
    apply("--filename", Path::new("deploy/kubernetes/kind-addons.yaml"))?;
    let system = ["--namespace", "kube-system"];
    kubectl(
        &[&system[..], &["patch", "deployment/metrics-server", "--type=json", "--patch", INSECURE]].concat(),
    )?;
    for name in ["deployment/metrics-server", "deployment/traefik"] {
        kubectl(&[&system[..], &["rollout", "status", name, "--timeout=180s"]].concat())?;
    }
    Ok(())
}

/// The directory of a Go module, fetched if it is not there yet.
fn module(name: &str) -> Result<PathBuf, Failure> {
    let mut download = Command::new("go");
    download.args(["mod", "download", "-json", name]).current_dir(std::env::temp_dir());
    let answer = shell::stdout_of(&mut download)?;
    let answer = String::from_utf8_lossy(&answer);
    let directory = answer.lines().find_map(directory);
    directory.map(PathBuf::from).ok_or_else(|| Failure::new(format!("Go does not say where {name} is")))
}

/// The value of a line `"Dir": "…",`.
fn directory(line: &str) -> Option<&str> {
    line.trim().strip_prefix("\"Dir\": \"")?.trim_end_matches(',').strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_has_the_name_of_its_configuration() {
        let workspace = Workspace::locate().ok().unwrap();
        let text = std::fs::read_to_string(workspace.root.join("deploy/kubernetes/kind.yaml")).unwrap();
        assert!(text.lines().any(|line| line == format!("name: {CLUSTER}")));
        assert_eq!(text.lines().filter(|line| line.trim() == "- role: worker").count(), 2);
    }

    #[test]
    fn a_module_s_directory_is_read_from_what_go_says() {
        assert_eq!(directory("\t\"Dir\": \"/go/pkg/mod/a@v1.0.0\","), Some("/go/pkg/mod/a@v1.0.0"));
        assert_eq!(directory("\t\"GoMod\": \"/go/a.mod\","), None);
    }
}
