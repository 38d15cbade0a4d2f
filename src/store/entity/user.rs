use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub email: Option<String>,
    pub email_key: Option<String>,
    pub kind: String,
    pub state: String,
    pub profile_id: Uuid,
    pub desk: Option<String>,
    pub create_time: i64,
    pub update_time: i64,
    pub version: i64,
    pub permissions_version: i64,
    pub rights_version: i64,
    pub last_assign_time: Option<i64>,
    pub away_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
