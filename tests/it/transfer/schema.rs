//! Imports and the schema: in a cluster, the Jobs that migrate and import begin at the same time.

use std::time::Duration;

use crate::commands::call;
use crate::support::{Database, Engine};

#[tokio::test]
async fn an_import_that_waits_for_ever_waits_for_the_schema_too() {
    let database = Database::create(Engine::Postgres).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.csv");
    std::fs::write(&file, "name\nAna\n").unwrap();
    let import = ["import", file.to_str().unwrap(), "--quiet", "--database-wait"];
    let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
    let impatient = call(&[&import[..], &["1s"]].concat(), &url).await;
    impatient.assert_refused("run roster migrate first");
    let patient = [&import[..], &["0"]].concat();
    let migrate = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&["migrate"], &url).await.code, 0);
    };
    let (ended, ()) = tokio::join!(call(&patient, &url), migrate);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.ends_with("waiting for roster migrate\n"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stdout.contains("created: 1,"), "{ended:?}");
}
