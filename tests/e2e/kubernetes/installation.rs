//! The application in a cluster, by the overlay for laptops in a namespace of the tests' own.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{ask, items, kubectl, load_image};
use super::nodes::address_of;
use super::overlay::{Overlay, host};
use crate::shell::{eventually, run};

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

/// What this process has brought to the nodes.
static LOADED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The image of the local engine under a name that says what is in it, on all nodes.
pub(crate) fn loaded(image: &str, suffix: &str) -> String {
    let id = run("docker", &["image", "inspect", "--format", "{{.Id}}", image]);
    let id = id.trim_start_matches("sha256:").get(..12).unwrap().to_owned();
    let name = format!("{}:e2e-{id}{suffix}", image.split(':').next().unwrap());
    if LOADED.lock().unwrap().insert(name.clone()) {
        run("docker", &["tag", image, &name]);
        load_image(&name);
        run("docker", &["image", "rm", &name]);
    }
    name
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
        let token = secret(namespace, "roster", "first-token");
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

    /// Replaces all pods.
    pub(crate) fn restart(&self) {
        self.kubectl(&["rollout", "restart", "deployment/roster"]);
        self.rolled_out();
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

    /// Those of them that are not on their way out.
    pub(crate) fn staying(&self) -> Vec<Value> {
        let pods = self.pods().into_iter();
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect()
    }

    /// The node of the database.
    pub(crate) fn database_node(&self) -> String {
        let pod = ["get", "pod", "roster-database-0", "--output", "jsonpath={.spec.nodeName}"];
        self.kubectl(&pod)
    }

    /// What the database's superuser is told.
    pub(crate) fn psql(&self, statement: &str) -> String {
        let psql =
            ["psql", "--username=postgres", "--dbname=roster", "--no-align", "--tuples-only", "--command"];
        self.kubectl(&[&["exec", "roster-database-0", "--"][..], &psql, &[statement]].concat())
    }

    /// The addresses of the Ingress.
    fn addresses(&self) -> Vec<String> {
        let mut all = Vec::new();
        eventually(LIMIT, "the Ingress has an address", || {
            let status = &self.ask(&["get", "ingress", "roster"])["status"]["loadBalancer"]["ingress"];
            let addresses = status.as_array().into_iter().flatten();
            let named = addresses.filter_map(|one| one["ip"].as_str().or(one["hostname"].as_str()));
            all = named.map(str::to_owned).collect();
            !all.is_empty()
        });
        all
    }

    /// The address of the Ingress on a node, if it has one for each.
    pub(crate) fn ingress(&self, node: Option<&str>) -> String {
        let (all, wanted) = (self.addresses(), node.map(address_of));
        let found = all.iter().find(|address| Some(*address) == wanted.as_ref());
        found.unwrap_or(&all[0]).clone()
    }

    /// The host of the Ingress.
    pub(crate) fn host(&self) -> String {
        host(&self.namespace)
    }

    /// The body of a 200 through the Ingress.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        self.send("GET", path, None).filter(|answer| answer.status == 200).map(|answer| answer.body)
    }

    /// Sends a request, with a body in JSON or none, through the Ingress; by whichever of its addresses answers, for a
    /// node may be away.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.addresses().iter().find_map(|address| {
            runtime.block_on(self.exchange(method, &format!("http://{address}{path}"), body)).ok()
        })
    }

    async fn exchange(&self, method: &str, url: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let client = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(3));
        let client = client.timeout(Duration::from_mins(1)).build()?;
        let mut request = client.request(method.parse().unwrap(), url).header("Host", self.host());
        if let Some(body) = body {
            let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
            request = request.body(body.to_string()).header("Content-Type", kind);
        }
        let response = request.bearer_auth(&self.token).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
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

/// The value of a key of a Secret.
pub(crate) fn secret(namespace: &str, name: &str, key: &str) -> String {
    let path = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
    kubectl(&["get", "secret", name, "--namespace", namespace, "--output", &path])
}

/// The name of an object.
pub(crate) fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}
