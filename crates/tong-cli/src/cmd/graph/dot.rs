//! The picture in the language of Graphviz.

use super::picture::{Edge, Link, Node, Picture};
use std::fmt::Write;

pub(super) fn draw(picture: &Picture) -> String {
    let mut out = String::from(
        "digraph tong {\n  rankdir=LR;\n  node [fontname=\"monospace\", fontsize=11];\n  edge [fontname=\"monospace\", fontsize=9];\n",
    );
    for (index, node) in picture.nodes.iter().enumerate() {
        let _ = writeln!(out, "  n{index} [{}];", looks(node));
    }
    for edge in &picture.edges {
        let (from, to) = match edge.link {
            Link::Owns => (edge.other, edge.process),
            _ => (edge.process, edge.other),
        };
        let _ = writeln!(out, "  n{from} -> n{to} [{}];", line(edge));
    }
    out.push_str("}\n");
    out
}

fn looks(node: &Node) -> String {
    let label = match node.state.is_empty() {
        true => quoted(&[&node.title()]),
        false => quoted(&[&node.title(), &crate::text::line(node.state.as_bytes())]),
    };
    let shape = if node.is_process() { "box" } else { "ellipse" };
    let colour = if node.is_stuck {
        ", color=red, penwidth=2"
    } else {
        ""
    };
    let style = if node.is_dead { ", style=dashed" } else { "" };
    format!("label={label}, shape={shape}{colour}{style}")
}

fn line(edge: &Edge) -> String {
    let looks = match edge.link {
        Link::Waits => "style=dashed",
        Link::Owns => "penwidth=2",
        Link::Serves => "dir=none, penwidth=2",
        Link::Uses => "style=solid",
        Link::Opens => "dir=none, color=gray",
    };
    let colour = if edge.is_stuck { ", color=red" } else { "" };
    let label = match edge.label.is_empty() {
        true => edge.link.word().to_owned(),
        false => format!("{} {}", edge.link.word(), edge.label),
    };
    format!("label={}, {looks}{colour}", quoted(&[&label]))
}

/// Lines of text as a string of Graphviz.
fn quoted(lines: &[&str]) -> String {
    let escaped: Vec<String> = lines
        .iter()
        .map(|line| line.replace('\\', r"\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", escaped.join(r"\n"))
}

#[cfg(test)]
mod tests {
    use super::super::picture::samples;
    use super::*;

    #[test]
    fn a_ring_goes_round_and_is_red() {
        let text = draw(&samples::deadlock());
        for line in [
            r#"n2 -> n0 [label="owns", penwidth=2, color=red];"#,
            r#"n0 -> n3 [label="waits", style=dashed, color=red];"#,
            r#"n3 -> n1 [label="owns", penwidth=2, color=red];"#,
            r#"n1 -> n2 [label="waits", style=dashed, color=red];"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn names_cannot_end_their_string() {
        assert_eq!(
            quoted(&[r#"\\.\pipe\a"b"#, "x"]),
            r#""\\\\.\\pipe\\a\"b\nx""#
        );
    }
}
