// Colours of classes and players, and how they lie on a plane. Twin:
// src/gpu/twin/overlay.rs.

// Colour of a class; its opacity is 0 where it is hidden.
fn class_colour(label: u32) -> vec4<f32> {
    if label == 0u || label >= view.scene.overlay.class_count {
        return vec4<f32>(0.0);
    }
    return palette[CLASS_COLOURS + label];
}

fn has_player(id: u32) -> bool {
    return id > 0u && id <= view.scene.overlay.player_count;
}

fn in_mask(id: u32) -> bool {
    let overlay = view.scene.overlay;
    if overlay.mask_sign == MASK_NONE || !has_player(id) {
        return false;
    }
    let player = players[id - 1u];
    if (player.flags & PLAYER_HAS_VALUE) == 0u {
        return false;
    }
    var strength = player.value;
    if overlay.mask_sign == MASK_AGAINST {
        strength = -strength;
    } else if overlay.mask_sign == MASK_EITHER {
        strength = abs(strength);
    }
    let is_certain = (player.flags & PLAYER_HAS_INTERVAL) != 0u
        && strength > player.interval_half_width;
    return strength >= overlay.mask_threshold && (overlay.mask_certain == 0u || is_certain);
}

// Whether the 95 % interval of a player holds zero, or is not known.
fn is_undecided(player: Player) -> bool {
    return (player.flags & PLAYER_HAS_INTERVAL) == 0u
        || abs(player.value) < player.interval_half_width;
}

// Colour of a player's value; its opacity grows with the size of the value. Or colour of
// how uncertain the value is, where that is what the heatmap shows.
fn heat_colour(id: u32) -> vec4<f32> {
    let scale = view.scene.overlay.heat_scale;
    if !has_player(id) || !(scale > 0.0) {
        return vec4<f32>(0.0);
    }
    let player = players[id - 1u];
    if view.scene.overlay.heat_of_error != 0u {
        if (player.flags & PLAYER_HAS_INTERVAL) == 0u {
            return vec4<f32>(0.0);
        }
        let size = clamp(player.interval_half_width / scale, 0.0, 1.0);
        return vec4<f32>(map_colour(HEAT_COLOURS, size), 0.9);
    }
    if (player.flags & PLAYER_HAS_VALUE) == 0u {
        return vec4<f32>(0.0);
    }
    let t = clamp(player.value / scale, -1.0, 1.0);
    return vec4<f32>(map_colour(0u, t * 0.5 + 0.5), smoothstep(0.02, 0.6, abs(t)));
}

// A colour map of the palette, at a place from 0 to 1.
fn map_colour(start: u32, t: f32) -> vec3<f32> {
    let position = t * f32(HEAT_COLOURS - 1u);
    let first = u32(position);
    let second = min(first + 1u, HEAT_COLOURS - 1u);
    return mix(palette[start + first].rgb, palette[start + second].rgb, position - f32(first));
}

// Share of a player's colour that is drawn at a pixel: undecided players are drawn as
// stripes, as the estimate may yet change its sign.
fn hatching(id: u32, pixel: vec2<f32>) -> f32 {
    if view.scene.overlay.hatch_undecided == 0u || !has_player(id) {
        return 1.0;
    }
    if !is_undecided(players[id - 1u]) {
        return 1.0;
    }
    return select(0.2, 1.0, fract((pixel.x + pixel.y) / 7.0) < 0.4);
}

// Which lines between ids pass a pixel: between supervoxels, between those of them that
// are both in the relevance mask, around the mask, around the selected supervoxel, around the one under the pointer.
struct Lines {
    supervoxels: f32,
    within_mask: f32,
    mask: f32,
    selected: f32,
    hovered: f32,
}

fn supervoxel_lines(
    id: u32,
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
) -> Lines {
    let overlay = view.scene.overlay;
    var lines = Lines(0.0, 0.0, 0.0, 0.0, 0.0);
    let here_in_mask = in_mask(id);
    for (var neighbour = 0u; neighbour < 8u; neighbour++) {
        let near = neighbour < 4u;
        let step = offset(neighbour, right_step, down_step);
        let other = supervoxel_id_at(place + step);
        if other == id {
            continue;
        }
        // A line is full where ids differ half a pixel away and half where they differ
        // a pixel away: about one and a half pixels wide, with soft edges.
        let strength = select(0.5, 1.0, near);
        lines.supervoxels = max(lines.supervoxels, strength);
        let other_in_mask = in_mask(other);
        if here_in_mask && other_in_mask {
            lines.within_mask = max(lines.within_mask, strength);
        }
        if here_in_mask != other_in_mask {
            lines.mask = 1.0;
        }
        let selected = overlay.selected_supervoxel;
        if selected != 0u && (id == selected || other == selected) {
            lines.selected = 1.0;
        }
        let hovered = overlay.hovered_supervoxel;
        if hovered != 0u && (id == hovered || other == hovered) {
            lines.hovered = max(lines.hovered, strength);
        }
    }
    return lines;
}

