//! The cluster that `KUBECONFIG` names, asked by kubectl.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::traffic::fresh;
use crate::shell::{command, of_environment, outcome, run, told};

/// kubectl's trimmed stdout.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    run("kubectl", arguments)
}

/// What kubectl answers as JSON.
pub(crate) fn ask(arguments: &[&str]) -> Value {
    let text = kubectl(&[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

/// kubectl with a text on its stdin.
pub(crate) fn kubectl_with(arguments: &[&str], input: &str) -> Output {
    let mut command = command("kubectl", arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Applies an object, or several as a List.
pub(crate) fn apply(object: &Value) {
    let output =
        kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &object.to_string());
    assert!(output.status.success(), "{object}: {}", told(&output));
}

/// Items of a list that kubectl gave.
pub(crate) fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether a condition such as `Ready` is `True`.
pub(crate) fn has(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == condition && one["status"] == "True"))
}

/// Brings an image of the local engine to the nodes.
pub(crate) fn load_image(image: &str) {
    setting("ROSTER_TEST_LOAD_IMAGE", "kind load docker-image", &[image]);
}

/// A command that the environment names, or its default.
pub(crate) fn setting(name: &str, default: &str, arguments: &[&str]) {
    let words = of_environment(name).unwrap_or_else(|| default.to_owned());
    let mut words = words.split_whitespace();
    let output =
        Command::new(words.next().unwrap()).args(words).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name} {arguments:?}: {}", told(&output));
}

/// A namespace of one test; gone with this value.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    /// A name that no other run has. Whoever applies something to it makes it.
    pub(crate) fn fresh(purpose: &str) -> Self {
        Self(fresh(&format!("roster-{purpose}")))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = outcome("kubectl", &["delete", "namespace", &self.0, "--wait=false", "--ignore-not-found"]);
    }
}
