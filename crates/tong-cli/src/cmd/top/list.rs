//! A list that one moves through: what is shown, in which order, and which line is chosen.
//!
//! The chosen line is known by what it is and not by where it is, so it stays chosen when lines come, go, and change places.

use std::cmp::Ordering;

/// Something that is a line of a list.
pub(super) trait Line {
    /// What it is, from one look to the next.
    type Key: Clone + PartialEq + std::fmt::Debug;
    /// The names of what it can be sorted by, the first unless something else is asked for.
    const SORTS: &'static [&'static str];

    fn key(&self) -> Self::Key;

    /// Appends what a filter finds.
    fn text(&self, text: &mut String);

    /// The order of two lines by one of [`Line::SORTS`].
    fn order(&self, other: &Self, sort: usize) -> Ordering;
}

/// The state of a list.
#[derive(Debug)]
pub(super) struct List<L: Line> {
    pub(super) filter: String,
    pub(super) sort: usize,
    pub(super) is_reversed: bool,
    /// The indices of the lines that are shown, in order.
    shown: Vec<usize>,
    chosen: Option<L::Key>,
    /// Where the chosen line is among those shown.
    at: usize,
    /// The first line on the screen.
    top: usize,
    /// How many lines there were, shown or not.
    all: usize,
}

/// A way through a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Lines(isize),
    Pages(isize),
    First,
    Last,
}

impl<L: Line> Default for List<L> {
    fn default() -> List<L> {
        List {
            filter: String::new(),
            sort: 0,
            is_reversed: false,
            shown: Vec::new(),
            chosen: None,
            at: 0,
            top: 0,
            all: 0,
        }
    }
}

impl<L: Line> List<L> {
    /// Filters and sorts these lines, and finds the chosen one again.
    pub(super) fn settle(&mut self, lines: &[L]) {
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let mut text = String::new();
        let fits = |line: &L| {
            if words.is_empty() {
                return true;
            }
            text.clear();
            line.text(&mut text);
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        self.all = lines.len();
        self.shown.clear();
        let mut fits = fits;
        self.shown
            .extend((0..lines.len()).filter(|index| fits(&lines[*index])));
        let (sort, is_reversed) = (self.sort, self.is_reversed);
        self.shown.sort_by(|one, other| {
            let order = lines[*one].order(&lines[*other], sort);
            if is_reversed {
                order.reverse()
            } else {
                order
            }
        });
        let found = self.chosen.as_ref().and_then(|key| {
            let mut shown = self.shown.iter();
            shown.position(|index| lines[*index].key() == *key)
        });
        // What took the place of one that is gone is as good as any.
        self.choose_at(found.unwrap_or(self.at), lines);
    }

    fn choose_at(&mut self, at: usize, lines: &[L]) {
        self.at = at.min(self.shown.len().saturating_sub(1));
        self.chosen = self.shown.get(self.at).map(|index| lines[*index].key());
    }

    /// Goes somewhere else; `height` is how many lines the screen shows.
    pub(super) fn go(&mut self, way: Move, height: usize, lines: &[L]) {
        let page = isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1);
        let at = match way {
            Move::Lines(by) => self.at.saturating_add_signed(by),
            Move::Pages(by) => self.at.saturating_add_signed(by * page),
            Move::First => 0,
            Move::Last => usize::MAX,
        };
        self.choose_at(at, lines);
    }