// Four places half a pixel away, then four a pixel away.
fn offset(neighbour: u32, right_step: vec3<f32>, down_step: vec3<f32>) -> vec3<f32> {
    let along = select(down_step, right_step, (neighbour & 1u) == 0u);
    let sign = select(-1.0, 1.0, (neighbour & 2u) == 0u);
    return along * (sign * select(1.0, 0.5, neighbour < 4u));
}

const MASK_LINE: vec3<f32> = vec3<f32>(1.0, 0.84, 0.25);
const SUPERVOXEL_LINE: vec3<f32> = vec3<f32>(0.82, 0.86, 0.92);

// Whether any label of a layer may lie within a pixel of a place.
fn is_near(
    layer: Layer,
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
) -> bool {
    let texel = texel_at(layer, place);
    let reach = abs(texel_direction(layer, right_step)) + abs(texel_direction(layer, down_step));
    return layer.dims.w > 0.0
        && all(texel >= layer.occupied_low.xyz - reach)
        && all(texel <= layer.occupied_high.xyz + reach);
}

// Layers of supervoxels and segmentation, as `order` of a plane names them. The others are
// in plane_layers.wgsl.
const HEATMAP_LAYER: u32 = 1u;
const SUPERVOXELS_LAYER: u32 = 2u;
const MASK_LAYER: u32 = 3u;
const SEGMENTATION_LAYER: u32 = 4u;

// A place of a plane, and what of these layers lies there.
struct PlanePlace {
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
    pixel: vec2<f32>,
    supervoxel: u32,
    lines: Lines,
    near_supervoxels: bool,
    near_segmentation: bool,
}

fn plane_place(
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
    pixel: vec2<f32>,
) -> PlanePlace {
    var at: PlanePlace;
    at.place = place;
    at.right_step = right_step;
    at.down_step = down_step;
    at.pixel = pixel;
    at.near_supervoxels = is_near(view.scene.supervoxels, place, right_step, down_step);
    at.near_segmentation = is_near(view.scene.segmentation, place, right_step, down_step);
    if at.near_supervoxels {
        at.supervoxel = supervoxel_id_at(place);
        at.lines = supervoxel_lines(at.supervoxel, place, right_step, down_step);
    }
    return at;
}

// One of these layers on the colour of all below it.
fn with_plane_layer(base: vec3<f32>, layer: u32, at: PlanePlace) -> vec3<f32> {
    let overlay = view.scene.overlay;
    var c = base;
    if layer == SEGMENTATION_LAYER {
        if at.near_segmentation {
            let label = segmentation_label_at(at.place);
            let class_here = class_colour(label);
            c = mix(c, class_here.rgb, class_here.a * overlay.segmentation_fill);
            if overlay.segmentation_outline > 0.0 {
                c = with_contour(c, label, at.place, at.right_step, at.down_step);
            }
        }
        return c;
    }
    if !at.near_supervoxels {
        return c;
    }
    if layer == HEATMAP_LAYER {
        let heat = heat_colour(at.supervoxel);
        let share = hatching(at.supervoxel, at.pixel);
        c = mix(c, heat.rgb, heat.a * overlay.heatmap_opacity * share);
    } else if layer == SUPERVOXELS_LAYER {
        c = mix(c, SUPERVOXEL_LINE, at.lines.supervoxels * overlay.boundary_opacity);
    } else if layer == MASK_LAYER {
        if overlay.mask_fill > 0.0 && in_mask(at.supervoxel) {
            c = mix(c, MASK_LINE, overlay.mask_fill);
        }
        c = mix(c, MASK_LINE, at.lines.mask * overlay.mask_outline);
    }
    return c;
}

// The supervoxels under the pointer and chosen, above all layers.
fn with_marks(base: vec3<f32>, at: PlanePlace) -> vec3<f32> {
    let c = mix(base, vec3<f32>(1.0), at.lines.hovered * 0.6);
    return mix(c, vec3<f32>(1.0), at.lines.selected);
}

// All of these layers above the scan at one place of a plane, on a base colour.
fn plane_colour(
    base: vec3<f32>,
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
    pixel: vec2<f32>,
) -> vec3<f32> {
    let at = plane_place(place, right_step, down_step, pixel);
    var c = base;
    for (var layer = HEATMAP_LAYER; layer <= SEGMENTATION_LAYER; layer++) {
        c = with_plane_layer(c, layer, at);
    }
    return with_marks(c, at);
}

// The contour of the segmentation, in the colour of the class it surrounds.
fn with_contour(
    colour: vec3<f32>,
    label: u32,
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
) -> vec3<f32> {
    let class_here = class_colour(label);
    var line = vec4<f32>(class_here.rgb, 0.0);
    for (var neighbour = 0u; neighbour < 8u; neighbour++) {
        let step = offset(neighbour, right_step, down_step);
        let other = segmentation_label_at(place + step);
        if other == label {
            continue;
        }
        let class_other = class_colour(other);
        let strength = select(0.5, 1.0, neighbour < 4u) * max(class_here.a, class_other.a);
        if class_here.a == 0.0 && strength > line.a {
            line = vec4<f32>(class_other.rgb, line.a);
        }
        line.a = max(line.a, strength);
    }
    return mix(colour, line.rgb, line.a * view.scene.overlay.segmentation_outline);
}
