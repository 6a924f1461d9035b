//! A stack of the tests' own, beside any other on this engine.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::shell::{self, eventually, told};

const FILE: &str = "deploy/compose.yaml";
/// How long a server may take to be ready, or to notice.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The image of all steps: `roster:dev`, or the one that `ROSTER_TEST_IMAGE` names.
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
pub(crate) fn image() -> String {
    std::env::var("ROSTER_TEST_IMAGE").unwrap_or_else(|_| "roster:dev".to_owned())
}

/// A project of Compose; gone with its volumes when this value is.
pub(crate) struct Stack {
    project: &'static str,
    environment: Vec<(String, String)>,
    pub(crate) web: u16,
    pub(crate) proxy: u16,
    pub(crate) prometheus: u16,
}

impl Stack {
    /// Nothing of it runs yet.
    pub(crate) fn new() -> Self {
        let ports: Vec<TcpListener> = (0..5).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = ports.iter().map(|port| port.local_addr().unwrap().port()).collect();
        let names = ["WEB_PORT", "PROXY_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT", "JAEGER_PORT"];
        let environment = names.iter().zip(&ports).map(|(name, port)| ((*name).to_owned(), port.to_string()));
        let stack = Self {
            project: "roster-e2e",
            environment: environment.chain([("IMAGE".to_owned(), image())]).collect(),
            web: ports[0],
            proxy: ports[1],
            prometheus: ports[2],
        };
        stack.remove();
        stack
    }

    /// The same stack, to be told more from now on.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.environment.push((name.to_owned(), value));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command =
            shell::command("docker", &["compose", "--project-name", self.project, "--file", FILE]);
        for name in ["COMPOSE_PROFILES", "COMPOSE_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).args(arguments);
        command
    }

    /// What became of a command that may fail.
    pub(crate) fn outcome(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The trimmed stdout of a command that has to succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.outcome(arguments);
        assert!(output.status.success(), "docker compose {}: {}", arguments.join(" "), told(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts what runs by default, and more when it is named.
    pub(crate) fn up(&self, more: &[&str]) {
        self.run(&[&["up", "--detach"][..], more].concat());
        self.ready();
    }

    /// Waits until the web container answers.
    pub(crate) fn ready(&self) {
        eventually(SOON, "an answer of the web container", || {
            self.status("/openapi.json", None) == Some(200)
        });
    }

    /// The containers of a service, ended ones too, in the order of their numbers.
    pub(crate) fn containers(&self, service: &str) -> Vec<String> {
        let filters = [
            format!("label=com.docker.compose.project={}", self.project),
            format!("label=com.docker.compose.service={service}"),
            "label=com.docker.compose.oneoff=False".to_owned(),
        ];
        let mut arguments = vec!["ps", "--all", "--format", "{{.Names}}"];
        for filter in &filters {
            arguments.extend(["--filter", filter.as_str()]);
        }
        let mut names: Vec<String> = shell::run("docker", &arguments).lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The container of a service that has one.
    pub(crate) fn container(&self, service: &str) -> String {
        let names = self.containers(service);
        assert_eq!(names.len(), 1, "containers of {service}: {names:?}");
        names[0].clone()
    }

    /// What the engine knows of the container of a service.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        inspect(&self.container(service))
    }

    /// A token of its own for this test.
    pub(crate) fn token(&self) -> String {
        self.run(&["run", "--rm", "roster", "token", "create", "--name", "e2e", "--role", "admin"])
    }

    /// Runs a command in a shell that sees the secrets.
    pub(crate) fn with_secrets(&self, script: &str) -> String {
        self.run(&["run", "--rm", "--no-deps", "secrets", script])
    }

    /// The address by which this machine is reached from the servers' network.
    pub(crate) fn gateway(&self) -> String {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        shell::run("docker", &["network", "inspect", "--format", format, &format!("{}_front", self.project)])
    }

    /// The status of an answer of the web container, if it gives one.
    pub(crate) fn status(&self, path: &str, token: Option<&str>) -> Option<u16> {
        get(self.web, path, token).ok().map(|(status, _)| status)
    }

    /// The names of all users.
    pub(crate) fn users(&self, token: &str) -> Vec<String> {
        let (status, body) = get(self.web, "/users", Some(token)).unwrap();
        assert_eq!(status, 200, "{body}");
        body.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Takes everything away.
    pub(crate) fn remove(&self) -> Output {
        let all = ["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "1"];
        self.outcome(&all)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", told(&self.outcome(&["--profile", "*", "ps", "--all"])));
            println!("{}", told(&self.outcome(&["--profile", "*", "logs", "--no-color", "--tail", "20"])));
        }
        let removed = self.remove();
        assert!(std::thread::panicking() || removed.status.success(), "{}", told(&removed));
    }
}

/// What the engine knows of a container.
pub(crate) fn inspect(container: &str) -> Value {
    let text = shell::run("docker", &["inspect", container]);
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}

/// The lines that a container has logged.
pub(crate) fn logs(container: &str) -> Vec<String> {
    let output = shell::outcome("docker", &["logs", container]);
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Asks a port of this machine.
pub(crate) fn get(port: u16, path: &str, token: Option<&str>) -> reqwest::Result<(u16, Value)> {
    request(reqwest::Method::GET, port, path, token, None)
}

/// Sends a request with or without a JSON body; gives the status and the body, which is null where it is no JSON.
pub(crate) fn request(
    method: reqwest::Method,
    port: u16,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> reqwest::Result<(u16, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let mut request = client.request(method, format!("http://127.0.0.1:{port}{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    })
}
