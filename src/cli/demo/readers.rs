//! People whose leads are of a known number and kind, to see what lists cost each of them.

use super::dice::Part;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Their e-mail address.
    pub email: &'static str,
    /// What they reach, in a company of ten million leads; of fewer, it is less.
    pub reach: &'static str,
}

/// All of them.
pub static READERS: [Reader; 7] = [
    Reader { email: "nothing@readers.example.com", reach: "nothing" },
    Reader { email: "few@readers.example.com", reach: "1k own + 2k granted" },
    Reader { email: "many@readers.example.com", reach: "20k own + 500k granted" },
    Reader { email: "dormant@readers.example.com", reach: "old leads alone" },
    Reader { email: "three.groups@readers.example.com", reach: "3 groups" },
    Reader { email: "twenty.groups@readers.example.com", reach: "20 groups" },
    Reader { email: "everything@readers.example.com", reach: "everything" },
];

// Their places in the list.
pub(super) const NOTHING: usize = 0;
pub(super) const FEW: usize = 1;
pub(super) const MANY: usize = 2;
pub(super) const DORMANT: usize = 3;
pub(super) const THREE_GROUPS: usize = 4;
pub(super) const TWENTY_GROUPS: usize = 5;
pub(super) const EVERYTHING: usize = 6;

/// Which of so many leads are whose own. No lead is two people's where the number of leads has enough zeros at its end.
pub(super) fn own(leads: u64) -> [(usize, Part); 5] {
    let old = leads / 20;
    [
        (FEW, Part { every: (leads / 1_000).max(100), at: 1, end: leads }),
        (MANY, Part { every: 500, at: 3, end: leads }),
        (DORMANT, Part { every: (old / 1_000).max(20), at: 7, end: old }),
        (THREE_GROUPS, Part { every: 500, at: 11, end: leads }),
        (TWENTY_GROUPS, Part { every: 500, at: 13, end: leads }),
    ]
}

/// Which of so many leads are granted to whom.
pub(super) fn granted(leads: u64) -> [(usize, Part); 3] {
    let old = leads / 20;
    [
        (FEW, Part { every: (leads / 2_000).max(50), at: 2, end: leads }),
        (MANY, Part { every: 20, at: 5, end: leads }),
        (DORMANT, Part { every: (old / 2_000).max(20), at: 9, end: old }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(parts: &[(usize, Part)], reader: usize, leads: u64) -> usize {
        let part = parts.iter().find(|(of, _)| *of == reader).map(|(_, part)| part).unwrap();
        (0..leads).filter(|lead| part.has(*lead)).count()
    }

    #[test]
    fn readers_have_what_they_are_said_to_have() {
        const LEADS: u64 = 2_000_000;
        let (own, granted) = (own(LEADS), granted(LEADS));
        assert_eq!([count(&own, FEW, LEADS), count(&granted, FEW, LEADS)], [1_000, 2_000]);
        assert_eq!([count(&own, MANY, LEADS), count(&granted, MANY, LEADS)], [4_000, 100_000]);
        assert_eq!([count(&own, DORMANT, LEADS), count(&granted, DORMANT, LEADS)], [1_000, 2_000]);
        let owned = (0..LEADS).map(|lead| own.iter().filter(|(_, part)| part.has(lead)).count());
        assert_eq!(owned.max(), Some(1), "a lead is two people's");
    }
}
