// Surfaces of label layers: classes of the segmentation, and the players of the
// relevance mask. Twin: src/gpu/twin/surfaces.rs.
//
// A surface is where the trilinear membership of a label reaches one half, so it is
// smooth although labels are not.

fn corner(index: u32) -> vec3<i32> {
    return vec3<i32>(i32(index & 1u), i32((index >> 1u) & 1u), i32(index >> 2u));
}

// Trilinear weight of a corner of a texel cell at a position in it.
fn corner_weight(index: u32, f: vec3<f32>) -> f32 {
    let far = vec3<f32>(corner(index));
    let w = (1.0 - f) * (1.0 - far) + f * far;
    return w.x * w.y * w.z;
}

// The class with the largest membership. Where classes tie, the first corner's wins.
fn dominant_label(texel: vec3<f32>) -> u32 {
    let base = floor(texel);
    let f = texel - base;
    let b = vec3<i32>(base);
    var labels: array<u32, 8>;
    var uniform_cell = true;
    for (var i = 0u; i < 8u; i++) {
        labels[i] = segmentation_label(b + corner(i));
        uniform_cell = uniform_cell && labels[i] == labels[0];
    }
    if uniform_cell {
        return labels[0];
    }
    var best = 0u;
    var best_weight = -1.0;
    for (var i = 0u; i < 8u; i++) {
        var weight = 0.0;
        for (var j = 0u; j < 8u; j++) {
            weight += select(0.0, corner_weight(j, f), labels[j] == labels[i]);
        }
        if weight > best_weight {
            best = labels[i];
            best_weight = weight;
        }
    }
    return best;
}

fn label_membership(texel: vec3<f32>, label: u32) -> f32 {
    let base = floor(texel);
    let b = vec3<i32>(base);
    var sum = 0.0;
    for (var i = 0u; i < 8u; i++) {
        if segmentation_label(b + corner(i)) == label {
            sum += corner_weight(i, texel - base);
        }
    }
    return sum;
}

// Players with a surface: those of the relevance mask, and the selected one.
fn has_surface(id: u32) -> bool {
    return id != 0u && (in_mask(id) || id == view.scene.overlay.selected_supervoxel);
}

fn surface_membership(texel: vec3<f32>) -> f32 {
    let base = floor(texel);
    let b = vec3<i32>(base);
    var sum = 0.0;
    for (var i = 0u; i < 8u; i++) {
        if has_surface(supervoxel_id(b + corner(i))) {
            sum += corner_weight(i, texel - base);
        }
    }
    return sum;
}

// Four differences in the corners of a tetrahedron give a gradient.
fn tetrahedron(index: u32) -> vec3<f32> {
    let x = select(-1.0, 1.0, index < 2u);
    let y = select(-1.0, 1.0, index == 0u || index == 2u);
    return vec3<f32>(x, y, x * y);
}

const LABEL_REACH: f32 = 1.0;

fn label_normal(texel: vec3<f32>, label: u32, toward_viewer: vec3<f32>) -> vec3<f32> {
    var gradient = vec3<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let d = tetrahedron(i);
        gradient += d * label_membership(texel + d * LABEL_REACH, label);
    }
    return facing(-world_gradient(view.scene.segmentation, gradient), toward_viewer);
}

fn surface_normal(texel: vec3<f32>, toward_viewer: vec3<f32>) -> vec3<f32> {
    var gradient = vec3<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let d = tetrahedron(i);
        gradient += d * surface_membership(texel + d * LABEL_REACH);
    }
    return facing(-world_gradient(view.scene.supervoxels, gradient), toward_viewer);
}

// A unit normal on the viewer's side; toward the viewer where there is none.
fn facing(normal: vec3<f32>, toward_viewer: vec3<f32>) -> vec3<f32> {
    let size = length(normal);
    if size < 1e-6 {
        return toward_viewer;
    }
    return normal * (select(-1.0, 1.0, dot(normal, toward_viewer) >= 0.0) / size);
}

// The 32nd power, without the logarithm that a general power needs.
fn highlight(cosine: f32) -> f32 {
    let x = max(cosine, 0.0);
    let x2 = x * x;
    let x4 = x2 * x2;
    let x8 = x4 * x4;
    let x16 = x8 * x8;
    return x16 * x16;
}

// Light from behind the viewer's left shoulder: soft, with a small highlight.
fn lit(albedo: vec3<f32>, normal: vec3<f32>, toward_viewer: vec3<f32>, shine: f32) -> vec3<f32> {
    let light = view.light.xyz;
    let wrapped = dot(normal, light) * 0.5 + 0.5;
    let diffuse = 0.30 + 0.80 * wrapped * wrapped;
    let between = normalize(light + toward_viewer);
    return albedo * diffuse + highlight(dot(normal, between)) * shine;
}
