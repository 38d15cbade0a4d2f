//! `leadward demo`: a company of any size, straight into an empty database.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    crowd::{Base, Crowd},
    readers::READERS,
};
use crate::{
    cli::Database,
    domain::bootstrap,
    model::{ids::ProfileId, page::Page},
    store::{
        Store,
        fill::{self, Step},
        profiles, users,
    },
};

const NOT_EMPTY: &str = "this database holds a company already; name an empty one";

/// Fills an empty database with a company of any size, to see how things are with many leads.
///
/// Few of its agents have many of the leads, and few countries most of the people, as in real ones; all of it is invented. The same
/// number of leads and the same seed make the same company. Either all of it is there at the end, or nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many leads
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    leads: u64,

    /// Which of the many companies of that size
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    database: Database,
}

/// Migrates and fills a database, and says who can look at it.
///
/// # Errors
/// Where the database can't be reached, a newer version made it, or it holds a company already.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let store = Store::open(&args.database.database_url).await?;
    let schema = store.schema().await?.known()?;
    // Looked at first: somebody's company is not to be migrated by a slip.
    ensure!(schema.applied.is_empty() || fill::is_empty(&store).await?, NOT_EMPTY);
    store.migrate().await?;
    let first_token = bootstrap::first_start(&store, false).await?;
    let bar = progress_bar(args.leads)?;
    let told = bar.clone();
    fill(&store, args.leads, args.seed, move |step| tell(&told, step)).await?;
    bar.finish_and_clear();

    let token = match first_token {
        Some(token) => token,
        None => bootstrap::issue_token(&store, None, "demo").await?,
    };
    store.close().await;
    println!("{} leads in {:.0} s. The administrator's token:\n", args.leads, started.elapsed().as_secs_f64());
    println!("    {}\n", token.expose());
    println!("`leadward token` makes one for anybody else. These reach leads of a known number and kind;");
    println!("of fewer than ten million, it is less:\n");
    for reader in &READERS {
        println!("    {:36}{}", reader.email, reader.reach);
    }
    Ok(ExitCode::SUCCESS)
}

/// Fills a database that has had its first start and holds nothing else.
///
/// # Errors
/// Where it holds a company already; and the database's.
pub async fn fill(
    store: &Store,
    leads: u64,
    seed: u64,
    tell: impl Fn(Step) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    ensure!(fill::is_empty(store).await?, NOT_EMPTY);
    let crowd = Crowd::new(leads, seed, base(store).await?);
    Ok(fill::fill(store, crowd, tell).await?)
}

async fn base(store: &Store) -> anyhow::Result<Base> {
    let administrator =
        users::list(store, None, false, &Page::first(1)).await?.rows.pop().context("nobody is there")?;
    Ok(Base {
        administrator: administrator.id,
        agents: profile(store, "pre-sales").await?,
        managers: profile(store, "manager").await?,
    })
}

async fn profile(store: &Store, name: &str) -> anyhow::Result<ProfileId> {
    profiles::by_name(store, name).await?.with_context(|| format!("the profile {name} is missing"))
}

fn progress_bar(leads: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} leads  {elapsed}  {msg}")?;
    let bar = ProgressBar::new(leads).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

fn tell(bar: &ProgressBar, step: Step) {
    match step {
        Step::Leads(leads) => bar.set_position(leads),
        Step::Indexes => bar.set_message("indexing"),
        Step::Statistics => bar.set_message("gathering statistics"),
    }
}
