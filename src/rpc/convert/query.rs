//! What lists of leads are asked for beside their filter and order, and counts.

use super::{Faults, specified};
use crate::{
    domain::{
        Error, Result,
        queries::{COUNTED, Counted, MOST_COUNTED},
    },
    model::count::{Facet, FacetCounts},
    proto,
};

impl Faults {
    /// What a use case made of a part of the request. What is wrong with that is told with the rest.
    pub fn found<T>(&mut self, part: Result<T>) -> Result<Option<T>> {
        match part {
            Ok(part) => Ok(Some(part)),
            Err(Error::Invalid(faults)) => {
                self.0.extend(faults);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// By what leads are told apart when they are counted, each facet once.
    pub fn facets(&mut self, given: &[i32]) -> Vec<Facet> {
        let mut facets = Vec::new();
        for (at, given) in given.iter().enumerate() {
            let known = match specified(*given) {
                Some(proto::LeadFacet::Kind) => Some(Facet::Kind),
                Some(proto::LeadFacet::State) => Some(Facet::State),
                Some(proto::LeadFacet::Stage) => Some(Facet::Stage),
                Some(proto::LeadFacet::Country) => Some(Facet::Country),
                Some(proto::LeadFacet::Assignee) => Some(Facet::Assignee),
                Some(proto::LeadFacet::Group) => Some(Facet::Group),
                Some(proto::LeadFacet::Unspecified) | None => None,
            };
            let known = self.some(format!("facets[{at}]"), "is not a facet", known);
            facets.extend(known.filter(|facet| !facets.contains(facet)));
        }
        facets
    }

    /// How many leads are counted at most; more than 1,000,000 are not.
    pub fn max_count(&mut self, given: i64) -> u64 {
        match u64::try_from(given) {
            Ok(0) => COUNTED,
            Ok(most) => most.min(MOST_COUNTED),
            Err(_) => {
                self.add("max_count", "is negative");
                COUNTED
            }
        }
    }
}

/// A count as sent.
pub(in crate::rpc) fn counted(counted: Counted) -> proto::CountLeadsResponse {
    let Counted { count, names } = counted;
    let value = |facet: Facet, value: Option<String>, count: u64| {
        let value = value.unwrap_or_default();
        let display_name = names.get(&value).cloned().unwrap_or_default();
        let value = match facet {
            Facet::Kind => format!("LEAD_KIND_{value}"),
            Facet::State => format!("LEAD_STATE_{value}"),
            Facet::Stage | Facet::Country | Facet::Assignee | Facet::Group => value,
        };
        proto::FacetValue { value, display_name, count: number(count) }
    };
    let counts = |FacetCounts { facet, values }: FacetCounts| proto::FacetCounts {
        facet: self::facet(facet).into(),
        values: values.into_iter().map(|(word, count)| value(facet, word, count)).collect(),
    };
    proto::CountLeadsResponse {
        count: number(count.count),
        capped: count.capped,
        facets: count.facets.into_iter().map(counts).collect(),
    }
}

fn facet(facet: Facet) -> proto::LeadFacet {
    match facet {
        Facet::Kind => proto::LeadFacet::Kind,
        Facet::State => proto::LeadFacet::State,
        Facet::Stage => proto::LeadFacet::Stage,
        Facet::Country => proto::LeadFacet::Country,
        Facet::Assignee => proto::LeadFacet::Assignee,
        Facet::Group => proto::LeadFacet::Group,
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
