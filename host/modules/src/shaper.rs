//! Shaping samples into statistics structures with the module that serves them.

use vdsm_core::tree::Tree;

/// What the host knows of one machine; the twin of `vdsm:vm/shaper.sample`. Metric ids: `wit/deps/vm/metrics.md`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The machine.
    pub vm: String,
    /// Names of its devices.
    pub devices: Vec<String>,
    /// (metric id, device index or `u32::MAX`, value).
    pub numbers: Vec<(u32, u32, f64)>,
    /// The same for texts.
    pub texts: Vec<(u32, u32, String)>,
}

/// Why shaping failed; the statistics of that round are those of the last one, with their age.
#[derive(Debug, thiserror::Error)]
#[error("shaping statistics: {0}")]
pub struct ShapeError(pub String);

/// Turns samples into structures. The module runtime implements it.
#[async_trait::async_trait]
pub trait Shaper: Send + Sync + 'static {
    /// An array with one structure a sample, in order.
    async fn shape(&self, samples: Vec<Sample>) -> Result<Tree, ShapeError>;

    /// Changes when the module that shapes changes: fragments of another generation are stale.
    fn generation(&self) -> u64;
}
