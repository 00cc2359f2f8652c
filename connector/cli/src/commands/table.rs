//! Tables for people: columns, no lines, no trailing spaces.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table whose columns at these places stand to the right.
pub(super) fn plain(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    // Piped or not, a row is one line: what reads it goes by lines.
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // The first column begins at the left margin, where the eye looks for it.
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    table
}
