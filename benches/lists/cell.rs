//! What one question costs, on its first page and on a deep one.

use std::{
    fmt,
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{
    buffers,
    lookup::Lookup,
    reader::{Place, Question, Reader},
    reasons,
};

/// How many calls of each kind.
const FEWEST: usize = 10;
const MOST: usize = 100;
/// Once there are the fewest.
const LONGEST: Duration = Duration::from_secs(5);
/// Calls before: PostgreSQL plans a statement anew the first five times on each of the service's connections, of which three or four are in use.
const WARM_UP: usize = 30;
const LONGEST_WARM_UP: Duration = Duration::from_secs(3);

const MOST_BUFFERS_BY_CREATION: u64 = 600;
const MOST_BUFFERS_BY_CONTACT: u64 = 5_000;
const MOST_OF_PAGE_1: f64 = 1.2;
const MOST_OF_LOOKUP: f64 = 100.0;

/// A question's first page, and its deep one if it has so many.
pub struct Pair {
    first: Cell,
    deep: Option<Cell>,
}

pub struct Cell {
    reach: &'static str,
    order_by: &'static str,
    filter: &'static str,
    page: usize,
    leads: usize,
    median: Duration,
    p99: Duration,
    buffers: Option<u64>,
    of_lookup: f64,
    of_get_lead: f64,
}

/// A target that a cell misses.
pub struct Miss {
    pub cell: String,
    pub what: String,
    pub why: Option<&'static str>,
}

impl Pair {
    pub async fn measure(reader: &Reader, question: &Question, ids: &[String], lookup: &Lookup) -> Self {
        let first = Place { page: 1, token: String::new() };
        let deep = reader.deep(question).await;
        let mut times = Times::default();
        let mut started = Instant::now();
        for _ in 0..WARM_UP {
            if started.elapsed() > LONGEST_WARM_UP {
                break;
            }
            reader.page(question, &first).await;
            if let Some(deep) = &deep {
                reader.page(question, deep).await;
            }
        }
        started = Instant::now();
        let mut leads = (0, 0);
        for run in 0..MOST {
            if run >= FEWEST && started.elapsed() > LONGEST {
                break;
            }
            let begun = Instant::now();
            leads.0 = reader.page(question, &first).await;
            let of_first = begun.elapsed();
            let begun = Instant::now();
            if let Some(deep) = &deep {
                leads.1 = reader.page(question, deep).await;
            }
            let of_deep = begun.elapsed();
            let id = &ids[run % ids.len()];
            let begun = Instant::now();
            reader.get(id).await;
            let of_get_lead = begun.elapsed();
            let id: Uuid = id.parse().unwrap();
            let begun = Instant::now();
            lookup.find(id).await;
            let of_lookup = begun.elapsed();
            times.first.push(of_first);
            times.deep.push(of_deep);
            times.get_lead.push(of_get_lead);
            times.lookup.push(of_lookup);
        }
        let get_lead = percentile(&mut times.get_lead, 50);
        let bare = percentile(&mut times.lookup, 50);
        let cell = async |place: &Place, leads, mut times: Vec<Duration>| {
            let median = percentile(&mut times, 50);
            let observed = async || reader.observed_page(question, place).await;
            let buffers = if reader.is_observed() { Some(buffers::most(observed).await) } else { None };
            Cell {
                reach: reader.reach,
                order_by: question.order_by,
                filter: question.filter_name,
                page: place.page,
                leads,
                median,
                p99: percentile(&mut times, 99),
                buffers,
                of_lookup: median.as_secs_f64() / bare.as_secs_f64(),
                of_get_lead: median.as_secs_f64() / get_lead.as_secs_f64(),
            }
        };
        let deep = match &deep {
            Some(place) => Some(cell(place, leads.1, times.deep).await),
            None => None,
        };
        Self { first: cell(&first, leads.0, times.first).await, deep }
    }

    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        [&self.first].into_iter().chain(&self.deep)
    }

    /// The targets that it misses.
    pub fn misses(&self) -> Vec<Miss> {
        let mut misses: Vec<Miss> = self.cells().flat_map(Cell::misses).collect();
        if let Some(deep) = self.deep.as_ref().filter(|deep| deep.order_by.is_empty()) {
            let ratio = deep.median.as_secs_f64() / self.first.median.as_secs_f64();
            if ratio > MOST_OF_PAGE_1 {
                let what = format!("{ratio:.2} times page 1, at most {MOST_OF_PAGE_1}");
                let why = reasons::why(deep.reach, deep.order_by, deep.filter);
                misses.push(Miss { cell: deep.name(), what, why });
            }
        }
        misses
    }
}

#[derive(Default)]
struct Times {
    first: Vec<Duration>,
    deep: Vec<Duration>,
    get_lead: Vec<Duration>,
    lookup: Vec<Duration>,
}

/// By rank: the smallest that so many of a hundred don't exceed.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

impl Cell {
    pub const HEADER: &str = "reader                   order              filter            page   leads  median ms     \
                              p99 ms   buffers   x lookup  x GetLead";

    fn order(&self) -> &'static str {
        if self.order_by.is_empty() { "created" } else { self.order_by }
    }

    fn name(&self) -> String {
        format!("{}, by {}, filter {}, page {}", self.reach, self.order(), self.filter, self.page)
    }

    fn misses(&self) -> Vec<Miss> {
        let most = match self.order_by {
            "" => MOST_BUFFERS_BY_CREATION,
            "next_contact_time" => MOST_BUFFERS_BY_CONTACT,
            _ => u64::MAX,
        };
        let miss = |what| {
            let why = reasons::why(self.reach, self.order_by, self.filter);
            Miss { cell: self.name(), what, why }
        };
        let mut misses = Vec::new();
        if let Some(buffers) = self.buffers.filter(|buffers| *buffers > most) {
            misses.push(miss(format!("{buffers} buffers, at most {most}")));
        }
        if self.of_lookup > MOST_OF_LOOKUP {
            misses.push(miss(format!("{:.0} times the bare lookup, at most {MOST_OF_LOOKUP}", self.of_lookup)));
        }
        misses
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let buffers = self.buffers.map_or("-".to_owned(), |buffers| buffers.to_string());
        write!(
            f,
            "{:24} {:18} {:15} {:>6} {:>7} {:>10.2} {:>10.2} {:>9} {:>10.1} {:>10.1}",
            self.reach,
            self.order(),
            self.filter,
            self.page,
            self.leads,
            millis(self.median),
            millis(self.p99),
            buffers,
            self.of_lookup,
            self.of_get_lead,
        )
    }
}
