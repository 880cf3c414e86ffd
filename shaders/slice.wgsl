// One plane through the body. Twin: src/gpu/twin/slice.rs.

struct SliceView {
    scene: Scene,
    // World place of the picture's middle.
    center: vec4<f32>,
    // World steps of one pixel to the right and one pixel down.
    right_step: vec4<f32>,
    down_step: vec4<f32>,
    background: vec4<f32>,
    // Corners of the region box; region_low.w is 1 if there is one.
    region_low: vec4<f32>,
    region_high: vec4<f32>,
    size_px: vec2<f32>,
    // 0 nearest, 1 linear, 2 cubic.
    interpolate: u32,
    dim_outside_region: f32,
    labels: array<LabelLayer, 3>,
    second_scan: SecondScan,
    // The layers above the scan from the bottom, eight of them.
    order: array<vec4<u32>, 2>,
}

@group(1) @binding(0) var<uniform> view: SliceView;

@fragment
fn slice(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = position.xy;
    let from_middle = pixel - view.size_px * 0.5;
    let place = view.center.xyz
        + view.right_step.xyz * from_middle.x
        + view.down_step.xyz * from_middle.y;

    var c = view.background.rgb;
    let texel = texel_at(view.scene.scan, place);
    if inside(view.scene.scan, texel) {
        var value = 0.0;
        if view.interpolate == 2u {
            value = scan_cubic(texel);
        } else if view.interpolate == 1u {
            value = scan_interpolated(texel);
        } else {
            value = scan_texel(nearest_texel(texel));
        }
        c = vec3<f32>(windowed(value));
    }
    let at = plane_place(place, view.right_step.xyz, view.down_step.xyz, pixel);
    for (var above = 0u; above < 8u; above++) {
        let layer = view.order[above / 4u][above % 4u];
        if layer == SECOND_SCAN_LAYER {
            c = with_second_scan(c, view.second_scan, place);
        } else if layer >= FIRST_LABEL_LAYER {
            c = with_label_map(
                c,
                view.labels[min(layer - FIRST_LABEL_LAYER, 2u)],
                place,
                view.right_step.xyz,
                view.down_step.xyz,
                pixel,
            );
        } else {
            c = with_plane_layer(c, layer, at);
        }
    }
    c = with_marks(c, at);

    let in_region = all(place >= view.region_low.xyz) && all(place <= view.region_high.xyz);
    if view.region_low.w > 0.0 && !in_region {
        c *= 1.0 - view.dim_outside_region;
    }
    return vec4<f32>(c, 1.0);
}

// Interpolated by curves through the nearest four texels of each axis.
fn scan_cubic(texel: vec3<f32>) -> f32 {
    let base = floor(texel);
    let f = texel - base;
    let b = vec3<i32>(base);
    var wx = cubic_weights(f.x);
    var wy = cubic_weights(f.y);
    var wz = cubic_weights(f.z);
    var value = 0.0;
    for (var z = 0; z < 4; z++) {
        for (var y = 0; y < 4; y++) {
            var row = 0.0;
            for (var x = 0; x < 4; x++) {
                row += wx[x] * scan_texel(b + vec3<i32>(x, y, z) - 1);
            }
            value += row * wy[y] * wz[z];
        }
    }
    return value;
}

// Weights of four neighbours in a row, of which the place lies a fraction `f` after the
// second: the curves of Catmull and Rom.
fn cubic_weights(f: f32) -> vec4<f32> {
    let f2 = f * f;
    let f3 = f2 * f;
    return vec4<f32>(
        -0.5 * f3 + f2 - 0.5 * f,
        1.5 * f3 - 2.5 * f2 + 1.0,
        -1.5 * f3 + 2.0 * f2 + 0.5 * f,
        0.5 * f3 - 0.5 * f2,
    );
}
