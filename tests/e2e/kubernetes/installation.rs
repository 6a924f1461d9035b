//! The application in a cluster, by the overlay for laptops in a namespace of the tests' own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Component, Path};
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{address_of, ask, items, kubectl, kubectl_with, load_image};
use crate::shell::{eventually, root, run, told};

/// The namespace in which most tests run, one after the other; `cargo xtask e2e kubernetes` removes it.
const NAMESPACE: &str = "roster-e2e";
/// The image of this commit in the local engine.
pub(crate) const IMAGE: &str = "roster:dev";
/// How long anything may take that has to be started.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);

static OLD_JOBS: Once = Once::new();

/// One installation, which outlives this value: the next test goes on with it.
pub(crate) struct Installation {
    pub(crate) namespace: String,
    /// Two names of the same program.
    pub(crate) images: [String; 2],
    /// An admin's.
    pub(crate) token: String,
}

/// The image of the local engine under a name that says what is in it, on all nodes.
pub(crate) fn loaded(image: &str, suffix: &str) -> String {
    let id = run("docker", &["image", "inspect", "--format", "{{.Id}}", image]);
    let id = id.trim_start_matches("sha256:").get(..12).unwrap().to_owned();
    let name = format!("{}:e2e-{id}{suffix}", image.split(':').next().unwrap());
    run("docker", &["tag", image, &name]);
    load_image(&name);
    name
}

/// What a kustomization in a directory of the tests' own says about an overlay of the project.
pub(crate) struct Overlay<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) image: &'a str,
    /// More of the kustomization: patches in YAML, each an item of a list.
    pub(crate) patches: &'a str,
}

