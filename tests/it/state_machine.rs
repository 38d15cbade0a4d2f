//! Random calls on a few leads by an administrator and an agent, compared call by call with a small model of what a lead's
//! life is; in the end each lead's history must be exactly what was acknowledged, and lead to what the lead is.
//!
//! `LEADWARD_SEED` repeats the calls of an earlier run, `LEADWARD_CASES` says how many lives to make up (16).

mod calls;
mod model;
mod stage;
mod steps;

use std::cell::Cell;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::{
    oracle::{from_clock, setting},
    support::Database,
};

mod a_lead_lives_as_the_model_says {
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
        cases: cases.unwrap_or(16),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 1_000,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    eprintln!("{database:?}: LEADWARD_SEED={seed}, {} lives", config.cases);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let changes = Cell::new(0);
    let outcome = TestRunner::new(config).run(&steps::steps(), |steps| {
        let made = runtime.block_on(stage::play(&steps, database)).map_err(TestCaseError::fail)?;
        changes.set(changes.get() + made);
        Ok(())
    });
    match outcome {
        Ok(()) => {
            eprintln!("{database:?}: LEADWARD_SEED={seed}, {} changes", changes.get());
            assert!(cases.is_some() || changes.get() >= 200, "too few changes to say anything");
        }
        Err(TestError::Fail(why, steps)) => {
            panic!(
                "on {database:?}, repeat with LEADWARD_SEED={seed}\n{why}\n\nin the shortest life found:\n{steps:#?}"
            )
        }
        Err(TestError::Abort(why)) => panic!("LEADWARD_SEED={seed}: no lives to try: {why}"),
    }
}
