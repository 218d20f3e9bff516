//! The picture as SVG: no scripts, no fonts of its own, light or dark as the viewer wishes.

use super::layout::{self, px, Curve, Layout, Placed, LETTER, LINE};
use super::picture::{Edge, Link, Picture};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Room above for the headline, and below for the legend.
const HEAD: i32 = 44;
const FOOT: i32 = 40;
/// Where headline and legend start.
const LEFT: i32 = 40;
/// Width of a letter of the headline, and of the legend.
const HEAD_LETTER: i32 = 9;
const SMALL_LETTER: i32 = 7;
/// Width of a line in the legend, with what is left free around it.
const SAMPLE: i32 = 62;

const STYLE: &str = "\
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328}
.bg{fill:#ffffff}
.name{font-size:13px;font-weight:600}
.more{font-size:11px;fill:#57606a}
.head{font-size:14px;font-weight:600}
.label{font-size:10px;fill:#57606a;stroke:#ffffff;stroke-width:3px;paint-order:stroke}
.alarm,.stuck .name{fill:#cf222e}
.box{fill:#f6f8fa;stroke:#8c959f;stroke-width:1}
.process .box{fill:#ddf4ff;stroke:#0969da}
.stuck .box{stroke:#cf222e;stroke-width:2}
.dead .box{stroke-dasharray:4 3}
.line{fill:none;stroke-width:1.5}
.opens{stroke:#afb8c1}
.serves{stroke:#1a7f37;stroke-width:2.5}
.uses{stroke:#1a7f37}
.owns{stroke:#8250df;stroke-width:2.5}
.waits{stroke:#bc4c00;stroke-dasharray:6 4}
.stuckline{stroke:#cf222e}
.tip-uses{fill:#1a7f37}
.tip-owns{fill:#8250df}
.tip-waits{fill:#bc4c00}
.tip-stuck{fill:#cf222e}
.k-event{fill:#d4a72c}.k-mutex{fill:#8250df}.k-semaphore{fill:#1b7c83}.k-timer{fill:#bf3989}
.k-mailslot{fill:#1a7f37}.k-pipe{fill:#0969da}.k-other{fill:#8c959f}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.bg{fill:#0d1117}
.more{fill:#9198a1}
.label{fill:#9198a1;stroke:#0d1117}
.alarm,.stuck .name{fill:#ff7b72}
.box{fill:#161b22;stroke:#656c76}
.process .box{fill:#0c2d6b;stroke:#4493f8}
.stuck .box{stroke:#ff7b72}
.opens{stroke:#4b535d}
.serves,.uses{stroke:#3fb950}
.owns{stroke:#ab7df8}
.waits{stroke:#f0883e}
.stuckline{stroke:#ff7b72}
.tip-uses{fill:#3fb950}.tip-owns{fill:#ab7df8}.tip-waits{fill:#f0883e}.tip-stuck{fill:#ff7b72}
}
";

pub(super) fn draw(picture: &Picture) -> String {
    let layout = layout::lay_out(picture);
    let head_width = px(headline(picture).width()) * HEAD_LETTER;
    let width = layout
        .width
        .max(2 * LEFT + head_width.max(legend_width(picture)));
    let height = layout.height + HEAD + FOOT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        escaped(&headline(picture))
    );
    markers(&mut out);
    let _ = writeln!(
        out,
        "<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>"
    );
    head(&mut out, picture);
    let _ = writeln!(out, "<g transform=\"translate(0 {HEAD})\">");
    body(&mut out, picture, &layout);
    out.push_str("</g>\n");
    legend(&mut out, picture, height - FOOT / 2);
    out.push_str("</svg>\n");
    out
}

/// The points of arrows, one for each colour: a line's own colour cannot be asked for everywhere.
fn markers(out: &mut String) {
    out.push_str("<defs>");
    for name in ["uses", "owns", "waits", "stuck"] {
        let _ = write!(
            out,
            "<marker id=\"{name}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\">\
             <path class=\"tip-{name}\" d=\"M0 0L10 5L0 10z\"/></marker>"
        );
    }
    out.push_str("</defs>\n");
}

fn headline(picture: &Picture) -> String {
    let place = crate::text::line(picture.place.as_bytes());
    match picture.nodes.is_empty() {
        true => format!("tong: nothing is in use in {place}"),
        false => format!("tong: {} in {place}", picture.counts()),
    }
}

fn head(out: &mut String, picture: &Picture) {
    let text = escaped(&headline(picture));
    let class = if picture.rings.is_empty() {
        "head"
    } else {
        "head alarm"
    };
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{LEFT}\" y=\"34\">{text}</text>"
    );
}

fn body(out: &mut String, picture: &Picture, layout: &Layout) {
    // Red lines last, so that nothing lies over them.
    let mut curves: Vec<&Curve> = layout.curves.iter().collect();
    curves.sort_by_key(|curve| {
        let edge = &picture.edges[curve.edge];
        (edge.is_stuck, edge.link)
    });
    for curve in &curves {
        line(out, picture, curve);
    }
    for placed in &layout.boxes {
        match placed.nodes[..] {
            [] => {}
            [node] => single(out, picture, placed, node),
            _ => many(out, picture, placed),
        }
    }
    for curve in &curves {
        label(out, &picture.edges[curve.edge], curve);
    }
}

fn line(out: &mut String, picture: &Picture, curve: &Curve) {
    let edge = &picture.edges[curve.edge];
    let class = edge.link.word();
    let tip = if edge.is_stuck { "stuck" } else { class };
    let arrow = match edge.link {
        Link::Waits | Link::Uses => format!(" marker-end=\"url(#{tip})\""),
        Link::Owns => format!(" marker-start=\"url(#{tip})\""),
        Link::Serves | Link::Opens => String::new(),
    };
    let stuck = if edge.is_stuck { " stuckline" } else { "" };
    let (process, other) = (&picture.nodes[edge.process], &picture.nodes[edge.other]);
    let _ = writeln!(
        out,
        "<path class=\"line {class}{stuck}\" d=\"{}\"{arrow}><title>{}</title></path>",
        curve.path,
        escaped(
            format!(
                "{} {class} {} {}",
                process.title(),
                other.title(),
                edge.label
            )
            .trim_end()
        )
    );
}

/// What a line says, in the middle of it.
fn label(out: &mut String, edge: &Edge, curve: &Curve) {
    if edge.label.is_empty() || edge.label.width() > 20 {
        return;
    }
    let (x, y) = curve.middle;
    let _ = writeln!(
        out,
        "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        x,
        y + 3,
        escaped(&edge.label)
    );
}

/// A box with one process or object.
fn single(out: &mut String, picture: &Picture, placed: &Placed, index: usize) {
    let node = &picture.nodes[index];
    let mut class = if node.is_process() {
        "process"
    } else {
        "object"
    }
    .to_owned();
    if node.is_stuck {
        class.push_str(" stuck");
    }
    if node.is_dead {
        class.push_str(" dead");
    }
    let Placed {
        x,
        y,
        width,
        height,
        ..
    } = *placed;
    let radius = if node.is_process() { 3 } else { 12 };
    let (name, more) = node.label();
    let text_x = x + 14;
    let text_y = y + height / 2;
    let _ = writeln!(
        out,
        "<g class=\"{class}\"><title>{}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
         height=\"{height}\" rx=\"{radius}\"/>{}<text class=\"name\" x=\"{text_x}\" y=\"{}\">{}</text>\
         <text class=\"more\" x=\"{text_x}\" y=\"{}\">{}</text></g>",
        escaped(&node.title()),
        dot(&node.kind, node.is_process(), x + width - 12, y + 11),
        text_y - 3,
        escaped(&name),
        text_y + 13,
        escaped(&more)
    );
}

/// A box with many objects of one process.
fn many(out: &mut String, picture: &Picture, placed: &Placed) {
    let Placed {
        x,
        y,
        width,
        height,
        ..
    } = *placed;
    let _ = writeln!(
        out,
        "<g class=\"object\"><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"12\"/>"
    );
    let lines = placed.nodes.len().div_ceil(placed.columns);
    for (place, index) in placed.nodes.iter().enumerate() {
        let node = &picture.nodes[*index];
        let (column, row) = (px(place / lines), px(place % lines));
        let left = x + 14 + column * placed.column_width;
        let base = y + 18 + row * LINE;
        let (name, more) = node.label();
        let more_x = left + 12 + (px(name.width()) + 1) * LETTER;
        let _ = writeln!(
            out,
            "<g><title>{}</title>{}<text class=\"name\" x=\"{}\" y=\"{base}\">{}</text>\
             <text class=\"more\" x=\"{more_x}\" y=\"{base}\">{}</text></g>",
            escaped(&node.title()),
            dot(&node.kind, false, left, base - 4),
            left + 10,
            escaped(&name),
            escaped(&more)
        );
    }
    out.push_str("</g>\n");
}

/// The colour of a kind of object.
fn dot(kind: &str, is_process: bool, x: i32, y: i32) -> String {
    if is_process {
        return String::new();
    }
    let known = ["event", "mutex", "semaphore", "timer", "mailslot", "pipe"];
    let class = if known.contains(&kind) { kind } else { "other" };
    format!("<circle class=\"k-{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>")
}

/// What the lines mean, as far as there are any.
fn legend(out: &mut String, picture: &Picture, y: i32) {
    let mut x = LEFT;
    for link in links(picture) {
        let arrow = match link {
            Link::Serves | Link::Opens => String::new(),
            _ => format!(" marker-end=\"url(#{})\"", link.word()),
        };
        let (class, text) = (link.word(), meaning(link));
        let _ = writeln!(
            out,
            "<path class=\"line {class}\" d=\"M{x} {}h34\"{arrow}/><text class=\"more\" x=\"{}\" y=\"{y}\">{text}</text>",
            y - 4,
            x + 42
        );
        x += SAMPLE + px(text.len()) * SMALL_LETTER;
    }
}

fn legend_width(picture: &Picture) -> i32 {
    let widths = links(picture).map(|link| SAMPLE + px(meaning(link).len()) * SMALL_LETTER);
    widths.sum()
}

/// The sorts of lines that are in the picture.
fn links(picture: &Picture) -> impl Iterator<Item = Link> + '_ {
    let is_there = |link: &Link| picture.edges.iter().any(|edge| edge.link == *link);
    Link::ALL.into_iter().filter(is_there)
}

/// What a line means, read from its beginning to its point.
fn meaning(link: Link) -> &'static str {
    match link {
        Link::Waits => "waits for",
        Link::Owns => "is owned by",
        Link::Serves => "serves",
        Link::Uses => "is a client of",
        Link::Opens => "has open",
    }
}

/// A text as XML writes it. Control characters were made visible before, for not even escaped ones are allowed.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            '\t' => out.push(' '),
            _ if letter.is_control() => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::picture::samples;
    use super::*;

    #[test]
    fn a_deadlock_is_red_all_round() {
        let svg = draw(&samples::deadlock());
        assert_eq!(svg.matches("stuckline\"").count(), 4, "{svg}");
        assert_eq!(svg.matches("<g class=\"process stuck\">").count(), 2);
        assert_eq!(svg.matches("<g class=\"object stuck\">").count(), 2);
        assert!(svg.contains("head alarm") && svg.contains("1 deadlock in /run/names"));
        assert!(svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn names_cannot_leave_their_text() {
        let mut picture = samples::deadlock();
        picture.nodes[2].name = "</text><script>\"&'\u{1}\u{ffff}\n".to_owned();
        let svg = draw(&picture);
        assert!(!svg.contains("<script>"), "{svg}");
        assert!(
            svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&amp;'"),
            "{svg}"
        );
        assert!(!svg.contains('\u{1}') && !svg.contains('\u{ffff}'));
    }

    #[test]
    fn nothing_is_a_picture_too() {
        let svg = draw(&Picture::default());
        assert!(svg.contains("nothing is in use") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn the_same_picture_is_drawn_the_same_way() {
        assert_eq!(draw(&samples::crowd(9, 40)), draw(&samples::crowd(9, 40)));
    }
}
