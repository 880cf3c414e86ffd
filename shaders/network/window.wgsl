// Cuts a window out of an image and makes it rows of channels, filled up to whole vectors
// with zeros. Voxels that are not to be shown are taken from the baseline. Values are chosen,
// never computed: with everything shown the window is the scan's bit for bit.

struct Window {
    // Size of the padded image.
    image_dims: vec3<u32>,
    channels: u32,
    window_dims: vec3<u32>,
    channel_quads: u32,
    start: vec3<u32>,
    // Which of the batch this is.
    number: u32,
    // Whether there is a baseline at all.
    masked: u32,
    // Which of the images it is cut from.
    image: u32,
    // Bits from those of one channel to those of the next; 0 where all share them.
    channel_stride: u32,
    unused: u32,
}

// Images × channels × voxels.
@group(0) @binding(0) var<storage, read_write> scan: array<f32>;
@group(0) @binding(1) var<storage, read_write> baseline: array<f32>;
// The label of each voxel, two a word.
@group(0) @binding(2) var<storage, read_write> labels: array<u32>;
// One bit a label, of all channels or channel by channel: whether the scan is shown.
@group(0) @binding(3) var<storage, read_write> shown: array<u32>;
@group(0) @binding(4) var<storage, read_write> result: array<Stored>;
@group(0) @binding(5) var<storage, read> window: Window;

fn is_shown(bit: u32) -> bool {
    return ((shown[bit / 32u] >> (bit % 32u)) & 1u) != 0u;
}

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
    var label = 0u;
    var from_scan = true;
    if window.masked != 0u {
        label = (labels[voxel / 2u] >> (16u * (voxel % 2u))) & 0xffffu;
        from_scan = is_shown(label);
    }
    for (var quad = 0u; quad < window.channel_quads; quad += 1u) {
        var value = vec4<f32>(0.0);
        for (var i = 0u; i < 4u; i += 1u) {
            let channel = 4u * quad + i;
            if channel < window.channels {
                let source = (window.image * window.channels + channel) * image_voxels + voxel;
                if window.channel_stride != 0u {
                    from_scan = is_shown(channel * window.channel_stride + label);
                }
                if from_scan {
                    value[i] = scan[source];
                } else {
                    value[i] = baseline[source];
                }
            }
        }
        result[(window.number * voxels + own) * window.channel_quads + quad] = Stored(value);
    }
}
