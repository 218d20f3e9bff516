//! Groups of boxes that are connected, and the places of boxes in them.

use super::{px, Line, Placed, AISLE, GAP};
use crate::cmd::graph::picture::{Link, Picture};

/// How often boxes are moved to where their neighbours are.
const ROUNDS: usize = 12;
/// Lines of a group in which crossings are looked for.
const UNCROSSED: usize = 40;

/// Finds the groups. Those with a deadlock come first, then the largest.
pub(super) fn find(picture: &Picture, boxes: &[Placed], lines: &[Line]) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..boxes.len()).collect();
    let gaps = |line: &Line| line.gap.map(|gap| (line.process, gap));
    let pairs = lines.iter().map(|line| (line.process, line.other));
    for (one, other) in pairs.chain(lines.iter().filter_map(gaps)) {
        let (one, other) = (group_of[one], group_of[other]);
        if one != other {
            let (low, high) = (one.min(other), one.max(other));
            for group in group_of.iter_mut().filter(|group| **group == high) {
                *group = low;
            }
        }
    }
    let members = |group: usize| -> Vec<usize> {
        (0..boxes.len())
            .filter(|index| group_of[*index] == group)
            .collect()
    };
    let mut groups: Vec<Vec<usize>> = (0..boxes.len())
        .map(members)
        .filter(|members| !members.is_empty())
        .collect();
    let stuck = |group: &[usize]| {
        let mut nodes = group.iter().flat_map(|index| &boxes[*index].nodes);
        nodes.any(|node| picture.nodes[*node].is_stuck)
    };
    // Those with the same kinds of objects stand together, and so look the same.
    let kinds = |group: &[usize]| -> Vec<String> {
        let nodes = group.iter().flat_map(|index| &boxes[*index].nodes);
        nodes
            .map(|node| picture.nodes[*node].kind.clone())
            .collect()
    };
    groups
        .sort_by_cached_key(|group| (!stuck(group), std::cmp::Reverse(group.len()), kinds(group)));
    groups
}

/// Chooses the side of each process.
pub(super) fn choose_sides(picture: &Picture, boxes: &mut [Placed], lines: &[Line]) {
    for index in 0..boxes.len() {
        let [node] = boxes[index].nodes[..] else {
            continue;
        };
        if !picture.nodes[node].is_process() {
            continue;
        }
        let link = |line: &Line| picture.edges[line.edge].link;
        let own = || lines.iter().filter(|line| line.process == index);
        // What a process has to do with other processes says nothing about its side, unless it is all there is.
        let is_object = |line: &&Line| boxes[line.other].side == 1;
        let gives = own().any(|line| matches!(link(line), Link::Owns | Link::Serves));
        let takes = own()
            .filter(is_object)
            .any(|line| matches!(link(line), Link::Waits | Link::Uses));
        let only_waits = own().next().is_some() && !own().any(|line| is_object(&line));
        boxes[index].side = if (takes || only_waits) && !gives {
            2
        } else {
            0
        };
    }
    let places: Vec<Vec<usize>> = boxes.iter().map(|placed| placed.nodes.clone()).collect();
    let box_of = |node: usize| places.iter().position(|nodes| *nodes == [node]);
    // The first ring that a process is in decides.
    for ring in picture.rings.iter().rev() {
        let mut side = 0;
        for step in &ring.steps {
            if let Some(index) = box_of(step.process) {
                boxes[index].side = side;
            }
            // Processes that wait for one another, with no object between them, stand below one another.
            let waits_for_process = step
                .awaited
                .1
                .is_some_and(|it| picture.nodes[it].is_process());
            if !waits_for_process {
                side = 2 - side;
            }
        }
    }
}

/// Places the boxes of a group, from the origin on; returns its size.
pub(super) fn arrange(group: &[usize], boxes: &mut [Placed], lines: &[Line]) -> (i32, i32) {
    let mut columns: [Vec<usize>; 3] = [0, 1, 2].map(|side| {
        let members = group.iter().copied();
        members.filter(|index| boxes[*index].side == side).collect()
    });
    for column in &columns {
        stack(column, boxes);
    }
    for round in 0..ROUNDS {
        // The middle follows the sides, then the sides follow the middle.
        for side in if round % 2 == 0 { [1, 0, 2] } else { [0, 2, 1] } {
            let column = &mut columns[side];
            let mut wishes: Vec<(i32, usize)> = column
                .iter()
                .map(|index| (wish(*index, boxes, lines), *index))
                .collect();
            // The sort is stable: those with the same wish stay as they are.
            wishes.sort_by_key(|(wish, _)| *wish);
            *column = wishes.iter().map(|(_, index)| *index).collect();
            stack(column, boxes);
        }
    }
    uncross(&mut columns, boxes, lines);
    for side in [0, 2] {
        settle(&columns[side], boxes, lines);
    }
    place_columns(&columns, boxes)
}

