//! Where everything goes: processes at the sides, objects between them, each group of connected things by itself.
//!
//! In a group, processes that own or serve something stand on the left, those that only wait or use on the right; those of
//! a ring in turns, so that a deadlock looks like a ring. Boxes are moved next to what they are connected with
//! (the barycenter method of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
//! structures", 1981). Many objects that only one process has go into one box. Groups are put on shelves.
//!
//! All is integers and follows from the picture alone, so the same picture is laid out the same way each time.

mod curves;
mod groups;
mod shelves;

use super::picture::{Link, Picture};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// Width of a letter, in the type and size of names.
pub(super) const LETTER: i32 = 8;
/// Longest name that is shown whole, in letters.
const NAME_MAX: usize = 34;
/// Height of a box with two lines.
const HEIGHT: i32 = 40;
/// Height of a line in a box of many.
pub(super) const LINE: i32 = 18;
/// Objects of one process alone, from which on they share a box.
const BUNDLE_LEAST: usize = 5;
/// Lines of such a box, before it gets a second column.
const BUNDLE_LINES: usize = 24;
/// Between two lines that end at one side of a box.
const PORT: i32 = 11;
/// Between boxes of a column.
const GAP: i32 = 14;
/// Between columns.
const AISLE: i32 = 130;

/// Where everything is.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) boxes: Vec<Placed>,
    pub(super) curves: Vec<Curve>,
}

/// A box.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    /// The nodes in it: one, or many objects of one process; none in a gap that a line goes through.
    pub(super) nodes: Vec<usize>,
    /// Columns of a box of many, and the width of one.
    pub(super) columns: usize,
    pub(super) column_width: i32,
    /// 0 left, 1 middle, 2 right.
    side: usize,
}

/// A line: from a process to something else.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// The edge that it stands for; of a box of many, the first of them.
    pub(super) edge: usize,
    /// The line, in SVG's words.
    pub(super) path: String,
    /// Where something can be written on it.
    pub(super) middle: (i32, i32),
}

impl Placed {
    fn center(&self) -> i32 {
        self.y + self.height / 2
    }
}

pub(super) fn lay_out(picture: &Picture) -> Layout {
    let mut boxes = boxes(picture);
    let mut lines = lines(picture, &boxes);
    groups::choose_sides(picture, &mut boxes, &lines);
    keep_clear(&mut boxes, &mut lines);
    let groups = groups::find(picture, &boxes, &lines);
    let sizes: Vec<(i32, i32)> = groups
        .iter()
        .map(|group| groups::arrange(group, &mut boxes, &lines))
        .collect();
    let (places, width, height) = shelves::fill(&sizes);
    for (group, (x, y)) in groups.iter().zip(places) {
        for index in group {
            boxes[*index].x += x;
            boxes[*index].y += y;
        }
    }
    Layout {
        width,
        height,
        curves: curves::draw(&boxes, &lines),
        boxes,
    }
}

/// A number as a length.
pub(super) fn px(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX / 1024)
}

/// A line between two boxes, by their indices.
#[derive(Clone, Copy, Debug)]
struct Line {
    edge: usize,
    process: usize,
    other: usize,
    /// A gap in the middle column that it goes through.
    gap: Option<usize>,
}

impl Line {
    /// The boxes beside this one along the line.
    fn neighbours(&self, of: usize) -> [Option<usize>; 2] {
        let first = |far: usize| [Some(self.gap.unwrap_or(far)), None];
        match of {
            _ if of == self.process => first(self.other),
            _ if of == self.other => first(self.process),
            _ if self.gap == Some(of) => [Some(self.process), Some(self.other)],
            _ => [None, None],
        }
    }
}

/// Lines from one side to the other get a gap in the middle column, an empty box, so that they do not run behind others.
fn keep_clear(boxes: &mut Vec<Placed>, lines: &mut [Line]) {
    for line in lines {
        if boxes[line.process].side.abs_diff(boxes[line.other].side) == 2 {
            line.gap = Some(boxes.len());
            boxes.push(Placed {
                x: 0,
                y: 0,
                width: 0,
                height: 4,
                nodes: Vec::new(),
                columns: 1,
                column_width: 0,
                side: 1,
            });
        }
    }
}

/// The boxes, not placed yet.
fn boxes(picture: &Picture) -> Vec<Placed> {
    let mut bundles: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (object, _) in picture.objects() {
        if let Some(process) = only_user(picture, object) {
            bundles.entry(process).or_default().push(object);
        }
    }
    bundles.retain(|_, objects| objects.len() >= BUNDLE_LEAST);
    let bundled: Vec<usize> = bundles.values().flatten().copied().collect();
    let single = (0..picture.nodes.len()).filter(|node| !bundled.contains(node));
    let single = single.map(|node| single_box(picture, node));
    single
        .chain(
            bundles
                .into_values()
                .map(|objects| bundle(picture, objects)),
        )
        .collect()
}

/// The process that has an object for itself, if nothing else is to be said about it.
fn only_user(picture: &Picture, object: usize) -> Option<usize> {
    let mut edges = picture.edges.iter().filter(|edge| edge.other == object);
    let edge = edges.next()?;
    let is_plain = matches!(edge.link, Link::Opens | Link::Serves) && !edge.is_stuck;
    (is_plain && edges.next().is_none()).then_some(edge.process)
}

fn single_box(picture: &Picture, node: usize) -> Placed {
    let at_node = picture
        .edges
        .iter()
        .filter(|edge| edge.process == node || edge.other == node);
    let ports = px(at_node.count());
    let label = picture.nodes[node].label();
    // The dot of an object's kind stands behind its name.
    let letters = (label.0.width() + 2).max(label.1.width() * 5 / 6 + 1);
    Placed {
        x: 0,
        y: 0,
        width: (px(letters) * LETTER + 26).max(110),
        height: HEIGHT.max(ports / 2 * PORT + 8),
        nodes: vec![node],
        columns: 1,
        column_width: 0,
        side: if picture.nodes[node].is_process() {
            0
        } else {
            1
        },
    }
}

