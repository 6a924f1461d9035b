//! TLS up to the pod, on a real cluster: the chart's own test believes the certificate, and so does the Gateway.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use crate::shell::{eventually, outcome, run, told};

/// Gone with this value, and all that is in it.
struct Namespace(String);

impl Namespace {
    fn kubectl(&self, arguments: &[&str]) -> String {
        run("kubectl", &[&["--namespace", &self.0], arguments].concat())
    }

    /// The Secret `roster-tls` for a name, and `authority`, with the certificate of who vouches for it.
    fn certify(&self, name: &str) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();

        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let certificate = format!("--cert={}", file("tls.crt", certificate.pem()));
        let key = format!("--key={}", file("tls.key", key.serialize_pem()));
        self.kubectl(&["create", "secret", "tls", "roster-tls", &certificate, &key]);
        let authority = format!("--from-file={}", file("ca.crt", authority.pem()));
        self.kubectl(&["create", "configmap", "authority", &authority]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        outcome("helm", &["uninstall", "people", "--namespace", &self.0]);
        outcome("kubectl", &["delete", "namespace", &self.0, "--wait=false"]);
    }
}

/// What the cluster's Gateway answers for a host: at its own address, or at a node's where it does not say one.
fn answered(host: &str) -> Vec<String> {
    let paths = [
        ["gateways", "--namespace=kube-system", "{.items[*].status.addresses[*].value}"],
        ["nodes", "--ignore-not-found", "{.items[*].status.addresses[?(@.type=='InternalIP')].address}"],
    ];
    let addresses = paths.map(|[kind, more, path]| {
        let output = format!("--output=jsonpath={path}");
        run("kubectl", &["get", kind, more, &output])
    });
    let host = format!("Host: {host}");
    let status = |address: &str| {
        let url = format!("http://{address}/openapi.json");
        let curl = ["-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "-H", &host, &url];
        String::from_utf8_lossy(&outcome("curl", &curl).stdout).into_owned()
    };
    addresses.join(" ").split_whitespace().map(status).collect()
}

#[test]
fn the_chart_speaks_tls_behind_a_gateway() {
    let namespace = Namespace(format!("roster-tls-{}", std::process::id()));
    run("deploy/kubernetes/make-secrets", &["--sqlite", &namespace.0, "people"]);
    namespace.certify(&format!("people.{}.svc", namespace.0));
    let policies = ["get", "customresourcedefinition", "backendtlspolicies.gateway.networking.k8s.io"];
    let gateway = outcome("kubectl", &policies).status.success();
    let host = format!("{}.example.com", namespace.0);
    let values = format!(
        "image.tag=dev,database.kind=sqlite,replicas=1,tls.enabled=true,tls.authority=authority,\
         ingress.enabled=false,gateway.enabled={gateway},gateway.hostnames[0]={host}"
    );
    let install = ["install", "people", "deploy/helm/roster", "--wait", "--timeout=180s", "--set", &values];
    run("helm", &[&install[..], &["--namespace", &namespace.0]].concat());
    let tested = outcome("helm", &["test", "people", "--namespace", &namespace.0, "--timeout", "120s"]);
    let text = told(&tested);
    assert!(tested.status.success() && text.contains("people-test-users"), "{text}");
    if gateway {
        let served = || answered(&host).iter().any(|status| status == "200");
        let took = eventually(Duration::from_secs(30), "the Gateway speaks TLS to the pod", served);
        println!("the Gateway speaks TLS to the pod {:.1} s after the chart's test", took.as_secs_f64());
    } else {
        println!("the Gateway was not asked, for this cluster has no BackendTLSPolicy");
    }
}
