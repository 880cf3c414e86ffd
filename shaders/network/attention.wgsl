// Attention among the tokens of a window, for queries, keys and values as they lie in the
// token matrix. Shift, padding, windows and masks are index arithmetic: no rearranged copy
// and no matrix of scores is ever written.
//
// A workgroup serves THREADS queries of one head and window; a thread keeps one query,
// its running sum of values, and the largest score so far (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018).
//
// HEAD_QUADS and Stored stand in the text that the program puts before this.

const THREADS = 128u;
const KEYS = 32u;
const WINDOW = 7u;
// 2 · WINDOW − 1
const SPAN = 13u;
// Offset of a relative position of 0 along all axes.
const CENTRE = 1098u;
const MASKED_SCORE = -100.0;
const NO_TOKEN = 0xffffffffu;

struct Attention {
    // Depth, height and width of the token grid.
    dims: vec3<u32>,
    heads: u32,
    // Size of a window along each axis.
    window: vec3<u32>,
    tokens_per_window: u32,
    shift: vec3<u32>,
    // Blocks of queries in a window.
    blocks: u32,
    // Windows along each axis.
    counts: vec3<u32>,
    score_scale: f32,
}

// Tokens × (queries, keys, values) × heads × head width.
@group(0) @binding(0) var<storage, read_write> projected: array<Stored>;
// What padding projects to.
@group(0) @binding(1) var<storage, read_write> bias: array<vec4<f32>>;
// Heads × relative positions.
@group(0) @binding(2) var<storage, read_write> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<Stored>;
@group(0) @binding(4) var<storage, read> attention: Attention;

var<workgroup> keys: array<vec4<f32>, KEYS * HEAD_QUADS>;
var<workgroup> values: array<vec4<f32>, KEYS * HEAD_QUADS>;
var<workgroup> key_tokens: array<u32, KEYS>;
// Part of the window in the upper half, place in the bias table in the lower.
var<workgroup> key_places: array<u32, KEYS>;

// The row of a token by its place in a window, or NO_TOKEN for padding.
fn token_at(image: u32, window: vec3<u32>, place: u32) -> u32 {
    let size = attention.window;
    let line = place / size.z;
    let in_window = vec3<u32>(line / size.y, line % size.y, place % size.z);
    let padded = attention.counts * size;
    let at = (window * size + in_window + attention.shift) % padded;
    if any(at >= attention.dims) {
        return NO_TOKEN;
    }
    let dims = attention.dims;
    return ((image * dims.x + at.x) * dims.y + at.y) * dims.z + at.z;
}

