//! What breaks by itself: how much that costs, and that it mends without a hand.

use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::{Namespace, apply, ask};
use super::installation::{Installation, LIMIT, name_of};
use super::nodes::{Broken, nodes, spare, spread};
use super::pod::pod;
use super::report::{Kind, Report};
use super::traffic::{READS, Traffic, fresh};
use crate::shell::eventually;

/// What is sent to a node that does not answer, before the cluster knows, fails; and what waits for an answer from it
/// gives up by then.
const AFTER_NOTICE: f64 = 25.0;

/// A pod is killed without grace (`kubectl delete --force`): it is no endpoint any more when its program hears of it, but
/// who holds a connection to it may lose what is in flight there.
#[test]
fn a_pod_killed_by_force_fails_only_what_is_in_flight_in_it() {
    let roster = Installation::ready();
    for round in 1..=3 {
        let traffic = Traffic::start(&roster);
        let victim = name_of(&roster.pods()[0]);
        roster.kubectl(&["delete", "pod", &victim, "--force", "--grace-period=0", "--wait=false"]);
        let gone = || !roster.pods().iter().any(|pod| name_of(pod) == victim);
        eventually(LIMIT, "the pod is gone", gone);
        let seconds = roster.settled().as_secs_f64();
        let what = format!("kill {round} of a pod by force, replaced after {seconds:.1} s");
        let report = traffic.end(&roster).print(&what);
        let lost = |kind: &Kind| *kind == Kind::Lost;
        assert!(report.count().keys().all(lost), "{:#?}", report.failures().collect::<Vec<_>>());
        report.assert_one_lost_by_each();
    }
}

/// The server is killed in each pod: the kubelet starts it again in the same pod, and until then the fd-store beside it
/// has who connects wait.
#[test]
fn a_killed_process_fails_only_what_is_in_flight_in_it() {
    let (roster, killer) = (never_crashed(), Killer::new());
    for victim in roster.pods() {
        let report = kill(&roster, &killer, &victim, "containerStatuses").print("kill -9 of a pod's server");
        report.assert_in_flight_at_one_moment();
        assert!(report.inside.ok > 100 && report.outside.ok > 50, "hardly any load: {report:?}");
    }
}

/// Its pod is not ready for a moment, and there is another one.
#[test]
fn a_killed_fd_store_fails_nothing() {
    let (roster, killer) = (never_crashed(), Killer::new());
    let victim = &roster.pods()[0];
    let report = kill(&roster, &killer, victim, "initContainerStatuses").print("kill -9 of a pod's fd-store");
    report.assert_none_failed();
    // The next one has the socket too.
    let victim = &roster.ask(&["get", "pod", &name_of(victim)]);
    let report =
        kill(&roster, &killer, victim, "containerStatuses").print("kill -9 of its server after that");
    report.assert_in_flight_at_one_moment();
}

/// The kubelet starts a container at once after its first crash within ten minutes, and makes a pause after others.
fn never_crashed() -> Installation {
    let roster = Installation::ready();
    roster.restart();
    roster.settled();
    roster
}

/// Kills the only container with such a status, under load.
fn kill(roster: &Installation, killer: &Killer, victim: &Value, statuses: &str) -> Report {
    let mut traffic = Traffic::start(roster);
    let name = name_of(victim);
    let restarts = || {
        let pod = roster.ask(&["get", "pod", &name]);
        pod["status"][statuses][0]["restartCount"].as_u64().unwrap()
    };
    let before = restarts();
    let node = victim["spec"]["nodeName"].as_str().unwrap();
    let container = victim["status"][statuses][0]["containerID"].as_str().unwrap();
    traffic.mark();
    killer.kill(node, container);
    let start = Instant::now();
    eventually(LIMIT, "the container was started again", || restarts() > before);
    let again = start.elapsed().as_secs_f64();
    roster.settled();
    println!("started again after {again:.1} s, well after {:.1} s", start.elapsed().as_secs_f64());
    let report = traffic.end(roster);
    assert!(roster.pods().iter().any(|pod| name_of(pod) == name), "the pod was replaced");
    report
}

#[test]
fn a_dead_node_costs_seconds() {
    node_fault("a node without the database dies", Broken::kill);
}

#[test]
fn a_node_that_is_cut_off_costs_seconds() {
    node_fault("a node without the database loses its network", Broken::cut);
}

