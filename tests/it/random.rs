//! Randomness that can be repeated: the seed is printed, and `ROSTER_TEST_SEED` sets it.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A seed for the test named `what`.
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
#[expect(clippy::print_stderr, reason = "shown with a failure, so that it can be repeated")]
pub(crate) fn seed(what: &str) -> u64 {
    let given = std::env::var("ROSTER_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::from(since.subsec_nanos()) ^ since.as_secs()
    });
    eprintln!("{what}: ROSTER_TEST_SEED={seed}");
    seed
}

/// The `stream`-th generator of a seed.
pub(crate) fn generator(seed: u64, stream: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_add(stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}