impl Overlay<'_> {
    /// Applies it as a person would, and refuses warnings.
    pub(crate) fn apply(&self) {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        self.write(directory.path());
        let path = directory.path().to_str().unwrap();
        let arguments = ["apply", "--server-side", "--force-conflicts", "-k", path];
        let output = kubectl_with(&arguments, "");
        let warned = String::from_utf8_lossy(&output.stderr).contains("Warning");
        // An object that is refused is told of at length.
        let text: Vec<String> = told(&output).lines().map(|line| line.chars().take(300).collect()).collect();
        assert!(output.status.success() && !warned, "{}", text.join("\n"));
    }

    fn write(&self, directory: &Path) {
        let overlay = root().join("deploy/kubernetes/overlays/local");
        // Kustomize takes no absolute paths.
        let depth = directory.components().filter(|part| matches!(part, Component::Normal(_))).count();
        let base = format!("{}{}", "../".repeat(depth), overlay.strip_prefix("/").unwrap().display());
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

/// Two namespaces with one host would share its requests.
const INGRESS: &str = "- target: {kind: Ingress, name: roster}\n  patch: '[{\"op\": \"replace\", \"path\": \
                       \"/spec/rules/0/host\", \"value\": \"HOST\"}]'\n";

fn host(namespace: &str) -> String {
    format!("{namespace}.local")
}

impl Installation {
    /// Brings it into the cluster, or back to how it was if a test left it; it is ready then.
    pub(crate) fn ready() -> Self {
        let images = ["", "-b"].map(|suffix| loaded(IMAGE, suffix));
        let roster = Self::secrets(NAMESPACE, images);
        let fresh = roster.pods().is_empty();
        // Of manifests that may have changed since an earlier run; and templates of Jobs do not.
        OLD_JOBS.call_once(|| drop(roster.kubectl(&["delete", "jobs", "--all"])));
        let start = Instant::now();
        roster.apply(&roster.images[0]);
        if fresh {
            eventually(LIMIT, "the first 200 through the Ingress", || roster.get("/users").is_some());
            println!(
                "first 200 through the Ingress: {:.1} s after kubectl apply -k",
                start.elapsed().as_secs_f64()
            );
        }
        roster.rolled_out();
        roster.settled();
        roster
    }

    /// Takes everything away and begins anew.
    pub(crate) fn afresh(self) -> Self {
        kubectl(&["delete", "namespace", &self.namespace, "--timeout=180s"]);
        Self::ready()
    }

    /// Makes the namespace and the Secrets.
    pub(crate) fn secrets(namespace: &str, images: [String; 2]) -> Self {
        run("sh", &["deploy/kubernetes/make-secrets", namespace]);
        let path = "go-template={{index .data \"first-token\" | base64decode}}";
        let token = kubectl(&["get", "secret", "roster", "--namespace", namespace, "--output", path]);
        Self { namespace: namespace.to_owned(), images, token }
    }

    /// Applies the overlay with an image.
    pub(crate) fn apply(&self, image: &str) {
        Overlay { namespace: &self.namespace, image, patches: "" }.apply();
    }

    /// kubectl in this namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&[&["--namespace", &self.namespace][..], arguments].concat())
    }

    /// What kubectl answers in this namespace.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        ask(&[&["--namespace", &self.namespace][..], arguments].concat())
    }

    /// Waits until a rollout has ended.
    pub(crate) fn rolled_out(&self) {
        self.kubectl(&["rollout", "status", "deployment/roster", "--timeout=180s"]);
    }

    /// Waits until no pod of the application is on its way, in or out.
    pub(crate) fn settled(&self) -> Duration {
        eventually(LIMIT, "all pods ready and none going", || {
            let deployment = self.ask(&["get", "deployment", "roster"]);
            let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
            let available = deployment["status"]["availableReplicas"].as_u64().unwrap_or(0);
            let pods = self.pods();
            let going = pods.iter().any(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
            available == wanted && pods.len() as u64 == wanted && !going
        })
    }

    /// The application's pods.
    pub(crate) fn pods(&self) -> Vec<Value> {
        let list = self.ask(&["get", "pods", "--selector", "app.kubernetes.io/name=roster"]);
        items(&list).to_vec()
    }

    /// Sees to it that not all pods run on one node, which the scheduler only promises for pods that are made together.
    pub(crate) fn spread(&self) {
        let nodes =
            || self.pods().iter().map(|pod| pod["spec"]["nodeName"].to_string()).collect::<BTreeSet<_>>();
        if nodes().len() < 2 {
            self.kubectl(&["rollout", "restart", "deployment/roster"]);
            self.rolled_out();
            self.settled();
        }
        assert!(nodes().len() > 1, "all pods of Roster run on one node");
    }

    /// The node of the database.
    pub(crate) fn database_node(&self) -> String {
        let pod = ["get", "pod", "roster-database-0", "--output", "jsonpath={.spec.nodeName}"];
        self.kubectl(&pod)
    }

    /// `HOST:PORT` of the Ingress, on a node if there is one for it.
    pub(crate) fn ingress(&self, node: Option<&str>) -> String {
        let mut all = Vec::new();
        eventually(LIMIT, "the Ingress has an address", || {
            let status = &self.ask(&["get", "ingress", "roster"])["status"]["loadBalancer"]["ingress"];
            let addresses = status.as_array().into_iter().flatten();
            all = addresses
                .filter_map(|one| one["ip"].as_str().or(one["hostname"].as_str()))
                .map(str::to_owned)
                .collect();
            !all.is_empty()
        });
        let wanted = node.map(address_of);
        let found = all.iter().find(|address| Some(*address) == wanted.as_ref());
        found.unwrap_or(&all[0]).clone()
    }

    /// The host of the Ingress.
    pub(crate) fn host(&self) -> String {
        host(&self.namespace)
    }

    /// The body of a 200 through the Ingress.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        self.answer(path).filter(|(status, _)| *status == 200).map(|(_, body)| body)
    }

    /// Status and body through the Ingress, if there is an answer.
    pub(crate) fn answer(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.send("GET", path, None)?;
        Some((answer.status, answer.body))
    }

    /// Sends a request, with a body in JSON or none, through the Ingress.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> Option<Answer> {
        let url = format!("http://{}{path}", self.ingress(None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client =
                reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
            let mut request = client.request(method.parse().unwrap(), url).header("Host", self.host());
            if let Some(body) = body {
                let kind =
                    if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
                request = request.body(body.to_string()).header("Content-Type", kind);
            }
            let response = request.bearer_auth(&self.token).send().await.ok()?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Some(Answer { status, headers, body: response.text().await.ok()? })
        })
    }

    /// Names of all users.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut body = None;
        eventually(LIMIT, "the list of all users", || {
            body = self.get("/users");
            body.is_some()
        });
        let users: Vec<Value> = serde_json::from_str(&body.unwrap()).unwrap();
        users.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
    }

    /// What `/readyz`, `/livez` or `/metrics` of one pod answers, by way of the API server.
    pub(crate) fn ops(&self, pod: &str, path: &str) -> (bool, String) {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:9090/proxy{path}", self.namespace);
        let output = kubectl_with(&["get", "--raw", &path], "");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        let _ = write!(text, "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Another number of replicas.
    pub(crate) fn scale(&self, replicas: usize) {
        self.kubectl(&["scale", "deployment/roster", &format!("--replicas={replicas}")]);
        self.settled();
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

/// The name of an object.
pub(crate) fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}
