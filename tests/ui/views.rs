//! The views by keys, mouse and names: slices, windows, lengths, layers, arrangements.

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Role, Vec2};
use egui_kittest::kittest::Queryable as _;
use voxplain::base::Plane;
use voxplain::gpu::Interpolation;
use voxplain::ui::command::{Command, Pane};
use voxplain::ui::layers::{HeatShown, Layer};
use voxplain::ui::panes::layout::{Arrangement, Layout};
use voxplain::ui::state::Look;
use voxplain::ui::view_command::ViewCommand;

use crate::desk::{Window, click, image, launch, settle, slider, text, wait_until_ready, window};

pub fn look(window: &Window) -> &Look {
    window.state().look.as_ref().unwrap()
}

pub fn view(window: &mut Window, command: ViewCommand) {
    window.state_mut().send(Command::View(command));
    settle(window);
}

fn press(window: &mut Window, key: Key) {
    window.key_press(key);
    settle(window);
}

fn pointer(window: &mut Window, pos: Pos2, button: PointerButton, pressed: bool) {
    window.event(Event::PointerMoved(pos));
    window.event(Event::PointerButton {
        pos,
        button,
        pressed,
        modifiers: Modifiers::NONE,
    });
    window.step();
}

/// Drags with a button from one point to another.
fn drag(window: &mut Window, button: PointerButton, from: Pos2, to: Pos2) {
    window.hover_at(from);
    window.step();
    pointer(window, from, button, true);
    for step in 1..=4 {
        window.event(Event::PointerMoved(from + (to - from) * step as f32 / 4.0));
        window.step();
    }
    pointer(window, to, button, false);
    settle(window);
}

#[test]
fn slices_are_scrubbed_by_keys_wheel_and_the_bar() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let z = |window: &Window| look(window).crosshair_mm.z;
    let first = z(&window);
    press(&mut window, Key::ArrowUp);
    assert_eq!(z(&window), first + 1.0);
    press(&mut window, Key::PageDown);
    assert_eq!(z(&window), first - 9.0);
    press(&mut window, Key::PageUp);
    press(&mut window, Key::ArrowDown);
    assert_eq!(z(&window), first);

    // The wheel scrubs the view under the pointer, and keys go there too.
    let coronal = window.get_by_label("Coronal view").rect().center();
    window.hover_at(coronal);
    window.step();
    let y = look(&window).crosshair_mm.y;
    window.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: Vec2::new(0.0, 120.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(30);
    let scrubbed = look(&window).crosshair_mm.y;
    assert!(scrubbed > y + 1.0, "{y} {scrubbed}");
    assert_eq!(look(&window).plane, Plane::Coronal);

    // The bar is a slider for those who do not see it.
    window
        .get_by_role_and_label(Role::Slider, "Axial slice")
        .set_value_accesskit(7.0);
    settle(&mut window);
    assert_eq!(z(&window), 7.0);
}

#[test]
fn greys_zoom_and_lengths() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let automatic = look(&window).window;
    press(&mut window, Key::Num2);
    let middle = look(&window).window;
    assert_ne!(middle, automatic);
    let study = window.state().facts.study.clone().unwrap();
    let wanted = look(&window).unit.windows()[1].on(study.first_channel());
    assert_eq!(Some(middle), wanted);
    press(&mut window, Key::I);
    assert!(look(&window).inverted);
    press(&mut window, Key::A);
    assert_eq!(look(&window).window, automatic);
    assert!(!look(&window).inverted);
    press(&mut window, Key::N);
    assert_eq!(look(&window).interpolation, Interpolation::Cubic);

    // By the right button.
    let rect = window.get_by_label("Axial view").rect();
    let middle = rect.center() + Vec2::new(30.0, 30.0);
    drag(
        &mut window,
        PointerButton::Secondary,
        middle,
        middle + Vec2::new(60.0, 0.0),
    );
    let wider = look(&window).window;
    assert!(wider.high - wider.low > automatic.high - automatic.low);

    // One voxel of 1 mm is one pixel; then all of the scan fits.
    view(&mut window, ViewCommand::OneToOne);
    let index = Plane::Axial as usize;
    let scale = look(&window).fit_mm_per_point[index] / look(&window).zoom[index];
    assert!((scale - 1.0).abs() < 1e-9, "{scale}");
    press(&mut window, Key::F);
    assert_eq!(look(&window).zoom[index], 1.0);

    // A length, in millimetres, that stays until it is removed.
    press(&mut window, Key::M);
    let crosshair = look(&window).crosshair_mm;
    drag(
        &mut window,
        PointerButton::Primary,
        middle,
        middle + Vec2::new(40.0, 30.0),
    );
    let ruler = look(&window).rulers[0];
    let wanted = 50.0 * look(&window).fit_mm_per_point[index];
    assert!(
        (ruler.length_mm() - wanted).abs() < 0.05,
        "{} {wanted}",
        ruler.length_mm()
    );
    assert_eq!(
        look(&window).crosshair_mm,
        crosshair,
        "measuring moves nothing"
    );
    assert!(
        text(&window, &format!("{:.1} mm, axial", ruler.length_mm())).is_some()
            || window
                .query_by_label_contains(&format!("{:.1} mm, axial", ruler.length_mm()))
                .is_some()
    );
    window.get_by_label("Remove length 1").click_accesskit();
    settle(&mut window);
    assert!(look(&window).rulers.is_empty());
}

