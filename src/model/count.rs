//! How many leads there are, and of what sorts.

/// What leads are sorted into.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Facet {
    /// How far the person has come.
    Kind,
    /// Where the work stands.
    State,
    /// The stage.
    Stage,
    /// The country.
    Country,
    /// Who works them.
    Assignee,
    /// The team that they belong to.
    Group,
}

/// How many leads there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// So many, up to the cap.
    pub count: u64,
    /// Whether there are more.
    pub capped: bool,
    /// Of what sorts those counted are, in the order asked; where there are more, the newest are counted.
    pub facets: Vec<FacetCounts>,
}

/// How many leads there are of each sort.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacetCounts {
    /// By what.
    pub facet: Facet,
    /// Words as stored, names of stages, IDs as text; none for what is unset. The most first.
    pub values: Vec<(Option<String>, u64)>,
}
