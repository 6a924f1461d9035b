//! Which program runs, and which schema it finds.

use serde_json::Value;

use super::installation::Installation;
use crate::shell::run;

/// The image of the release after this one in the local engine.
pub(crate) const NEXT: &str = "roster-next:dev";

/// A program as a pod has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    /// What the node says about the bytes of the image.
    pub(crate) image_id: String,
    /// What the program says about itself.
    pub(crate) version: Value,
}

impl Program {
    /// The one that all pods have that stay.
    pub(crate) fn running(roster: &Installation) -> Self {
        let mut all: Vec<Self> = roster.staying().iter().map(|pod| Self::of(roster, pod)).collect();
        let first = all.pop().unwrap();
        assert!(all.iter().all(|other| *other == first), "{first:?} and {all:?}");
        first
    }

    fn of(roster: &Installation, pod: &Value) -> Self {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let told = roster.kubectl(&["exec", name, "--", "/roster", "version", "--json"]);
        let image_id = pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap().to_owned();
        Self { image_id, version: serde_json::from_str(&told).unwrap() }
    }

    /// The schema that it is made for.
    pub(crate) fn schema(&self) -> i64 {
        self.version["schema"].as_i64().unwrap()
    }
}

/// What the program of an image of the local engine says about itself.
pub(crate) fn version_of(image: &str) -> Value {
    serde_json::from_str(&run("docker", &["run", "--rm", image, "version", "--json"])).unwrap()
}

/// The schema that the database has.
pub(crate) fn schema_of_database(roster: &Installation) -> i64 {
    roster.psql("SELECT max(version) FROM schema_migrations").parse().unwrap()
}
