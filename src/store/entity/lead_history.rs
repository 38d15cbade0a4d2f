use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "lead_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub lead_id: Uuid,
    pub kind: String,
    pub time: i64,
    pub actor_id: Uuid,
    pub on_behalf_of: Option<Uuid>,
    pub changes: String,
    pub activity: Option<String>,
    pub decision: Option<String>,
    pub batch_id: Option<Uuid>,
    pub replaced: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
