//! Groups on shelves: from left to right, and on the next shelf when one is full.

/// Around everything and between groups.
const MARGIN: i32 = 40;
/// The picture is so many times as wide as it is high, at best.
const RATIO: f64 = 1.4;

/// The place of each group of these sizes, and the size of all.
pub(super) fn fill(sizes: &[(i32, i32)]) -> (Vec<(i32, i32)>, i32, i32) {
    let area: f64 = sizes
        .iter()
        .map(|(width, height)| f64::from(width + MARGIN) * f64::from(height + MARGIN))
        .sum();
    let widest = sizes.iter().map(|(width, _)| *width).max().unwrap_or(0);
    #[allow(clippy::cast_possible_truncation, reason = "rounds a length")]
    let shelf = ((area * RATIO).sqrt() as i32).max(widest);
    let (mut x, mut y, mut depth, mut width) = (MARGIN, MARGIN, 0, 0);
    let mut places = Vec::new();
    for (group_width, group_height) in sizes {
        if x > MARGIN && x + group_width > MARGIN + shelf {
            (x, y, depth) = (MARGIN, y + depth + MARGIN, 0);
        }
        places.push((x, y));
        x += group_width + MARGIN;
        depth = depth.max(*group_height);
        width = width.max(x);
    }
    (places, width.max(2 * MARGIN), y + depth + MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_shelf_is_followed_by_another() {
        let (places, width, height) = fill(&[(400, 100), (300, 100), (100, 50), (100, 50)]);
        assert_eq!(places[0], (40, 40));
        assert!(places[1..].iter().any(|(_, y)| *y >= 180), "{places:?}");
        assert!(width >= 480 && height >= 280);
    }

    #[test]
    fn nothing_has_a_size_too() {
        assert_eq!(fill(&[]), (vec![], 80, 80));
    }
}
