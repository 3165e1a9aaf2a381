//! What this machine can do right now: rounds of a fixed loop, to set absolute figures in proportion.

use std::hint::black_box;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_millis(100);

/// Million rounds a second of one processor.
pub(crate) fn millions() -> f64 {
    let (start, mut rounds, mut state) = (Instant::now(), 0_u64, 1_u64);
    while start.elapsed() < SPAN {
        for _ in 0..10_000 {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        }
        rounds += 10_000;
    }
    rounds as f64 / start.elapsed().as_secs_f64() / 1e6
}
