//! The vocabulary of leadward. No I/O, no proto, no ORM: types that can't hold a wrong value once they are made.

pub mod assignment;
pub mod contact;
pub mod count;
pub mod deposit;
pub mod distribution;
pub mod history;
pub mod ids;
pub mod lead;
pub mod lead_access;
pub mod lead_event;
pub mod money;
pub mod order;
pub mod page;
pub mod permission;
pub mod permission_change;
pub mod pick_list;
pub mod report;
pub mod settings;
pub mod user;

/// An instant, by the database's clock, in whole microseconds.
pub type Time = chrono::DateTime<chrono::Utc>;

/// Implements the words by which an enum is stored and spoken of in errors.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word by which it is stored and spoken of.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;
