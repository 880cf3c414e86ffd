//! Networks that lose their training from the output inwards.

use std::sync::Arc;

use crate::engine::EngineError;
use crate::model::{Bundle, RANDOMISATION_STAGES, SwinUnetr};

/// Stages that are random in each step, with its name.
const STEPS: [(usize, &str); 3] = [
    (1, "output layer"),
    (6, "decoder"),
    (RANDOMISATION_STAGES.len(), "all weights"),
];

/// Seed of the random weights.
const SEED: u64 = 0;

/// The networks of a model on the device of another, each with more random weights.
pub(super) fn random_networks(
    bundle: &Bundle,
    network: &SwinUnetr,
) -> Result<Vec<(String, Arc<SwinUnetr>)>, EngineError> {
    STEPS
        .into_iter()
        .map(|(stages, name)| {
            let random = bundle.load_randomised(network.device(), stages, SEED)?;
            Ok((name.to_owned(), Arc::new(random)))
        })
        .collect()
}
