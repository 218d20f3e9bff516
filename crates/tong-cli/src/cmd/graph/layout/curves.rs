//! The lines: which sides of boxes they join, where they end, and how they bend.

use super::{px, Curve, Line, Placed, AISLE};

/// The curves, with their ends spread over the sides of the boxes.
pub(super) fn draw(boxes: &[Placed], lines: &[Line]) -> Vec<Curve> {
    let sides: Vec<[Side; 2]> = lines.iter().map(|line| sides(boxes, line)).collect();
    let port = |own: (usize, usize), at: usize, side: Side| {
        // All that end at this side of the box, by where they come from.
        let mut ends: Vec<(i32, usize, usize)> = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            for (end, placed) in [line.process, line.other].into_iter().enumerate() {
                if placed == at && sides[index][end] == side {
                    let [far, _] = line.neighbours(at);
                    ends.push((far.map_or(0, |far| boxes[far].center()), index, end));
                }
            }
        }
        ends.sort_unstable();
        let place = ends
            .iter()
            .position(|(_, index, end)| (*index, *end) == own);
        let (place, count) = (px(place.unwrap_or(0)) + 1, px(ends.len()) + 1);
        let placed = &boxes[at];
        (side.of(placed), placed.y + placed.height * place / count)
    };
    let curve = |(index, line): (usize, &Line)| {
        let [from_side, to_side] = sides[index];
        let from = port((index, 0), line.process, from_side);
        let to = port((index, 1), line.other, to_side);
        let mut path = format!("M{} {}", from.0, from.1);
        let middle = match line.gap {
            None => bend(&mut path, (from, from_side), (to, to_side)),
            Some(gap) => {
                let y = boxes[gap].center();
                let (enter, leave) = (to_side.of(&boxes[gap]), from_side.of(&boxes[gap]));
                bend(&mut path, (from, from_side), ((enter, y), to_side));
                path.push_str(&format!("L{leave} {y}"));
                bend(&mut path, ((leave, y), from_side), (to, to_side));
                ((enter + leave) / 2, y)
            }
        };
        Curve {
            edge: line.edge,
            path,
            middle,
        }
    };
    lines.iter().enumerate().map(curve).collect()
}

/// Where a line ends, and the side of a box that it leaves or meets there.
type End = ((i32, i32), Side);

/// Appends a cubic Bézier curve to a path; returns its middle.
fn bend(path: &mut String, (from, from_side): End, (to, to_side): End) -> (i32, i32) {
    let reach = ((from.0 - to.0).abs() / 2).clamp(AISLE / 3, AISLE);
    let (first, second) = (from_side.beyond(from.0, reach), to_side.beyond(to.0, reach));
    path.push_str(&format!(
        "C{first} {} {second} {} {} {}",
        from.1, to.1, to.0, to.1
    ));
    (
        (from.0 + 3 * first + 3 * second + to.0) / 8,
        (from.1 + to.1) / 2,
    )
}

/// A side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    /// Where this side of a box is.
    fn of(self, placed: &Placed) -> i32 {
        match self {
            Side::Left => placed.x,
            Side::Right => placed.x + placed.width,
        }
    }

    fn beyond(self, x: i32, reach: i32) -> i32 {
        match self {
            Side::Left => x - reach,
            Side::Right => x + reach,
        }
    }
}

/// At which sides a line leaves its process and meets the other box.
fn sides(boxes: &[Placed], line: &Line) -> [Side; 2] {
    let (process, other) = (&boxes[line.process], &boxes[line.other]);
    match process.side.cmp(&other.side) {
        std::cmp::Ordering::Less => [Side::Right, Side::Left],
        std::cmp::Ordering::Greater => [Side::Left, Side::Right],
        // Two processes of one column: around the outside.
        std::cmp::Ordering::Equal if process.side == 2 => [Side::Right, Side::Right],
        std::cmp::Ordering::Equal => [Side::Left, Side::Left],
    }
}
