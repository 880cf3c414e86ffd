//! Networks that forget their training stage by stage.

use voxplain::engine::assets;
use voxplain::model::{Bundle, ComputeDevice, RANDOMISATION_STAGES, recipe};

/// Logits of the shipped model, as it is and after each stage.
#[test]
fn each_stage_changes_the_logits_and_none_leaves_them() {
    let bundle = Bundle::open(&assets::demonstration_bundle()).unwrap();
    let device = ComputeDevice::cpu();
    let input = recipe::input(&[1, 1, 32, 64, 32], 3);
    let trained = bundle.load_network(&device).unwrap();
    let mut before = trained.forward_array(input.clone()).unwrap();
    for stages in 0..=RANDOMISATION_STAGES.len() {
        let network = bundle.load_randomised(&device, stages, 5).unwrap();
        let logits = network.forward_array(input.clone()).unwrap();
        assert!(logits.iter().all(|logit| logit.is_finite()));
        assert_eq!(logits == before, stages == 0, "{stages} stages");
        before = logits;
    }
}
