//! What every test stands on: a server with a fresh database, people who call it, and words for what is expected.

mod builders;
mod caller;
mod calls;
mod dice;
mod life;
pub mod process;
mod refusal;
mod server;
mod storage;
mod wire;

pub use builders::{
    ACTIONS, client_row, every_action, groups_permission, named, permission, profile, seconds, seconds_from_now,
};
pub use caller::Caller;
pub use calls::{call_on_lead, methods};
pub use dice::Dice;
pub use life::{Batch, BatchKind, Told, Watch, call, euros, note, seconds_ago};
pub use process::Serve;
pub use refusal::{answer, fact, faults, item_status, reason, refused};
pub use server::{RunningServer, TestServer};
pub use storage::{Database, Storage, database_rows};
pub use wire::Wire;

/// Makes of each function a module of its name with two tests, `sqlite` and `postgres`, each on a server of its own.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($t:ident: $server:ty) $body:block)+) => {$(
        $(#[$meta])*
        async fn $name($t: $server) $body

        mod $name {
            use crate::support::{Database, TestServer};

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                Box::pin(super::$name(TestServer::start(Database::Sqlite).await)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                Box::pin(super::$name(TestServer::start(Database::Postgres).await)).await;
            }
        }
    )+};
}
pub(crate) use on_both_databases;
