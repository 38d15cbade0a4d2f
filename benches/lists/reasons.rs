//! Why some questions cost what they do, as far as it is known.

/// Why a reader's list takes long in this order and under this filter.
pub fn why(reach: &str, order_by: &str, filter: &str) -> Option<&'static str> {
    match (filter, order_by, reach) {
        ("substring", "", "everything") => Some(
            "the first page is read along the texts, which have the same order; later ones look each lead's text up",
        ),
        ("substring", ..) => {
            Some("too many leads have the text for all of them to be sorted: it is looked up for each lead on the way")
        }
        ("rare substring", ..) => Some("what the index of texts finds is looked at lead by lead, and sorted"),
        (_, "name" | "country" | "stage", "1k own + 2k granted" | "old leads alone") => {
            Some("no index has a user's leads in this order: all of them are looked at, and sorted")
        }
        (_, "name" | "country" | "stage", "20k own + 500k granted" | "3 groups" | "20 groups") => {
            Some("no index has these leads alone in this order: that of all leads is walked, past those of others")
        }
        ("none" | "stage", "", "3 groups" | "20 groups") => Some(
            "few leads are left at the end of the list: PostgreSQL thinks that worth a plan of its own, call after call",
        ),
        ("stage" | "stage+country", ..) => {
            Some("the walk goes past the leads that the filter leaves out until the page is full")
        }
        _ => None,
    }
}
