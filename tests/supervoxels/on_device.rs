//! SLIC's rounds on a graphics adapter against those on the processor.

use voxplain::base::CancelToken;
use voxplain::engine::DeviceRounds;
use voxplain::explain::supervoxels::{Image, Restriction, SupervoxelSettings, find_with_rounds};

use crate::adapter::adapter;
use crate::sound::assert_sound;
use crate::{DIMS, SPACING_MM, achievable_accuracy, at, boundary_recall, fixture, run, settings};

fn on_device(channels: &[&[f32]], settings: &SupervoxelSettings) -> Option<Vec<u16>> {
    let gpu = adapter()?;
    let image = Image {
        channels,
        dims: DIMS,
        spacing_mm: SPACING_MM,
    };
    let mut rounds = DeviceRounds::new(&gpu);
    let started = std::time::Instant::now();
    let found = find_with_rounds(
        &image,
        &Restriction::default(),
        settings,
        Some(&mut rounds),
        &CancelToken::new(),
    )
    .unwrap();
    println!("on the adapter: {:?}", started.elapsed());
    assert_eq!(found.count, settings.count);
    assert_sound(&found, DIMS, |_| true);
    Some(found.labels)
}

#[test]
fn supervoxels_on_an_adapter_are_those_of_the_processor() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let truth: Vec<u16> = fixture::<u8>("gt_64x56x40.npy")
        .into_iter()
        .map(u16::from)
        .collect();
    let settings = settings(200, 0.2);
    let Some(found) = on_device(&[&image], &settings) else {
        return;
    };
    let twin = run(&image, DIMS, &settings).labels;
    let same = found.iter().zip(&twin).filter(|(a, b)| a == b).count();
    let same = same as f64 / found.len() as f64;
    let recall = boundary_recall(&at(DIMS, &found), &at(DIMS, &truth));
    let accuracy = achievable_accuracy(&found, &truth);
    println!("same labels {same:.5}, recall {recall:.4}, accuracy {accuracy:.4}");
    assert!(same > 0.999, "{same}");
    assert!(recall >= 0.99 && accuracy >= 0.97);
    // Again: the same to the last voxel.
    assert_eq!(on_device(&[&image], &settings).unwrap(), found);
}

#[test]
fn several_channels_go_to_an_adapter() {
    let image: Vec<f32> = fixture("img_64x56x40.npy");
    let other: Vec<f32> = image.iter().rev().copied().collect();
    let few = settings(30, 0.2);
    let _ = on_device(&[&image, &other], &few);
}
