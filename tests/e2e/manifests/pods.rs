//! What every pod must be, whoever renders it.

use serde_json::{Value, json};

use super::render::{all, chart, find, kind, list, name, objects, pod};

/// The rules of Pod Security `restricted`, and ours: a read-only root, no token of the cluster, nothing injected, limits.
fn problems(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut problems = Vec::new();
    let mut must = |so: bool, what: &str| {
        if !so {
            problems.push(what.to_owned());
        }
    };
    must(spec["securityContext"]["runAsNonRoot"] == true, "runAsNonRoot");
    must(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    must(spec["automountServiceAccountToken"] == false, "automountServiceAccountToken: false");
    must(spec["enableServiceLinks"] == false, "enableServiceLinks: false");
    must(spec["hostNetwork"].is_null() && spec["hostPID"].is_null(), "no namespace of the node");
    let containers: Vec<&Value> =
        list(&spec["containers"]).iter().chain(list(&spec["initContainers"])).collect();
    must(!containers.is_empty(), "containers");
    for container in containers {
        let context = &container["securityContext"];
        must(context["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation: false");
        must(context["capabilities"]["drop"] == json!(["ALL"]), "capabilities dropped");
        must(context["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
        let resources = &container["resources"];
        must(resources["requests"]["cpu"].is_string(), "a request for processor time");
        must(resources["requests"]["memory"].is_string(), "a request for memory");
        must(resources["limits"]["memory"].is_string(), "a limit of memory");
    }
    for volume in list(&spec["volumes"]) {
        must(volume["hostPath"].is_null(), "no directory of the node");
    }
    problems
}

#[test]
fn every_pod_is_restricted() {
    let mut seen = 0;
    for (render, objects) in all() {
        for object in &objects {
            if let Some(pod) = pod(object) {
                let problems = problems(pod);
                assert!(problems.is_empty(), "{render}: {} {}: {problems:?}", kind(object), name(object));
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen} pods");
}

/// A drain of a node picks the application's pods by this label, and leaves the database where its volume is.
#[test]
fn the_plain_name_is_that_of_application_pods_alone() {
    for (render, objects) in all() {
        for object in &objects {
            let Some(pod) = pod(object) else { continue };
            let application = kind(object) == "Deployment";
            let plain = pod["metadata"]["labels"]["app.kubernetes.io/name"] == "roster";
            assert_eq!(application, plain, "{render}: {} {}", kind(object), name(object));
        }
    }
}

/// Beside each server runs what holds its port, of the same image and by the same name.
#[test]
fn every_server_has_its_fd_store() {
    let name = |container: &Value| {
        let mut env = list(&container["env"]).iter();
        env.find(|one| one["name"] == "ROSTER_FD_STORE").map(|one| one["value"].clone())
    };
    for (render, objects) in all() {
        let pod = find(&objects, "Deployment", "roster")["spec"]["template"].clone();
        assert_eq!(pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "roster");
        let (store, server) = (&pod["spec"]["initContainers"][0], &pod["spec"]["containers"][0]);
        assert_eq!((&store["args"], &store["restartPolicy"]), (&json!(["fd-store"]), &json!("Always")));
        assert_eq!(store["image"], server["image"], "{render}");
        assert!(name(store).is_some() && name(store) == name(server), "{render}");
    }
    let without = objects(&chart(&["fdStore.enabled=false"]));
    let pod = &find(&without, "Deployment", "roster")["spec"]["template"]["spec"];
    assert_eq!((&pod["initContainers"], name(&pod["containers"][0])), (&Value::Null, None));
}

fn seconds(container: &Value, variable: &str) -> i64 {
    let found = list(&container["env"]).iter().find(|one| one["name"] == variable);
    found.and_then(|one| one["value"].as_str()).unwrap().parse().unwrap()
}

#[test]
fn a_rollout_takes_nothing_away() {
    for (render, objects) in all() {
        let deployment = find(&objects, "Deployment", "roster");
        let (spec, pod) = (&deployment["spec"], &deployment["spec"]["template"]["spec"]);
        let container = &pod["containers"][0];
        assert_eq!(container["name"], "roster", "{render}");
        for (probe, path) in [
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz?exclude=database"),
        ] {
            assert_eq!(
                container[probe]["httpGet"],
                json!({ "path": path, "port": "ops" }),
                "{render}: {probe}"
            );
        }
        let stop = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64();
        let needed = stop.unwrap_or(0)
            + seconds(container, "ROSTER_DRAIN_SECONDS")
            + seconds(container, "ROSTER_SHUTDOWN_SECONDS")
            + 5;
        assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() >= needed, "{render}");
        if render.contains("sqlite") {
            assert_eq!(spec["strategy"], json!({ "type": "Recreate" }), "{render}");
            assert_eq!(spec["replicas"], 1, "{render}");
            continue;
        }
        assert_eq!(
            spec["strategy"]["rollingUpdate"],
            json!({ "maxSurge": 1, "maxUnavailable": 0 }),
            "{render}"
        );
        assert_eq!((spec["minReadySeconds"].as_i64(), stop), (Some(5), Some(5)), "{render}");
        let budget = find(&objects, "PodDisruptionBudget", "roster");
        assert_eq!(budget["spec"]["unhealthyPodEvictionPolicy"], "AlwaysAllow", "{render}");
        let scaled = objects.iter().any(|object| kind(object) == "HorizontalPodAutoscaler");
        assert_eq!(scaled, spec["replicas"].is_null(), "{render}: one of the two says how many replicas");
    }
}

/// `max_connections` of the database that a render has: as it is set, or PostgreSQL's default where it is somebody else's.
fn max_connections(objects: &[Value]) -> i64 {
    let of_kind = |wanted| objects.iter().find(|object| kind(object) == wanted);
    if let Some(set) = of_kind("StatefulSet") {
        let arguments = &set["spec"]["template"]["spec"]["containers"][0]["args"];
        return arguments[1].as_str().unwrap().strip_prefix("max_connections=").unwrap().parse().unwrap();
    }
    let set = of_kind("Cluster").map(|set| &set["spec"]["postgresql"]["parameters"]["max_connections"]);
    set.map_or(100, |set| set.as_str().unwrap().parse().unwrap())
}

/// All replicas, and one more in a rollout, fit into the database: beside 3 that PostgreSQL keeps for its superuser
/// (`superuser_reserved_connections`), and some for Jobs and people.
#[test]
fn connections_suffice() {
    for (render, objects) in all().into_iter().filter(|(render, _)| !render.contains("sqlite")) {
        let most = max_connections(&objects);
        let deployment = find(&objects, "Deployment", "roster");
        let scaler = objects.iter().find(|object| kind(object) == "HorizontalPodAutoscaler");
        let replicas = match scaler {
            Some(scaler) => scaler["spec"]["maxReplicas"].as_i64(),
            None => deployment["spec"]["replicas"].as_i64(),
        };
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let each = seconds(container, "ROSTER_DATABASE_CONNECTIONS") + 2;
        assert!(
            (replicas.unwrap() + 1) * each <= most - 10,
            "{render}: {replicas:?} replicas of {each}, {most} in all"
        );
    }
}
