//! Tables for people, in blocks that stand under each other.

use comfy_table::{CellAlignment, ColumnConstraint, Table, Width, presets};

/// Columns between two columns.
const GAP: u16 = 2;
/// A column is not made narrower than this to have a table fit.
const NARROWEST: u16 = 8;

/// The columns of a table whose rows come in blocks. The first block says how wide they are.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Columns of the terminal; `None` is as wide as it takes.
    available: Option<u16>,
    widths: Option<Vec<u16>>,
}

impl Columns {
    /// Columns that fit into so much.
    pub(super) fn new(available: Option<u16>) -> Self {
        Self { available, widths: None }
    }

    /// A block of rows, with titles above it if there are any; empty or with a newline at its end.
    pub(super) fn block(&mut self, titles: Option<&[String]>, rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if let Some(titles) = titles {
            table.set_header(titles.iter().map(|title| title.to_uppercase()).collect::<Vec<_>>());
        }
        for row in rows {
            table.add_row(row);
        }
        let natural = table.column_max_content_widths();
        let available = self.available;
        let widths = self.widths.get_or_insert_with(|| fit(natural, available));
        for (column, width) in table.column_iter_mut().zip(widths.iter()) {
            let whole = Width::Fixed(width.saturating_add(GAP));
            column.set_padding((0, GAP));
            column.set_cell_alignment(CellAlignment::Left);
            // Where nothing limits it, a later block may be wider rather than broken into lines.
            column.set_constraint(match available {
                Some(_) => ColumnConstraint::Absolute(whole),
                None => ColumnConstraint::LowerBoundary(whole),
            });
        }
        let text = table.trim_fmt();
        if text.is_empty() { text } else { text + "\n" }
    }
}

/// Takes from the widest columns until all fit.
fn fit(mut widths: Vec<u16>, available: Option<u16>) -> Vec<u16> {
    let Some(available) = available.map(u32::from) else { return widths };
    let gaps = u32::from(GAP) * u32::try_from(widths.len().saturating_sub(1)).unwrap_or(u32::MAX);
    loop {
        let total = widths.iter().copied().map(u32::from).sum::<u32>().saturating_add(gaps);
        let widest = widths.iter_mut().max();
        match widest.filter(|widest| total > available && **widest > NARROWEST) {
            Some(widest) => *widest -= 1,
            None => return widths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    fn titles() -> Vec<String> {
        ["id", "name"].map(str::to_owned).to_vec()
    }

    #[test]
    fn later_blocks_stand_under_the_first() {
        let mut columns = Columns::new(Some(80));
        let first = columns.block(Some(&titles()), rows(&[&["1", "Ana Maria"], &["200", ""]]));
        assert_eq!(first, "ID   NAME\n1    Ana Maria\n200\n");
        assert_eq!(columns.block(None, rows(&[&["3", "Cleo"]])), "3    Cleo\n");
        let mut free = Columns::new(None);
        assert_eq!(free.block(Some(&titles()), rows(&[&["1", "a"]])), "ID  NAME\n1   a\n");
        assert_eq!(free.block(None, rows(&[&["1234", "a very long name"]])), "1234  a very long name\n");
        assert_eq!(free.block(None, rows(&[&["1", "a"]])), "1   a\n");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut columns = Columns::new(Some(40));
        let long = "word ".repeat(30);
        for block in [
            columns.block(Some(&titles()), rows(&[&["1", &long], &["2", &"x".repeat(90)]])),
            columns.block(None, rows(&[&["1", &"日本".repeat(40)]])),
        ] {
            assert!(block.lines().all(|line| line.chars().count() <= 40), "{block}");
            assert!(block.lines().count() > 2, "{block}");
        }
        assert_eq!(fit(vec![3, 90, 50], Some(60)), [3, 27, 26]);
        assert_eq!(fit(vec![30, 30], Some(10)), [8, 8]);
        assert_eq!(fit(vec![30, 300], None), [30, 300]);
    }
}
