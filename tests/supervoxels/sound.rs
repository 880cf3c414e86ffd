//! What holds of all supervoxels.

use voxplain::explain::supervoxels::Supervoxels;

/// Labels are 1..=count in order of first appearance, each one piece by faces; 0
/// exactly where `inside` says so.
pub fn assert_sound(found: &Supervoxels, dims: [usize; 3], inside: impl Fn(usize) -> bool) {
    let labels = &found.labels;
    assert_eq!(labels.len(), dims.iter().product::<usize>());
    let mut next = 1;
    for &label in labels {
        assert!(label <= next, "label {label} before {next}");
        next += u16::from(label == next);
    }
    assert_eq!(usize::from(next), found.count + 1);
    let mut seen = vec![false; labels.len()];
    let mut pieces = vec![0; found.count + 1];
    for start in 0..labels.len() {
        assert_eq!(labels[start] > 0, inside(start), "voxel {start}");
        if seen[start] || labels[start] == 0 {
            continue;
        }
        pieces[usize::from(labels[start])] += 1;
        let mut stack = vec![start];
        seen[start] = true;
        while let Some(voxel) = stack.pop() {
            let [nx, ny, nz] = dims;
            let (x, y, z) = (voxel % nx, voxel / nx % ny, voxel / (nx * ny));
            let mut visit = |ok: bool, to: usize| {
                if ok && !seen[to] && labels[to] == labels[start] {
                    seen[to] = true;
                    stack.push(to);
                }
            };
            visit(x > 0, voxel.wrapping_sub(1));
            visit(x + 1 < nx, voxel + 1);
            visit(y > 0, voxel.wrapping_sub(nx));
            visit(y + 1 < ny, voxel + nx);
            visit(z > 0, voxel.wrapping_sub(nx * ny));
            visit(z + 1 < nz, voxel + nx * ny);
        }
    }
    assert!(
        pieces[1..].iter().all(|&n| n == 1),
        "pieces a label: {:?}",
        &pieces[1..]
    );
}