    /// The chosen line.
    pub(super) fn chosen<'a>(&self, lines: &'a [L]) -> Option<&'a L> {
        self.shown.get(self.at).and_then(|index| lines.get(*index))
    }

    /// The lines that fit on a screen of this height, the chosen one among them, and whether it is that one.
    pub(super) fn on_screen<'a>(
        &mut self,
        height: usize,
        lines: &'a [L],
    ) -> impl Iterator<Item = (bool, &'a L)> + use<'_, 'a, L> {
        let most = self.shown.len().saturating_sub(height);
        let lowest = (self.at + 1).saturating_sub(height);
        self.top = self
            .top
            .clamp(lowest, self.at.max(lowest))
            .min(most.max(lowest));
        let (top, at) = (self.top, self.at);
        let shown = self.shown.iter().enumerate().skip(top).take(height);
        shown.filter_map(move |(place, index)| Some((place == at, lines.get(*index)?)))
    }

    /// How many lines are shown, and of how many.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.shown.len(), self.all)
    }

    /// The place of the chosen line, from 1.
    pub(super) fn place(&self) -> usize {
        (self.at + 1).min(self.shown.len())
    }

    pub(super) fn sort_by_next(&mut self, lines: &[L]) {
        self.sort = (self.sort + 1) % L::SORTS.len();
        self.is_reversed = false;
        self.settle(lines);
    }

    pub(super) fn reverse(&mut self, lines: &[L]) {
        self.is_reversed = !self.is_reversed;
        self.settle(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Fruit(&'static str, u32);

    impl Line for Fruit {
        type Key = &'static str;
        const SORTS: &'static [&'static str] = &["name", "count"];

        fn key(&self) -> &'static str {
            self.0
        }

        fn text(&self, text: &mut String) {
            text.push_str(self.0);
        }

        fn order(&self, other: &Fruit, sort: usize) -> Ordering {
            match sort {
                0 => self.0.cmp(other.0),
                _ => other.1.cmp(&self.1),
            }
        }
    }

    fn names(list: &mut List<Fruit>, lines: &[Fruit]) -> Vec<&'static str> {
        list.on_screen(10, lines)
            .map(|(_, fruit)| fruit.0)
            .collect()
    }

    fn basket() -> Vec<Fruit> {
        vec![Fruit("Pear", 3), Fruit("apple", 9), Fruit("plum", 5)]
    }

    #[test]
    fn a_chosen_line_stays_chosen_wherever_it_goes() {
        let mut lines = basket();
        let mut list = List::default();
        list.settle(&lines);
        assert_eq!(names(&mut list, &lines), ["Pear", "apple", "plum"]);
        list.go(Move::Last, 10, &lines);
        assert_eq!(list.chosen(&lines).map(|it| it.0), Some("plum"));
        list.sort_by_next(&lines);
        assert_eq!(names(&mut list, &lines), ["apple", "plum", "Pear"]);
        assert_eq!(list.chosen(&lines).map(|it| it.0), Some("plum"));
        lines.insert(0, Fruit("quince", 7));
        list.settle(&lines);
        assert_eq!(list.chosen(&lines).map(|it| it.0), Some("plum"));
        assert_eq!(list.place(), 3);
        // It goes, and what takes its place is chosen.
        lines.retain(|it| it.0 != "plum");
        list.settle(&lines);
        assert_eq!(list.chosen(&lines).map(|it| it.0), Some("Pear"));
        lines.clear();
        list.settle(&lines);
        assert!(list.chosen(&lines).is_none() && list.counts() == (0, 0));
        list.go(Move::Pages(1), 10, &lines);
        assert_eq!(list.place(), 0);
    }

    #[test]
    fn a_filter_wants_all_of_its_words_in_any_case() {
        let lines = basket();
        let mut list = List::default();
        for (filter, expected) in [
            ("P", &["Pear", "apple", "plum"][..]),
            ("pE", &["Pear"]),
            ("p l", &["apple", "plum"]),
            ("fig", &[]),
        ] {
            list.filter = filter.to_owned();
            list.settle(&lines);
            assert_eq!(names(&mut list, &lines), expected, "{filter}");
            assert_eq!(list.counts(), (expected.len(), 3));
        }
    }

    #[test]
    fn the_chosen_line_is_always_on_the_screen() {
        let fruit = |number| Fruit(["a", "b"][usize::from(number % 2 == 1)], number);
        let lines: Vec<Fruit> = (0..100).map(fruit).collect();
        let mut list = List::default();
        list.settle(&lines);
        for (way, height) in [
            (Move::Last, 7),
            (Move::Pages(-1), 7),
            (Move::Lines(-3), 3),
            (Move::First, 1),
            (Move::Pages(3), 20),
            (Move::Last, 200),
            (Move::Lines(1), 0),
        ] {
            list.go(way, height, &lines);
            let mut chosen = list.on_screen(height, &lines).filter(|(is_it, _)| *is_it);
            assert_eq!(chosen.next().is_some(), height > 0, "{way:?} {height}");
        }
        // After a jump to the end there is no empty space below.
        list.go(Move::Last, 7, &lines);
        assert_eq!(list.on_screen(7, &lines).count(), 7);
    }

    #[test]
    fn the_order_can_be_turned() {
        let lines = basket();
        let mut list = List::default();
        list.settle(&lines);
        list.reverse(&lines);
        assert_eq!(names(&mut list, &lines), ["plum", "apple", "Pear"]);
        list.sort_by_next(&lines);
        assert_eq!(names(&mut list, &lines), ["apple", "plum", "Pear"]);
    }
}
