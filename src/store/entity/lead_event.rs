use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "lead_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub lead_id: Uuid,
    pub kind: String,
    pub time: i64,
    pub existed: bool,
    pub was_assignee_id: Option<Uuid>,
    pub was_group_id: Option<Uuid>,
    pub was_resolve_time: Option<i64>,
    pub was_access: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
