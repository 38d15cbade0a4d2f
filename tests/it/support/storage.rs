use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
};

use leadward::store::Store;
use sea_orm::{ConnectionTrait, Database as Connect, DatabaseConnection, DbBackend, Statement};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A database of its own, removed when dropped.
pub struct Storage {
    url: String,
    place: Place,
}

enum Place {
    Folder { _folder: TempDir },
    Server { admin_url: String, name: String },
}

impl Storage {
    /// One without anything in it.
    pub async fn create(database: Database) -> Self {
        match database {
            Database::Sqlite => {
                let folder = TempDir::new().unwrap();
                Self { url: url_of(&file(folder.path())), place: Place::Folder { _folder: folder } }
            }
            Database::Postgres => Self::on_server("").await,
        }
    }

    /// One with the schema and nothing else: a copy, since making the schema takes longer than most tests.
    pub async fn migrated(database: Database) -> Self {
        match database {
            Database::Sqlite => {
                static SCHEMA: OnceCell<Vec<u8>> = OnceCell::const_new();
                let schema = SCHEMA.get_or_init(|| async {
                    let folder = TempDir::new().unwrap();
                    migrate(&url_of(&file(folder.path()))).await;
                    fs::read(file(folder.path())).unwrap()
                });
                let folder = TempDir::new().unwrap();
                fs::write(file(folder.path()), schema.await).unwrap();
                Self { url: url_of(&file(folder.path())), place: Place::Folder { _folder: folder } }
            }
            Database::Postgres => {
                static SCHEMA: OnceCell<String> = OnceCell::const_new();
                let schema = SCHEMA.get_or_init(|| async {
                    let (admin_url, name) = (admin_url(), new_name());
                    execute(&admin_url, &format!("CREATE DATABASE {name}")).await;
                    migrate(&with_database(&admin_url, &name)).await;
                    name
                });
                Self::on_server(&format!("TEMPLATE {}", schema.await)).await
            }
        }
    }

    async fn on_server(template: &str) -> Self {
        let (admin_url, name) = (admin_url(), new_name());
        execute(&admin_url, &format!("CREATE DATABASE {name} {template}")).await;
        Self { url: with_database(&admin_url, &name), place: Place::Server { admin_url, name } }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let Place::Server { admin_url, name } = &self.place else { return };
        let (admin_url, sql) = (admin_url.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&admin_url, &sql));
        });
        // A database left behind harms nobody; the server of the tests goes away with its folder.
        dropping.join().ok();
    }
}

/// Every row of every table as text, each headed by its table's name; bytes in hexadecimal.
pub async fn database_rows(url: &str) -> Vec<String> {
    let db = Connect::connect(url).await.unwrap();
    let mut rows = Vec::new();
    for table in tables(&db).await {
        let sql = match db.get_database_backend() {
            DbBackend::Sqlite => format!("SELECT {} FROM \"{table}\"", quoted_columns(&db, &table).await),
            _ => format!("SELECT t::text FROM \"{table}\" t"),
        };
        rows.extend(texts(&db, &sql).await.into_iter().map(|row| format!("{table}: {row}")));
    }
    db.close().await.unwrap();
    rows
}

fn file(folder: &Path) -> PathBuf {
    folder.join("leadward.db")
}

fn url_of(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

fn admin_url() -> String {
    env::var("LEADWARD_TEST_POSTGRES_URL").expect("a PostgreSQL server: run `make test`")
}

fn new_name() -> String {
    format!("leadward_test_{}", Uuid::now_v7().simple())
}

async fn migrate(url: &str) {
    let store = Store::open(url).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

fn with_database(url: &str, name: &str) -> String {
    let (base, options) = url.split_once('?').map_or((url, None), |(base, options)| (base, Some(options)));
    let server = base.rsplit_once('/').expect("a URL that names a database").0;
    match options {
        Some(options) => format!("{server}/{name}?{options}"),
        None => format!("{server}/{name}"),
    }
}

async fn execute(url: &str, sql: &str) {
    let db = Connect::connect(url).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

async fn tables(db: &DatabaseConnection) -> Vec<String> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
        _ => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
    };
    texts(db, sql).await
}

async fn quoted_columns(db: &DatabaseConnection, table: &str) -> String {
    let columns = texts(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
    let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
    quoted.join(" || ', ' || ")
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