fn bundle(picture: &Picture, objects: Vec<usize>) -> Placed {
    let columns = objects.len().div_ceil(BUNDLE_LINES);
    let lines = objects.len().div_ceil(columns);
    let widest = objects.iter().map(|object| {
        let (name, state) = picture.nodes[*object].label();
        name.width() + state.width() * 5 / 6 + 3
    });
    let column_width = px(widest.max().unwrap_or(0)) * LETTER + 16;
    Placed {
        x: 0,
        y: 0,
        width: px(columns) * column_width + 14,
        height: px(lines) * LINE + 10,
        nodes: objects,
        columns,
        column_width,
        side: 1,
    }
}

/// The lines between boxes; those into a box of many are one.
fn lines(picture: &Picture, boxes: &[Placed]) -> Vec<Line> {
    let mut box_of = vec![0; picture.nodes.len()];
    for (index, placed) in boxes.iter().enumerate() {
        for node in &placed.nodes {
            box_of[*node] = index;
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    for (index, edge) in picture.edges.iter().enumerate() {
        let line = Line {
            edge: index,
            process: box_of[edge.process],
            other: box_of[edge.other],
            gap: None,
        };
        let is_bundle = boxes[line.other].nodes.len() > 1;
        let known = lines
            .iter()
            .any(|known| known.process == line.process && known.other == line.other);
        if !(is_bundle && known) {
            lines.push(line);
        }
    }
    lines
}

impl super::picture::Node {
    /// The two lines of its box: a name that is not too long, and what it is.
    pub(super) fn label(&self) -> (String, String) {
        let state = crate::text::line(self.state.as_bytes());
        let kind = match self.pid {
            Some(pid) => format!("process {pid}"),
            None => self.kind.clone(),
        };
        let second = match state.is_empty() {
            true => kind,
            false => format!("{kind}, {state}"),
        };
        (shortened(&self.short_name()), second)
    }

    /// The name without the device, which the kind says.
    fn short_name(&self) -> String {
        let name = self.shown_name();
        let rest = [r"\\.\mailslot\", r"\\.\pipe\"]
            .iter()
            .find_map(|device| name.strip_prefix(device));
        rest.unwrap_or(&name).to_owned()
    }
}

/// A text that fits, with its middle left out if need be.
fn shortened(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if text.width() <= NAME_MAX {
        return text.to_owned();
    }
    // Wide letters take two columns.
    let half = (NAME_MAX - 1) * letters.len() / text.width() / 2;
    let start: String = letters[..half].iter().collect();
    let end: String = letters[letters.len() - half..].iter().collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::super::picture::samples;
    use super::*;

    fn overlap(one: &Placed, other: &Placed) -> bool {
        one.x < other.x + other.width
            && other.x < one.x + one.width
            && one.y < other.y + other.height
            && other.y < one.y + one.height
    }

    #[test]
    fn no_two_boxes_overlap_and_all_are_on_the_picture() {
        for picture in [
            samples::deadlock(),
            samples::crowd(1, 3),
            samples::crowd(7, 60),
            samples::crowd(40, 160),
            samples::crowd(1, 200),
        ] {
            let layout = lay_out(&picture);
            for (index, one) in layout.boxes.iter().enumerate() {
                assert!(one.x >= 0 && one.x + one.width <= layout.width, "{one:?}");
                assert!(one.y >= 0 && one.y + one.height <= layout.height, "{one:?}");
                for other in &layout.boxes[index + 1..] {
                    assert!(!overlap(one, other), "{one:?} {other:?}");
                }
            }
            let drawn: usize = layout.boxes.iter().map(|placed| placed.nodes.len()).sum();
            assert_eq!(drawn, picture.nodes.len());
        }
    }

    #[test]
    fn many_objects_are_not_drawn_as_a_tower() {
        let layout = lay_out(&samples::crowd(40, 160));
        assert!(
            layout.height < 3 * layout.width,
            "{} x {}",
            layout.width,
            layout.height
        );
    }

    #[test]
    fn the_same_picture_is_laid_out_the_same_way() {
        let layouts = [samples::crowd(9, 50), samples::crowd(9, 50)]
            .map(|picture| format!("{:?}", lay_out(&picture)));
        assert_eq!(layouts[0], layouts[1]);
    }

    #[test]
    fn a_deadlock_of_two_has_its_processes_on_both_sides() {
        let layout = lay_out(&samples::deadlock());
        let sides: Vec<usize> = layout.boxes.iter().map(|placed| placed.side).collect();
        assert_eq!(sides, [0, 2, 1, 1]);
    }

    /// A line between the sides that ran behind a box would look like one of that box.
    #[test]
    fn lines_from_side_to_side_go_through_gaps() {
        let mut picture = samples::deadlock();
        picture.link(0, 1, Link::Waits, "");
        let layout = lay_out(&picture);
        let gap = layout.boxes.iter().find(|placed| placed.nodes.is_empty());
        let gap = gap.expect("a gap");
        let through = format!("L{} {}", gap.x + gap.width, gap.center());
        assert!(layout.curves[4].path.contains(&through), "{layout:?}");
        assert!(gap.width > 100);
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"ab".repeat(40));
        assert!(long.width() <= NAME_MAX && long.contains('…'), "{long}");
        assert!(shortened(&"통".repeat(40)).width() <= NAME_MAX);
    }
}
