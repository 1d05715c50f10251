//! What the operator's commands print: aligned tables, pairs, JSON. Text from devices cannot move the cursor here.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

/// Rows under a heading, in aligned columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// An empty grid under these headings.
    pub fn new(headings: &[&str]) -> Self {
        Grid { rows: vec![headings.iter().map(|text| (*text).to_owned()).collect()] }
    }

    /// A grid of names and values, without a heading.
    pub fn pairs(pairs: &[(&str, String)]) -> Self {
        let mut grid = Grid { rows: Vec::new() };
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            grid.add(vec![(*name).to_owned(), value.clone()]);
        }
        grid
    }

    /// Adds a row.
    pub fn add(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The lines, each cell as wide as the widest of its column, two blanks between columns.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|c: &String| c.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:<width$}  ").expect("writing to a String cannot fail");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Control characters are shown and not obeyed: a device's text must not steer the operator's terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The server's JSON, indented.
pub fn json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("the types of the wire have string keys");
    text.push('\n');
    text
}

/// A moment to the second.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment that may be absent.
pub fn maybe_moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".into(), moment)
}

/// A size in the largest unit that leaves a number above one.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_control_characters_are_shown() {
        let mut grid = Grid::new(&["ID", "STATE"]);
        grid.add(vec!["a-long-one".into(), "ok".into()]);
        grid.add(vec!["é".into(), "\u{1b}[2Jgone".into()]);
        assert_eq!(grid.render(), "ID          STATE\na-long-one  ok\né           \u{fffd}[2Jgone\n");
    }

    #[test]
    fn pairs_without_a_value_are_left_out() {
        let grid = Grid::pairs(&[("product", "lamp".into()), ("boot", String::new())]);
        assert_eq!(grid.render(), "product  lamp\n");
    }
}
