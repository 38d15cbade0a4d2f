//! Parts of ordered lists.

use super::order::Cursor;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Slice {
    /// How many rows at most, 1 to 1,000.
    pub size: u32,
    /// The place of the last row of the page before, in the same order; none: from the start.
    pub after: Option<Cursor>,
}

/// The rows of a page, and where the next one begins; none: this was the last.
#[derive(Clone, Debug)]
pub struct Sliced<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The place of the last row, if there are more.
    pub next: Option<Cursor>,
}
