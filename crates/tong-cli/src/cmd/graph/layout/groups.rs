//! Groups of boxes that are connected, and the places of boxes in them.

use super::{px, Line, Placed, AISLE, GAP};
use crate::cmd::graph::picture::{Link, Picture};

/// How often boxes are moved to where their neighbours are.
const ROUNDS: usize = 12;

/// Finds the groups, and the side of each process. Groups with a deadlock come first, then the largest.
pub(super) fn find(picture: &Picture, boxes: &mut [Placed], lines: &[Line]) -> Vec<Vec<usize>> {
    choose_sides(picture, boxes, lines);
    let mut group_of: Vec<usize> = (0..boxes.len()).collect();
    for line in lines {
        let (one, other) = (group_of[line.process], group_of[line.other]);
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
    groups.sort_by_key(|group| (!stuck(group), std::cmp::Reverse(group.len())));
    groups
}

fn choose_sides(picture: &Picture, boxes: &mut [Placed], lines: &[Line]) {
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
    let box_of = |node: usize| boxes.iter().position(|placed| placed.nodes == [node]);
    let mut right = Vec::new();
    for ring in &picture.rings {
        for step in ring.steps.iter().skip(1).step_by(2) {
            right.extend(box_of(step.process));
        }
    }
    for index in right {
        boxes[index].side = 2;
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
    for side in [0, 2] {
        settle(&columns[side], boxes, lines);
    }
    place_columns(&columns, boxes)
}

/// Where a box would like its center to be: in the middle of what it is connected with.
fn wish(index: usize, boxes: &[Placed], lines: &[Line]) -> i32 {
    let far_ends = lines.iter().filter_map(|line| match index {
        _ if line.process == index => Some(line.other),
        _ if line.other == index => Some(line.process),
        _ => None,
    });
    let centers: Vec<i32> = far_ends.map(|far| boxes[far].center()).collect();
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
