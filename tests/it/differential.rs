//! Random sequences of requests, sent to a server on SQLite and to one on PostgreSQL: the answers are equal.
//!
//! Ids are told apart by their order of creation (PostgreSQL skips one after a refused create), cursors by where
//! they lead. Both servers share one clock, which only the test moves.

mod pair;
mod steps;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use tokio::sync::Mutex;

use crate::random::seed;
use pair::Pair;
use steps::step;

#[test]
fn both_stores_answer_alike() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let pair = Mutex::new(runtime.block_on(Pair::start()));
    let config = Config {
        cases: 60,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed("differential")),
        max_shrink_iters: 400,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&vec(step(), 1..30), |steps| {
        runtime.block_on(async { pair.lock().await.run(&steps).await }).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    runtime.block_on(async {
        let pair = pair.into_inner();
        assert!(pair.compared > 500, "only {} answers were compared", pair.compared);
        pair.stop().await;
    });
}
