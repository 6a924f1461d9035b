//! The Gateway API as the outside door, beside the Ingress that all other tests go through.

use super::cluster::kubectl_with;
use super::installation::{Installation, LIMIT};
use super::traffic::fresh;
use crate::shell::{eventually, outcome, root};

/// The component's own route, for a host that no Ingress knows.
#[test]
fn a_route_of_the_gateway_leads_to_the_service() {
    let roster = Installation::ready();
    let host = format!("{}.example.com", fresh("door"));
    let address = roster.ingress(None);
    assert_eq!(status(&address, &host), "404");

    let file = root().join("deploy/kubernetes/components/gateway/httproute.yaml");
    let route = std::fs::read_to_string(file).unwrap().replace("roster.example.com", &host);
    let route = Route { text: route, roster: &roster };
    route.each("apply");
    let took = eventually(LIMIT, "the gateway serves the route", || status(&address, &host) == "200");
    println!("the HTTPRoute is served {:.1} s after it was applied", took.as_secs_f64());
}

fn status(address: &str, host: &str) -> String {
    let (url, host) = (format!("http://{address}/openapi.json"), format!("Host: {host}"));
    let curl = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", &host, &url];
    String::from_utf8_lossy(&outcome("curl", &curl).stdout).into_owned()
}

/// Deleted with this value.
struct Route<'a> {
    text: String,
    roster: &'a Installation,
}

impl Route<'_> {
    fn each(&self, verb: &str) {
        let output = kubectl_with(&["--namespace", &self.roster.namespace, verb, "-f", "-"], &self.text);
        assert!(output.status.success() || verb == "delete", "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Route<'_> {
    fn drop(&mut self) {
        self.each("delete");
    }
}
