// Cuts a window out of an image and makes it rows of channels, filled up to whole vectors
// with zeros. Voxels of absent players are taken from the baseline. Values are chosen,
// never computed: with all players present the window is the scan's bit for bit.

struct Window {
    // Size of the padded image.
    image_dims: vec3<u32>,
    channels: u32,
    window_dims: vec3<u32>,
    channel_quads: u32,
    start: vec3<u32>,
    // Which of the batch this is.
    number: u32,
    // Whether there are players at all.
    masked: u32,
    // Which of the images it is cut from.
    image: u32,
    unused_1: u32,
    unused_2: u32,
}

// Images × channels × voxels.
@group(0) @binding(0) var<storage, read_write> scan: array<f32>;
@group(0) @binding(1) var<storage, read_write> baseline: array<f32>;
// Two players a word, 0 where none.
@group(0) @binding(2) var<storage, read_write> players: array<u32>;
// One bit a player; bit 0 stands for voxels of no player.
@group(0) @binding(3) var<storage, read_write> present: array<u32>;
@group(0) @binding(4) var<storage, read_write> result: array<Stored>;
@group(0) @binding(5) var<storage, read> window: Window;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let own = global.y * groups.x * 128u + global.x;
    let size = window.window_dims;
    let voxels = size.x * size.y * size.z;
    if own >= voxels {
        return;
    }
    let line = own / size.z;
    let at = window.start + vec3<u32>(line / size.y, line % size.y, own % size.z);
    let dims = window.image_dims;
    let voxel = (at.x * dims.y + at.y) * dims.z + at.z;
    let image_voxels = dims.x * dims.y * dims.z;
    var shown = true;
    if window.masked != 0u {
        let player = (players[voxel / 2u] >> (16u * (voxel % 2u))) & 0xffffu;
        shown = ((present[player / 32u] >> (player % 32u)) & 1u) != 0u;
    }
    for (var quad = 0u; quad < window.channel_quads; quad += 1u) {
        var value = vec4<f32>(0.0);
        for (var i = 0u; i < 4u; i += 1u) {
            let channel = 4u * quad + i;
            if channel < window.channels {
                let source = (window.image * window.channels + channel) * image_voxels + voxel;
                if shown {
                    value[i] = scan[source];
                } else {
                    value[i] = baseline[source];
                }
            }
        }
        result[(window.number * voxels + own) * window.channel_quads + quad] = Stored(value);
    }
}
