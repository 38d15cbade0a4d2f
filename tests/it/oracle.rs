//! Random small companies, played through the RPC of two real servers over one database, one with a cache of callers and
//! one without, and compared with a model that works every answer out the slow way.
//!
//! `LEADWARD_SEED` repeats the companies of an earlier run, `LEADWARD_CASES` says how many to make up (25).

mod company;
mod compare;
mod explain;
mod model;
mod stage;
mod words;

use std::{
    cell::Cell,
    env,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::support::Database;

mod a_random_company_sees_what_the_model_says {
    use super::{Database, run};

    #[test]
    fn sqlite() {
        run(Database::Sqlite);
    }

    #[test]
    fn postgres() {
        run(Database::Postgres);
    }
}

fn run(database: Database) {
    let seed: u64 = setting("LEADWARD_SEED").unwrap_or_else(from_clock);
    let cases: Option<u32> = setting("LEADWARD_CASES");
    let config = Config {
        cases: cases.unwrap_or(25),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 1_000,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    eprintln!("{database:?}: LEADWARD_SEED={seed}, {} companies", config.cases);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Each company gets a server of its own: a COMPLETE level would reach the leads of the others.
    let decisions = Cell::new(0);
    let outcome = TestRunner::new(config).run(&company::company(), |company| {
        let compared = runtime.block_on(stage::play(&company, database)).map_err(TestCaseError::fail)?;
        decisions.set(decisions.get() + compared);
        Ok(())
    });
    match outcome {
        Ok(()) => {
            eprintln!("{database:?}: LEADWARD_SEED={seed}, {} decisions compared", decisions.get());
            assert!(cases.is_some() || decisions.get() >= 1_000, "too few decisions to say anything");
        }
        Err(TestError::Fail(why, company)) => {
            panic!(
                "on {database:?}, repeat with LEADWARD_SEED={seed}\n{why}\n\nin the smallest company found:\n{company}"
            )
        }
        Err(TestError::Abort(why)) => panic!("LEADWARD_SEED={seed}: no companies to try: {why}"),
    }
}

pub fn setting<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")))
}

pub fn from_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() ^ u64::from(now.subsec_nanos())
}
