//! How much of a list is asked for.

use uuid::Uuid;

/// One page of a list: a keyset, since offsets skip and repeat rows under change.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many rows at most, 1 to 1,000.
    pub size: u32,
    /// The last row of the page before; none: from the start.
    pub after: Option<Uuid>,
}

impl Page {
    /// How many rows a page has where the call doesn't say.
    pub const DEFAULT_SIZE: u32 = 50;
    /// The most rows that a page has.
    pub const MAX_SIZE: u32 = 1000;

    /// The first `size` rows.
    pub const fn first(size: u32) -> Self {
        Self { size, after: None }
    }

    /// Cuts rows fetched with one more than the page's size, and says where the next page begins.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> Uuid) -> Paged<T> {
        let more = rows.len() > self.size as usize;
        rows.truncate(self.size as usize);
        let next = if more { rows.last().map(key) } else { None };
        Paged { rows, next }
    }
}

/// The rows of a page, and the key after which the next page begins; none: this was the last.
#[derive(Clone, Debug)]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The last row's key, if there are more.
    pub next: Option<Uuid>,
}
