//! `voxplain render`: pictures that show what was asked for, and what is refused.

use std::path::Path;

use tempfile::tempdir;

use crate::image;
use crate::program::{Finished, text, voxplain};
use crate::support::fixture;

/// Pixels of a picture file, three bytes each.
fn pixels(path: &Path) -> (u32, u32, Vec<[u8; 3]>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes.chunks_exact(4).map(|p| [p[0], p[1], p[2]]).collect();
    (info.width, info.height, pixels)
}

fn render(out: &Path, more: &[&str]) -> Finished {
    let scan = image();
    let mut arguments = vec!["render", text(&scan), "--draw-on", "cpu", "--json"];
    arguments.extend(["--size", "160x120", "--out", text(out)]);
    arguments.extend(more);
    voxplain(&arguments)
}

/// How many pixels differ clearly between two pictures.
fn differing(a: &[[u8; 3]], b: &[[u8; 3]]) -> usize {
    let far = |(a, b): (&[u8; 3], &[u8; 3])| (0..3).any(|i| a[i].abs_diff(b[i]) > 24);
    a.iter().zip(b).filter(|&pair| far(pair)).count()
}

#[test]
fn a_picture_shows_the_scan_from_a_side_with_its_notice() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("front.png");
    let said = render(&out, &["--view", "anterior"]).json();
    assert_eq!(said["preset"], "brain-mr");
    assert_eq!(said["device"], "CPU");
    let (width, height, front) = pixels(&out);
    assert_eq!((width, height), (160, 120));
    // The middle is brighter than the corner, and the notice is in its colour.
    let at = |x: usize, y: usize| front[y * 160 + x].map(u32::from);
    assert!(at(80, 60).iter().sum::<u32>() > at(2, 60).iter().sum::<u32>() + 60);
    let amber = front[160 * 100..]
        .iter()
        .filter(|p| p[0] > 110 && p[0] > 2 * p[2])
        .count();
    assert!(amber > 20, "{amber}");

    // Other sides, presets, structures and cuts are other pictures.
    let other = folder.path().join("other.png");
    let labels = fixture("hippocampus_001/label.nii.gz");
    for more in [
        vec!["--view", "left"],
        vec!["--view", "anterior", "--preset", "mip"],
        vec!["--view", "anterior", "--labels", text(&labels), "--focus"],
        vec!["--view", "anterior", "--crop", "10,10,10,25,40,25"],
    ] {
        render(&other, &more).json();
        let (_, _, found) = pixels(&other);
        let differing = differing(&front, &found);
        assert!(differing > 300, "{more:?}: {differing}");
    }
    // The same again is the same picture.
    render(&other, &["--view", "anterior"]).json();
    assert_eq!(pixels(&other).2, front);
}

#[test]
fn a_turntable_goes_all_around() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("turn.png");
    let said = render(&out, &["--turntable", "2", "--view", "anterior"]).json();
    assert_eq!(said["pictures"].as_array().unwrap().len(), 2);
    let side = folder.path().join("side.png");
    for (number, view) in [(0, "anterior"), (1, "posterior")] {
        render(&side, &["--view", view]).json();
        let frame = folder.path().join(format!("turn_{number:03}.png"));
        assert_eq!(pixels(&frame).2, pixels(&side).2, "{view}");
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_reason() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("picture.png");
    for (more, code, reason) in [
        (vec!["--preset", "ct-bone"], 1, "brain-mr"),
        (vec!["--preset", "bone"], 2, "ct-bone"),
        (vec!["--view", "front"], 2, "anterior"),
        (vec!["--cut-away", "evidence"], 1, "--explanation"),
        (vec!["--zoom", "0"], 1, "zoom"),
        (vec!["--crop", "1,1,1,0,2,2"], 2, "empty"),
        (
            vec!["--explanation", text(folder.path())],
            1,
            "explanation.json",
        ),
    ] {
        let finished = render(&out, &more);
        assert_eq!(finished.code, Some(code), "{more:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(reason), "{}", finished.stderr);
        assert!(!out.exists());
    }
    let jpeg = render(&folder.path().join("picture.jpg"), &[]);
    assert_eq!(jpeg.code, Some(1));
    assert!(jpeg.stderr.contains(".png"), "{}", jpeg.stderr);
}
