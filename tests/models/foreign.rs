//! Weights that this program cannot run are named errors that say what they are.

use voxplain::model::{Checkpoint, MergeOrder, ModelError, NetworkConfig, expected_tensors};

use crate::files::write_shapes;
use crate::support::config;

type Tensors = Vec<(String, Vec<usize>)>;

fn network() -> (NetworkConfig, Tensors) {
    let config = config(12, 3, MergeOrder::Legacy);
    (config, expected_tensors(&config))
}

fn error_of(tensors: &[(String, Vec<usize>)]) -> ModelError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_shapes(&path, tensors);
    let error = match Checkpoint::open(&path) {
        Err(error) => error,
        Ok(checkpoint) => checkpoint.network_config(MergeOrder::Legacy).unwrap_err(),
    };
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains(';'), "{text}");
    error
}

fn named(names: &[&str]) -> Tensors {
    names.iter().map(|n| ((*n).to_owned(), vec![4])).collect()
}

#[test]
fn an_encoder_alone_is_explained() {
    // Names of the published self-supervised checkpoint, and of a network cut short.
    let (_, tensors) = network();
    let published: Tensors = tensors
        .iter()
        .filter_map(|(key, shape)| {
            let key = key
                .strip_prefix("swinViT.")?
                .replace("mlp.linear", "mlp.fc");
            Some((format!("state_dict.module.{key}"), shape.clone()))
        })
        .collect();
    let cut: Tensors = tensors
        .iter()
        .filter(|(key, _)| key.starts_with("swinViT."))
        .cloned()
        .collect();
    for tensors in [published, cut] {
        let error = error_of(&tensors);
        assert!(matches!(error, ModelError::EncoderOnly), "{error}");
        assert!(error.to_string().contains("encoder alone"));
    }
}

#[test]
fn other_networks_are_named_with_what_is_missing_and_unexpected() {
    let unetr = named(&[
        "vit.patch_embedding.cls_token",
        "encoder1.layer.conv1.conv.weight",
    ]);
    let nnunet = named(&[
        "network_weights.encoder.stages.0.0.convs.0.conv.weight",
        "network_weights.decoder.seg_layers.0.weight",
    ]);
    for (tensors, kind) in [(unetr, "MONAI's UNETR"), (nnunet, "an nnU-Net")] {
        let error = error_of(&tensors);
        let text = error.to_string();
        assert!(text.contains(kind), "{text}");
        assert!(text.contains("swinViT.patch_embed.proj.weight"), "{text}");
        let first = tensors.iter().map(|(key, _)| key).min().unwrap();
        assert!(text.contains(first.as_str()), "{text}");
    }
}

#[test]
fn a_changed_network_is_named() {
    let (_, tensors) = network();
    let mut renamed = tensors.clone();
    let odd = renamed
        .iter_mut()
        .find(|(key, _)| key == "encoder2.layer.conv1.conv.weight")
        .unwrap();
    odd.0 = "encoder2.layer.first.weight".into();
    let error = error_of(&renamed);
    assert!(
        matches!(&error, ModelError::OtherNetwork { missing, unexpected, .. }
            if missing == "encoder2.layer.conv1.conv.weight"
                && unexpected == "encoder2.layer.first.weight"),
        "{error}"
    );

    let mut incomplete = tensors.clone();
    incomplete.retain(|(key, _)| !key.starts_with("decoder1."));
    let error = error_of(&incomplete);
    assert!(
        matches!(error, ModelError::MissingWeights { count: 4, .. }),
        "{error}"
    );

    let mut more = tensors.clone();
    more.push(("aux_head.weight".into(), vec![3]));
    let error = error_of(&more);
    assert!(
        matches!(error, ModelError::UnexpectedWeights { count: 1, .. }),
        "{error}"
    );

    let mut misshapen = tensors;
    misshapen
        .iter_mut()
        .find(|(key, _)| key == "decoder3.conv_block.conv2.conv.weight")
        .unwrap()
        .1 = vec![24, 24, 1, 3, 3];
    let error = error_of(&misshapen);
    assert!(matches!(error, ModelError::WeightShape { .. }), "{error}");
}

#[test]
fn settings_that_do_not_run_here_are_named() {
    let (_, tensors) = network();
    let changed = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = tensors.clone();
        change(&mut tensors);
        match error_of(&tensors) {
            ModelError::UnsupportedNetwork { what, found, .. } => (what, found),
            other => panic!("{other}"),
        }
    };
    let (what, found) = changed(&|tensors| {
        let deeper: Tensors = tensors
            .iter()
            .filter(|(key, _)| key.contains("layers3.0.blocks.1."))
            .flat_map(|(key, shape)| {
                (2..6).map(|b| {
                    (
                        key.replace("blocks.1.", &format!("blocks.{b}.")),
                        shape.clone(),
                    )
                })
            })
            .collect();
        tensors.extend(deeper);
    });
    assert_eq!((what, found.as_str()), ("depths", "[2, 2, 6, 2]"));

    let tables = |tensors: &mut Tensors, shape: &dyn Fn(&[usize]) -> Vec<usize>| {
        for (key, old) in tensors.iter_mut() {
            if key.ends_with("relative_position_bias_table") {
                *old = shape(old);
            }
        }
    };
    let (what, found) = changed(&|tensors| tables(tensors, &|old| vec![old[0], 2 * old[1]]));
    assert_eq!((what, found.as_str()), ("num_heads", "[6, 12, 24, 48]"));
    let (what, found) = changed(&|tensors| tables(tensors, &|old| vec![729, old[1]]));
    assert_eq!((what, found.as_str()), ("window", "5 × 5 × 5"));

    let (what, _) = changed(&|tensors| {
        tensors.push(("swinViT.layers1.0.blocks.0.hyena.weight".into(), vec![1]));
    });
    assert_eq!(what, "attention");
    let embedding = |shape: Vec<usize>| {
        changed(&move |tensors| {
            for (key, old) in tensors.iter_mut() {
                if key == "swinViT.patch_embed.proj.weight" {
                    old.clone_from(&shape);
                }
            }
        })
    };
    assert_eq!(embedding(vec![12, 1, 2, 2]).1, "2-D images");
    assert_eq!(embedding(vec![12, 1, 4, 4, 4]).0, "patch size");
}