#[test]
fn layers_are_shown_hidden_alone_and_how_strongly() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    window
        .get_by_role_and_label(Role::CheckBox, "Show segmentation")
        .click();
    settle(&mut window);
    assert!(!look(&window).layers.shows(Layer::Segmentation));
    press(&mut window, Key::S);
    assert!(look(&window).layers.shows(Layer::Segmentation));
    click(&mut window, "Only supervoxels");
    assert_eq!(look(&window).layers.solo, Some(Layer::Supervoxels));
    assert!(!look(&window).layers.shows(Layer::Segmentation));
    click(&mut window, "Only supervoxels");
    assert_eq!(look(&window).layers.solo, None);
    slider(&mut window, "Segmentation opacity", 0.8);
    assert_eq!(look(&window).segmentation_opacity, 0.8);
    window
        .get_by_role_and_label(Role::CheckBox, "Show anterior hippocampus")
        .click();
    settle(&mut window);
    assert_eq!(look(&window).class_visible, [true, false, true]);
    view(&mut window, ViewCommand::ShowHeat(HeatShown::StandardError));
    assert_eq!(look(&window).layers.heat, HeatShown::StandardError);
    window.check_accessibility();
}

#[test]
fn views_change_places_and_sizes_and_their_layout_can_be_kept() {
    let mut window = window(launch(vec![image()]));
    wait_until_ready(&mut window);
    let rect = |window: &Window, name: &str| window.get_by_label(name).rect();
    let (axial, volume) = (rect(&window, "Axial view"), rect(&window, "3D view"));
    let names = [axial, volume].map(|rect| rect.min + Vec2::new(20.0, 14.0));
    drag(
        &mut window,
        PointerButton::Primary,
        names[0],
        names[1] + Vec2::new(90.0, 80.0),
    );
    assert_eq!(rect(&window, "3D view").min, axial.min);
    assert_eq!(rect(&window, "Axial view").min, volume.min);

    // The edge between the columns is dragged.
    let edge = Pos2::new(axial.right() + 1.5, axial.center().y);
    drag(
        &mut window,
        PointerButton::Primary,
        edge,
        edge + Vec2::new(100.0, 0.0),
    );
    let wider = rect(&window, "3D view").width() - axial.width();
    assert!((wider - 100.0).abs() < 4.0, "{wider}");
    let kept = serde_json::to_string(&window.state().layout).unwrap();
    let read: Layout = serde_json::from_str(&kept).unwrap();
    assert!(read.is_whole() && read == window.state().layout);

    for (key, arrangement) in [Key::F5, Key::F6, Key::F7]
        .into_iter()
        .zip(Arrangement::ALL)
    {
        press(&mut window, key);
        assert_eq!(window.state().layout.arrangement(), arrangement);
        for pane in ["Axial view", "Coronal view", "Sagittal view", "3D view"] {
            assert!(
                rect(&window, pane).width() > 100.0,
                "{pane} {arrangement:?}"
            );
        }
    }
    window.get_by_label("Enlarge the coronal view").click();
    settle(&mut window);
    let coronal = Pane::Slice(Plane::Coronal);
    assert_eq!(window.state().layout.enlarged, Some(coronal));
    assert!(window.query_by_label("3D view").is_none());
}