fn node_fault(what: &str, fault: fn(&str) -> Broken) {
    let roster = Installation::ready();
    spread();
    roster.settled();
    let database = roster.database_node();
    let here = |node: &str| roster.pods().iter().filter(|pod| pod["spec"]["nodeName"] == *node).count();
    let node = nodes().into_iter().find(|node| *node != database && here(node) > 0);
    let node = node.expect("a node with a pod of Roster and without the database");
    spare(&node);
    let mut traffic = Traffic::start_on(&roster, std::slice::from_ref(&database));
    traffic.mark();
    let start = Instant::now();
    let broken = fault(&node);
    let noticed = broken.noticed().as_secs_f64();
    let replaced = || {
        let deployment = roster.ask(&["get", "deployment", "roster"]);
        deployment["status"]["availableReplicas"] == deployment["spec"]["replicas"] && here(&database) >= 2
    };
    eventually(LIMIT, "the lost pods are replaced on other nodes", replaced);
    let well = start.elapsed().as_secs_f64();
    traffic.well_again(LIMIT);
    let report = traffic
        .end(&roster)
        .print(&format!("{what}: noticed after {noticed:.1} s, as many pods as before after {well:.1} s"));
    assert!(report.last_failure() < noticed + AFTER_NOTICE, "{:#?}", report.failures().collect::<Vec<_>>());
    println!("the node is ready {:.1} s after it was mended", broken.mend().as_secs_f64());
    roster.restart();
}

/// Reads and writes are refused meanwhile, and nothing has to be done but to start the node.
#[test]
fn the_node_of_the_database_dies_and_comes_back() {
    let roster = Installation::ready();
    spread();
    let database = roster.database_node();
    spare(&database);
    let others: Vec<String> = nodes().into_iter().filter(|node| *node != database).collect();
    let mut traffic = Traffic::start_on(&roster, &others).and_reads(&others[0], "/users?limit=10");
    traffic.mark();
    let start = Instant::now();
    let broken = Broken::kill(&database);
    let failing = eventually(LIMIT, "requests fail without a database", || traffic.failed() > 10);
    let noticed = broken.noticed().as_secs_f64();
    let mended = broken.mend().as_secs_f64();
    let again = traffic.well_again(LIMIT).as_secs_f64();
    roster.settled();
    let (all, failing) = (start.elapsed().as_secs_f64(), failing.as_secs_f64());
    let report = traffic.end(&roster).print(&format!(
        "the database's node dies: failures after {failing:.1} s, noticed after {noticed:.1} s, started again and \
         ready in {mended:.1} s, requests succeed {again:.1} s later, all pods ready {all:.1} s after the fault"
    ));
    let count = report.count();
    let reads = report.failures().filter(|failure| failure.client.starts_with(READS)).count();
    println!("{count:?}, {reads} of them reads");
    assert!(reads > 0 && reads < report.failures().count(), "only reads or only writes failed");
    // Whoever was answered was told to come again; the others did not get as far as Roster, or hung on the dead node. An
    // Ingress must not say 404, for a lookup would believe it.
    let known = |kind: &Kind| {
        !matches!(kind, Kind::Roster(status) if *status != 503)
            && !matches!(kind, Kind::Door(status) if ![502, 504].contains(status))
    };
    assert!(count.keys().all(known), "{:#?}", report.failures().collect::<Vec<_>>());
    assert!(count.contains_key(&Kind::Roster(503)), "{report:#?}");
    report.assert_one_lost_by_each();
}

/// Makes pods that see the processes of their nodes, in a namespace of its own.
struct Killer {
    namespace: Namespace,
}

impl Killer {
    fn new() -> Self {
        let namespace = Namespace::fresh("killer");
        apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": namespace.0, "labels": { "pod-security.kubernetes.io/enforce": "privileged" },
        } }));
        Self { namespace }
    }

    /// Sends SIGKILL to the processes of a container.
    fn kill(&self, node: &str, container: &str) {
        let id = container.rsplit('/').next().unwrap();
        let script = format!(
            "killed=1; for process in /proc/[0-9]*; do if grep -q {id} $process/cgroup 2>/dev/null; then \
             kill -9 ${{process#/proc/}} && killed=0; fi; done; exit $killed"
        );
        let name = fresh("killer");
        let mut killer = pod(&self.namespace.0, &name, Some(node), "postgres:17", &["-c".to_owned(), script]);
        let spec = &mut killer["spec"];
        spec["hostPID"] = json!(true);
        spec["volumes"] = json!([]);
        spec["securityContext"] = json!({});
        spec["containers"][0]["volumeMounts"] = json!([]);
        spec["containers"][0]["command"] = json!(["bash"]);
        spec["containers"][0]["securityContext"] =
            json!({ "runAsUser": 0, "capabilities": { "add": ["KILL"] } });
        apply(&killer);
        let phase = || {
            let pod = ask(&["get", "pod", &name, "--namespace", &self.namespace.0]);
            pod["status"]["phase"].as_str().unwrap_or_default().to_owned()
        };
        eventually(LIMIT, "the killer has done its work", || {
            assert_ne!(phase(), "Failed", "no process of {id} was killed");
            phase() == "Succeeded"
        });
    }
}