// Where a place lies in the bias table, and on which sides of the cuts of the shift. For a
// window smaller than 7×7×7 its places count as the first of a 7×7×7 raster.
fn place_code(window: vec3<u32>, place: u32) -> u32 {
    let line = place / WINDOW;
    let row = (line / WINDOW) * SPAN * SPAN + (line % WINDOW) * SPAN + place % WINDOW;
    let size = attention.window;
    let own_line = place / size.z;
    let in_window = vec3<u32>(own_line / size.y, own_line % size.y, place % size.z);
    let cut = (attention.shift > vec3<u32>(0u)) & (window + vec3<u32>(1u) == attention.counts)
        & (in_window >= size - attention.shift);
    let bits = select(vec3<u32>(0u), vec3<u32>(4u, 2u, 1u), cut);
    return ((bits.x + bits.y + bits.z) << 16u) | row;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let head = group.y;
    let block = group.x % attention.blocks;
    let number = group.x / attention.blocks;
    let counts = attention.counts;
    let line = number / counts.z;
    let plane = line / counts.y;
    let window = vec3<u32>(plane % counts.x, line % counts.y, number % counts.z);
    let image = plane / counts.x;

    let head_quads = attention.heads * HEAD_QUADS;
    let query_place = block * THREADS + index;
    let is_query = query_place < attention.tokens_per_window;
    var query_token = NO_TOKEN;
    if is_query {
        query_token = token_at(image, window, query_place);
    }
    let query_code = place_code(window, query_place);
    var query: array<vec4<f32>, HEAD_QUADS>;
    var sums: array<vec4<f32>, HEAD_QUADS>;
    for (var quad = 0u; quad < HEAD_QUADS; quad += 1u) {
        query[quad] = vec4<f32>(0.0);
        sums[quad] = vec4<f32>(0.0);
        // A padding token's result is used by nobody.
        if query_token != NO_TOKEN {
            let at = query_token * 3u * head_quads + head * HEAD_QUADS + quad;
            query[quad] = vec4<f32>(projected[at]) * attention.score_scale;
        }
    }
    var largest = -1e30;
    var total = 0.0;

    for (var first = 0u; first < attention.tokens_per_window; first += KEYS) {
        if index < KEYS {
            let place = first + index;
            key_tokens[index] = token_at(image, window, place);
            key_places[index] = place_code(window, place);
        }
        workgroupBarrier();
        for (var item = index; item < KEYS * HEAD_QUADS; item += THREADS) {
            let key = item / HEAD_QUADS;
            let at = head * HEAD_QUADS + item % HEAD_QUADS;
            if first + key >= attention.tokens_per_window {
                keys[item] = vec4<f32>(0.0);
                values[item] = vec4<f32>(0.0);
            } else if key_tokens[key] == NO_TOKEN {
                keys[item] = bias[head_quads + at];
                values[item] = bias[2u * head_quads + at];
            } else {
                let row = key_tokens[key] * 3u * head_quads;
                keys[item] = vec4<f32>(projected[row + head_quads + at]);
                values[item] = vec4<f32>(projected[row + 2u * head_quads + at]);
            }
        }
        workgroupBarrier();
        if query_token != NO_TOKEN {
            for (var key = 0u; key < KEYS; key += 4u) {
                var scores = vec4<f32>(0.0);
                for (var quad = 0u; quad < HEAD_QUADS; quad += 1u) {
                    let q = query[quad];
                    scores += vec4<f32>(
                        dot(q, keys[key * HEAD_QUADS + quad]),
                        dot(q, keys[(key + 1u) * HEAD_QUADS + quad]),
                        dot(q, keys[(key + 2u) * HEAD_QUADS + quad]),
                        dot(q, keys[(key + 3u) * HEAD_QUADS + quad]),
                    );
                }
                for (var i = 0u; i < 4u; i += 1u) {
                    if first + key + i < attention.tokens_per_window {
                        let code = key_places[key + i];
                        let row = (query_code & 0xffffu) + CENTRE - (code & 0xffffu);
                        scores[i] += table[head * SPAN * SPAN * SPAN + row];
                        if (code >> 16u) != (query_code >> 16u) {
                            scores[i] += MASKED_SCORE;
                        }
                    } else {
                        scores[i] = -1e30;
                    }
                }
                let new_largest = max(
                    largest,
                    max(max(scores.x, scores.y), max(scores.z, scores.w)),
                );
                let shrink = exp(largest - new_largest);
                let parts = exp(scores - new_largest);
                largest = new_largest;
                total = total * shrink + parts.x + parts.y + parts.z + parts.w;
                for (var quad = 0u; quad < HEAD_QUADS; quad += 1u) {
                    sums[quad] = sums[quad] * shrink
                        + parts.x * values[key * HEAD_QUADS + quad]
                        + parts.y * values[(key + 1u) * HEAD_QUADS + quad]
                        + parts.z * values[(key + 2u) * HEAD_QUADS + quad]
                        + parts.w * values[(key + 3u) * HEAD_QUADS + quad];
                }
            }
        }
        workgroupBarrier();
    }
    if query_token != NO_TOKEN {
        for (var quad = 0u; quad < HEAD_QUADS; quad += 1u) {
            let at = query_token * head_quads + head * HEAD_QUADS + quad;
            result[at] = Stored(sums[quad] / total);
        }
    }
}
