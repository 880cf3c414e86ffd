// Sums of probabilities, logits, margins and voxels given to a class, over chunks of a list of
// voxels. A chunk belongs to one set (a player, or a component of a target), so the host
// adds up whole chunks in double precision; nothing depends on the order of threads.
//
// A workgroup makes the sums of one chunk, a thread a few voxels.

const THREADS = 128u;
const EVERY_CLASS = 0xffffffffu;

struct Measure {
    voxels: u32,
    classes: u32,
    chunks: u32,
    // 1: probabilities exclude each other. 0: each class is a yes or no of its own.
    softmax: u32,
    // Classes measured of a chunk: all of them, or 1.
    classes_per_chunk: u32,
    unused_1: u32,
    unused_2: u32,
    unused_3: u32,
}

// Classes × voxels.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// Numbers of voxels, set by set.
@group(0) @binding(1) var<storage, read_write> list: array<u32>;
// First and one past the last entry of the list, class or EVERY_CLASS, unused.
@group(0) @binding(2) var<storage, read_write> chunks: array<vec4<u32>>;
// Chunks × classes × (Σ probability, Σ logit, voxels given to the class, Σ margin).
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> measure: Measure;

var<workgroup> shares: array<vec4<f32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let chunk = group.y * groups.x + group.x;
    // Threads past the last chunk must reach the barriers too.
    let is_chunk = chunk < measure.chunks;
    var bounds = vec4<u32>(0u);
    if is_chunk {
        bounds = chunks[chunk];
    }
    for (var number = 0u; number < measure.classes_per_chunk; number += 1u) {
        var class_ = number;
        if bounds.z != EVERY_CLASS {
            class_ = bounds.z;
        }
        var sums = vec4<f32>(0.0);
        for (var at = bounds.x + index; at < bounds.y; at += THREADS) {
            let voxel = list[at];
            let own = logits[class_ * measure.voxels + voxel];
            var probability = 1.0 / (1.0 + exp(-own));
            var hard = own > 0.0;
            var margin = own;
            if measure.softmax != 0u {
                // The first of equals wins.
                var largest = own;
                for (var other = 0u; other < measure.classes; other += 1u) {
                    let logit = logits[other * measure.voxels + voxel];
                    largest = max(largest, logit);
                }
                hard = own == largest;
                var total = 0.0;
                // Largest logit of the other classes, if there are any.
                var rival = 0.0;
                var first = true;
                for (var other = 0u; other < measure.classes; other += 1u) {
                    let logit = logits[other * measure.voxels + voxel];
                    total += exp(logit - largest);
                    if other != class_ {
                        rival = select(max(rival, logit), logit, first);
                        first = false;
                    }
                    if other < class_ && logit == largest {
                        hard = false;
                    }
                }
                probability = exp(own - largest) / total;
                margin = own - rival;
            }
            sums += vec4<f32>(probability, own, select(0.0, 1.0, hard), margin);
        }
        shares[index] = sums;
        for (var half = THREADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if index < half {
                shares[index] += shares[index + half];
            }
        }
        if index == 0u && is_chunk {
            result[chunk * measure.classes_per_chunk + number] = shares[0];
        }
        workgroupBarrier();
    }
}
