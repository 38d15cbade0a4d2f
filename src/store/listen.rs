//! What PostgreSQL tells of changes of rights. Whoever misses some of it is only slower to let go of what they keep.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend, sqlx::postgres::PgListener};
use tokio::sync::mpsc;

use super::{Store, fence::CHANNEL};
use crate::model::ids::UserId;

const PAUSE: Duration = Duration::from_secs(1);

impl Store {
    /// Sends each user whose rights have changed, or none where everyone's have. Goes on until it is dropped; on SQLite
    /// there is nothing to hear.
    pub async fn listen_for_rights(&self, heard: mpsc::Sender<Option<UserId>>) {
        if self.read.get_database_backend() != DbBackend::Postgres {
            return;
        }
        loop {
            if let Err(error) = listen(&self.read, &heard).await {
                tracing::warn!(%error, "changes of rights are not heard of");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn listen(db: &DatabaseConnection, heard: &mpsc::Sender<Option<UserId>>) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect_with(db.get_postgres_connection_pool()).await?;
    // Once it is lost, what was missed is dealt with before another is made.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // What was said before is lost.
    let mut said = Some(None);
    while let Some(user) = said {
        if heard.send(user).await.is_err() {
            break;
        }
        // None: the connection was lost.
        said = listener.try_recv().await?.map(|notice| notice.payload().parse().ok());
    }
    Ok(())
}