/// Swaps neighbours in columns as long as that saves crossings. For groups in which somebody could still see them.
fn uncross(columns: &mut [Vec<usize>; 3], boxes: &mut [Placed], lines: &[Line]) {
    let is_here = |line: &&Line| columns.iter().flatten().any(|index| *index == line.process);
    let own: Vec<Line> = lines.iter().filter(is_here).copied().collect();
    if own.len() > UNCROSSED {
        return;
    }
    let mut best = crossings(boxes, &own);
    for _ in 0..ROUNDS {
        let before = best;
        for column in columns.iter_mut() {
            for upper in 1..column.len() {
                column.swap(upper - 1, upper);
                stack(column, boxes);
                let now = crossings(boxes, &own);
                if now < best {
                    best = now;
                } else {
                    column.swap(upper - 1, upper);
                    stack(column, boxes);
                }
            }
        }
        if best == before {
            return;
        }
    }
}

/// How many pairs of lines cross between two columns.
fn crossings(boxes: &[Placed], lines: &[Line]) -> usize {
    let mut parts: Vec<[usize; 2]> = Vec::new();
    for line in lines {
        match line.gap {
            Some(gap) => parts.extend([[line.process, gap], [line.other, gap]]),
            None => parts.push([line.process, line.other]),
        }
    }
    // From left to right: the column at the left, and the heights of both ends.
    let aisles: Vec<(usize, i32, i32)> = parts
        .into_iter()
        .map(|[one, other]| match boxes[one].side <= boxes[other].side {
            true => (one, other),
            false => (other, one),
        })
        .filter(|(left, right)| boxes[*left].side != boxes[*right].side)
        .map(|(left, right)| {
            (
                boxes[left].side,
                boxes[left].center(),
                boxes[right].center(),
            )
        })
        .collect();
    let crossing = |one: &(usize, i32, i32), other: &(usize, i32, i32)| {
        one.0 == other.0 && (one.1 - other.1).signum() * (one.2 - other.2).signum() < 0
    };
    let with_later = |(index, one): (usize, &(usize, i32, i32))| {
        let later = aisles[index + 1..].iter();
        later.filter(|other| crossing(one, other)).count()
    };
    aisles.iter().enumerate().map(with_later).sum()
}

/// Where a box would like its center to be: in the middle of what it is connected with.
fn wish(index: usize, boxes: &[Placed], lines: &[Line]) -> i32 {
    let far_ends = lines.iter().flat_map(|line| line.neighbours(index));
    let centers: Vec<i32> = far_ends.flatten().map(|far| boxes[far].center()).collect();
    match centers.len() {
        0 => boxes[index].center(),
        count => centers.iter().sum::<i32>() / px(count),
    }
}

/// Stacks the boxes of a column around the middle line.
fn stack(column: &[usize], boxes: &mut [Placed]) {
    let height: i32 = column.iter().map(|index| boxes[*index].height + GAP).sum();
    let mut y = -(height - GAP) / 2;
    for index in column {
        boxes[*index].y = y;
        y += boxes[*index].height + GAP;
    }
}

/// Moves the boxes of a column to where they would like to be, as far as there is room, in the order that they have.
fn settle(column: &[usize], boxes: &mut [Placed], lines: &[Line]) {
    let mut least = i32::MIN;
    for index in column {
        let wanted = wish(*index, boxes, lines) - boxes[*index].height / 2;
        boxes[*index].y = wanted.max(least);
        least = boxes[*index].y + boxes[*index].height + GAP;
    }
}

/// Gives each column its place from left to right, and moves all to the origin.
fn place_columns(columns: &[Vec<usize>; 3], boxes: &mut [Placed]) -> (i32, i32) {
    let all = || columns.iter().flatten();
    let top = all().map(|index| boxes[*index].y).min().unwrap_or(0);
    let mut x = 0;
    // Lines between two processes of the same column go around the outside.
    for column in columns.iter().filter(|column| !column.is_empty()) {
        let widest = column
            .iter()
            .map(|index| boxes[*index].width)
            .max()
            .unwrap_or(0);
        for index in column {
            if boxes[*index].nodes.is_empty() {
                boxes[*index].width = widest;
            }
            // The middle column is aligned to the left, where its names are compared; the left one to its lines.
            boxes[*index].x = x + match boxes[*index].side {
                0 => widest - boxes[*index].width,
                _ => 0,
            };
            boxes[*index].y -= top;
        }
        x += widest + AISLE;
    }
    let bottom = all().map(|index| boxes[*index].y + boxes[*index].height);
    ((x - AISLE).max(0), bottom.max().unwrap_or(0))
}
