//! `roster import --once`.

use super::Place;
use crate::support::both;

both! {
    async fn an_import_that_is_repeated_at_each_start_counts_once(engine) {
        let place = Place::create(engine).await;
        let bad = place.file("bad.csv", "name,email\nada,a@example.com\neve,a@example.com\n");
        place.call(&["import", &bad, "--once", "--quiet"]).await.assert_refused("nothing was changed");
        let file = place.file("people.csv", "name,email\nada,a@example.com\nbob,b@example.com\n");
        let once = place.call(&["import", &file, "--once", "--quiet"]).await;
        assert_eq!((once.code, place.export().await.len()), (0, 2), "{once:?}");
        // What people have changed since then stays, even when they removed everybody.
        let changed = place.file("changed.csv", "name,email\nada,other@example.com\n");
        place.import(&changed).await;
        let before = place.export().await;
        for _ in 0..2 {
            let again = place.call(&["import", &file, "--once", "--quiet"]).await;
            assert_eq!((again.code, again.stdout.as_str()), (0, "nothing was imported: the directory has had users before\n"));
            assert_eq!(place.export().await, before);
        }
        let store = place.database.store().await;
        assert!(store.has_had_users().await.unwrap());
        let both = place.call(&["import", &file, "--once", "--dry-run"]).await;
        assert_eq!(both.code, 2, "{both:?}");
    }

    async fn of_several_imports_that_count_once_one_does(engine) {
        let place = Place::create(engine).await;
        let row = |from: usize, number: usize| format!("of file {from} number {number}\n");
        let files: Vec<String> = (0..4)
            .map(|from| {
                let rows: String = (0..500).map(|number| row(from, number)).collect();
                place.file(&format!("{from}.csv"), format!("name\n{rows}"))
            })
            .collect();
        let calls = files.iter().map(|file| async {
            let arguments = ["import", file, "--once", "--quiet"];
            place.call(&arguments).await
        });
        let ended = futures_util::future::join_all(calls).await;
        assert!(ended.iter().all(|one| one.code == 0), "{ended:?}");
        let not_needed = ended.iter().filter(|one| one.stdout.starts_with("nothing was imported")).count();
        assert_eq!((not_needed, place.export().await.len()), (3, 500), "{ended:?}");
    }
}
