//! `updraft operator`: who may do what, and the tokens that prove it.

use super::{Outcome, Session, print};
use crate::cli::args::{Operator, Role};
use crate::cli::client::{ClientError, segment};
use crate::cli::output::{self, Grid};
use crate::cli::secret;
use crate::http::wire::{NewOperator, NewPassword, OperatorBody, OperatorWithToken, Page, RoleBody};

pub(super) fn run(session: &Session, command: Operator) -> Result<Outcome, ClientError> {
    match command {
        Operator::Add { name, role, for_tenant } => {
            let body = NewOperator { name, tenant: for_tenant, role: wire_role(role) };
            let made: OperatorWithToken = session.client.post("operators", &body)?;
            session.show(&made, |made| {
                format!(
                    "operator {} ({} of {})\ntoken  {}\n\nShown only now. To use it: export UPDRAFT_TOKEN=...\n",
                    made.operator.name,
                    role_text(made.operator.role),
                    tenant_text(&made.operator),
                    made.token
                )
            })?;
        }
        Operator::List => list(session)?,
        Operator::Password { name, remove: true } => {
            session.client.delete(&password_path(&name))?;
            print(&format!("operator {name} has no password any more\n"))?;
        }
        Operator::Password { name, remove: false } => {
            let failed = |cause| ClientError::File { path: "the password".into(), cause };
            let password = secret::read().map_err(failed)?.reveal().to_owned();
            session.client.put(&password_path(&name), &NewPassword { password })?;
            print(&format!("operator {name} has a new password\n"))?;
        }
        Operator::Rm { name } => {
            session.client.delete(&format!("operators/{}", segment(&name)))?;
            print(&format!("operator {name} is removed\n"))?;
        }
    }
    Ok(Outcome::Done)
}

fn password_path(name: &str) -> String {
    format!("operators/{}/password", segment(name))
}

fn list(session: &Session) -> Result<(), ClientError> {
    let page: Page<OperatorBody> = session.client.get("operators", &[])?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["OPERATOR", "ROLE", "TENANT", "SINCE"]);
        for operator in &page.items {
            grid.add(vec![
                operator.name.clone(),
                role_text(operator.role).into(),
                tenant_text(operator),
                output::moment(operator.created),
            ]);
        }
        grid.render()
    })
}

fn wire_role(role: Role) -> RoleBody {
    match role {
        Role::Admin => RoleBody::Admin,
        Role::Observer => RoleBody::Observer,
    }
}

fn role_text(role: RoleBody) -> &'static str {
    match role {
        RoleBody::Admin => "admin",
        RoleBody::Observer => "observer",
    }
}

fn tenant_text(operator: &OperatorBody) -> String {
    operator.tenant.clone().unwrap_or_else(|| "all tenants".into())
}
